"""The mapping of a file's columns to observations, and the handling of missing, out-of-range and unknown values."""

from __future__ import annotations

import re
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from croupier.errors import InputError
from croupier.evaluation.datasets.delimited import TextFormat

T = TypeVar("T")
MISSING = ("reject", "leave", "constant", "guest")
TYPES = ("string", "number", "time")


@dataclass(frozen=True)
class Field:
    """The source of one value of an observation.

    Attributes:
        column: Column of the file; None if `value` is given.
        value: A constant for all rows.
        values: Translation of the column's values; rows with other values are rejected.
        missing: Treatment of a missing value: "reject" the row; "leave" the value out; use the "constant"; or, for a
            unit, "guest": one unit per value of the column `by`, such as an order or a session.
        constant: The value used with `missing="constant"`.
        by: The column used with `missing="guest"`.
        type: "string", "number" or "time".
        least: The smallest valid number or time; rows with a smaller one are rejected.
        most: The largest valid number or time; rows with a larger one are rejected.
        time: Format of times: "seconds" or "milliseconds" since 1970, "iso", or a format of `datetime.strptime`.
        zone: Time zone of times that do not name one.

    Raises:
        InputError: Options contradict each other, or one is unknown.
    """

    column: str | None = None
    value: Any = None
    values: AnyMapping[str, str] | None = None
    missing: str = "reject"
    constant: Any = None
    by: str | None = None
    type: str = "string"
    least: float = float("-inf")
    most: float = float("inf")
    time: str = "iso"
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if (self.column is None) == (self.value is None):
            raise InputError(f"a field of the mapping needs either a column or a constant value: {self}")
        _one_of(self.missing, MISSING, "missing")
        _one_of(self.type, TYPES, "type")
        if (self.missing == "guest") != (self.by is not None) or (self.missing == "constant") != (
            self.constant is not None
        ):
            raise InputError(f'missing="guest" requires `by`, and missing="constant" requires `constant`: {self}')
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise InputError(f"unknown time zone {self.zone!r}") from error

    @classmethod
    def of(cls, value: Any, **defaults: Any) -> Self:
        """A field from the name of a column, or from a mapping of its attributes. Raises InputError."""
        if isinstance(value, cls):
            return value
        arguments = {"column": value} if isinstance(value, str) else value
        return _build(cls, {**defaults, **arguments} if isinstance(arguments, AnyMapping) else arguments)

    @property
    def columns(self) -> set[str]:
        """The columns that the field reads."""
        return {column for column in (self.column, self.by) if column is not None}


@dataclass(frozen=True)
class Robots:
    """A rate limit: a unit with more than `events` in an interval [n·seconds, (n+1)·seconds) is taken for a robot."""

    events: int
    seconds: float

    def __post_init__(self) -> None:
        if not (isinstance(self.events, int) and self.events > 0 and self.seconds > 0):
            raise InputError(f"robots: events must be a positive integer and seconds a positive number: {self}")


@dataclass(frozen=True)
class Mapping:
    """The mapping of a file's rows to observations.

    Attributes:
        unit: Source of the unit.
        kind: Source of the kind of event.
        item: Source of the item; None if events have no item.
        at: Source of the time of the event.
        attributes: Sources of attributes, by name; a missing attribute is left out by default.
        key: Column with a unique key of the row; by default a hash of the row's content.
        exclude: Regular expression by column; rows that match one are rejected.
        duplicates: "reject" rows whose content equals that of an earlier row, or "keep" them as separate events.
        robots: Rate limit above which all rows of a unit are rejected; None for no limit.
        each: For JSON lines: name of a list whose elements are rows, each with the other values of its line.
        absent: Values that count as missing.
        delimiter: Delimiter of delimited text; by default found.
        encoding: Encoding of delimited text; by default found: a byte-order mark, or else UTF-8.
        header: Names of the columns of delimited text without a header line.

    Raises:
        InputError: An option is unknown, an attribute's name is reserved, or a pattern is not a regular expression.

    >>> Mapping.of({"unit": "session", "kind": {"value": "view"}, "item": "sku", "at": {"column": "ts"}}).item.column
    'sku'
    """

    unit: Field
    kind: Field
    at: Field
    item: Field | None = None
    attributes: AnyMapping[str, Field] = field(default_factory=dict)
    key: str | None = None
    exclude: AnyMapping[str, str] = field(default_factory=dict)
    duplicates: str = "reject"
    robots: Robots | None = None
    each: str | None = None
    absent: tuple[str, ...] = ("",)
    delimiter: str | None = None
    encoding: str | None = None
    header: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _one_of(self.duplicates, ("reject", "keep"), "duplicates")
        for name in ("kind", "at"):
            if getattr(self, name).missing not in ("reject", "constant"):
                raise InputError(f'every observation needs a {name}: use missing="reject" or missing="constant"')
        if taken := sorted({"self", "unit", "kind", "item", "key", "at"} & set(self.attributes)):
            raise InputError(f"attributes cannot be named {taken}, which are fields of every observation; rename them")
        TextFormat(self.encoding, self.delimiter, self.header)
        for column, pattern in self.exclude.items():
            try:
                re.compile(pattern)
            except (re.error, TypeError) as error:
                raise InputError(f"exclude[{column!r}] is not a regular expression: {error}") from error

    @classmethod
    def of(cls, value: Any) -> Self:
        """A mapping from plain data, as read from JSON. Raises InputError."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, AnyMapping) or not {"unit", "kind", "at"} <= set(value):
            raise InputError("a mapping needs at least unit, kind and at")
        arguments = dict(value)
        for name in ("unit", "kind"):
            arguments[name] = Field.of(arguments[name])
        arguments["at"] = Field.of(arguments["at"], type="time")
        arguments["item"] = Field.of(arguments["item"]) if arguments.get("item") is not None else None
        attributes = arguments.get("attributes", {}).items()
        arguments["attributes"] = {name: Field.of(source, missing="leave") for name, source in attributes}
        if arguments.get("robots") is not None:
            arguments["robots"] = _build(Robots, arguments["robots"])
        if arguments.get("header") is not None:
            arguments["header"] = tuple(arguments["header"])
        arguments["absent"] = tuple(arguments.get("absent", ("",)))
        return _build(cls, arguments)

    @classmethod
    def read(cls, file: Path) -> Self:
        """The mapping in a JSON file. Raises InputError."""
        try:
            return cls.of(orjson.loads(file.read_bytes()))
        except (OSError, orjson.JSONDecodeError) as error:
            raise InputError(f"the mapping {file} cannot be read: {error}") from error

    @property
    def columns(self) -> set[str]:
        """Every column that the mapping reads."""
        sources = [self.unit, self.kind, self.at, *([self.item] if self.item else []), *self.attributes.values()]
        return (
            {c for source in sources for c in source.columns} | set(self.exclude) | ({self.key} if self.key else set())
        )


def _build(kind: type[T], value: Any) -> T:
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type] # a dataclass
    if not isinstance(value, AnyMapping) or not set(value) <= known:
        raise InputError(
            f"invalid {kind.__name__.lower()} {value!r}: it must be an object with keys of {sorted(known)}"
        )
    try:
        return kind(**value)
    except TypeError as error:
        raise InputError(f"invalid {kind.__name__.lower()} {value!r}: {error}") from error


def _one_of(value: str, allowed: tuple[str, ...], what: str) -> None:
    if value not in allowed:
        raise InputError(f"{what} is {value!r}; choose one of {', '.join(allowed)}")
