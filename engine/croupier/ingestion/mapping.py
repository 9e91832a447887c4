"""Which column of a file says what, and what becomes of values that are missing, impossible or unknown."""

from __future__ import annotations

import re
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from croupier.errors import InputError

T = TypeVar("T")
MISSING = ("reject", "leave", "constant", "guest")
TYPES = ("string", "number", "time")


@dataclass(frozen=True)
class Field:
    """Where one value comes from.

    Attributes:
        column: Of the file. None where `value` is the same for all rows.
        value: The same for all rows.
        values: From what the file says to what the log shall say; anything else is rejected.
        missing: What becomes of a row that lacks it: "reject"; "leave" it out; "constant"; or, for a unit, "guest": a
            unit of its own for each value of the column `by`, an order or a session.
        constant: The value where it is missing.
        by: See `missing`.
        type: "string", "number" or "time".
        least: Of a number; less is impossible, and rejects the row.
        most: Likewise.
        time: How times are written: "seconds" or "milliseconds" since 1970, "iso", or a format of `datetime.strptime`.
        zone: Of times that do not name their own.
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
            raise InputError(f"a field of the mapping needs a column, or a value that is the same for all rows: {self}")
        _one_of(self.missing, MISSING, "missing")
        _one_of(self.type, TYPES, "type")
        if (self.missing == "guest") != (self.by is not None) or (self.missing == "constant") != (
            self.constant is not None
        ):
            raise InputError(f'missing="guest" goes with `by`, and missing="constant" with `constant`: {self}')
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise InputError(f"there is no time zone {self.zone!r}") from error

    @classmethod
    def of(cls, given: Any, **defaults: Any) -> Self:
        """A field, from the name of a column or from its attributes."""
        if isinstance(given, cls):
            return given
        said = {"column": given} if isinstance(given, str) else given
        return _made(cls, {**defaults, **said} if isinstance(said, AnyMapping) else said)

    @property
    def columns(self) -> set[str]:
        """The columns that it reads."""
        return {column for column in (self.column, self.by) if column is not None}


@dataclass(frozen=True)
class Robots:
    """A unit with more than `events` in a stretch [n·seconds, (n+1)·seconds) is no person; its rows are rejected."""

    events: int
    seconds: float

    def __post_init__(self) -> None:
        if not (isinstance(self.events, int) and self.events > 0 and self.seconds > 0):
            raise InputError(f"a rate of robots needs a whole number of events and of seconds, both positive: {self}")


@dataclass(frozen=True)
class Mapping:
    """How the rows of a file become observations.

    Attributes:
        unit: Who.
        kind: Did what.
        item: To what; None where no column says it.
        at: When.
        attributes: By name, what else is known; left out where it is missing, unless the field says otherwise.
        key: The column that names a row for good; by default a row is known by all that it says.
        exclude: From a column to a regular expression: rows in which it is found are rejected.
        duplicates: "reject" rows that say exactly what an earlier one said, or "keep" them as events of their own.
        robots: The rate beyond which a unit is none; None for no such rule.
        each: For JSON lines: the list of which each element is a row, beside what its line says.
        absent: What in a column means that nothing is there.
        delimiter: Of CSV.
        encoding: Of CSV.

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
    delimiter: str = ","
    encoding: str = "utf-8-sig"

    def __post_init__(self) -> None:
        _one_of(self.duplicates, ("reject", "keep"), "duplicates")
        for name in ("kind", "at"):
            if getattr(self, name).missing not in ("reject", "constant"):
                raise InputError(
                    f"an observation has a {name}: where it is missing, reject the row, or give a constant"
                )
        if taken := sorted({"self", "unit", "kind", "item", "key", "at"} & set(self.attributes)):
            raise InputError(f"attributes cannot be called {taken}; these are an observation's own: give other names")
        for column, pattern in self.exclude.items():
            try:
                re.compile(pattern)
            except (re.error, TypeError) as error:
                raise InputError(f"exclude[{column!r}] is no regular expression: {error}") from error

    @classmethod
    def of(cls, given: Any) -> Self:
        """A mapping from plain data, as a file of JSON holds it. Raises InputError."""
        if isinstance(given, cls):
            return given
        if not isinstance(given, AnyMapping) or not {"unit", "kind", "at"} <= set(given):
            raise InputError("a mapping says at least where unit, kind and at come from")
        said = dict(given)
        for name in ("unit", "kind"):
            said[name] = Field.of(said[name])
        said["at"] = Field.of(said["at"], type="time")
        said["item"] = Field.of(said["item"]) if said.get("item") is not None else None
        attributes = said.get("attributes", {}).items()
        said["attributes"] = {name: Field.of(value, missing="leave") for name, value in attributes}
        if said.get("robots") is not None:
            said["robots"] = _made(Robots, said["robots"])
        said["absent"] = tuple(said.get("absent", ("",)))
        return _made(cls, said)

    @classmethod
    def read(cls, file: Path) -> Self:
        """The mapping in a file of JSON. Raises InputError."""
        try:
            return cls.of(orjson.loads(file.read_bytes()))
        except (OSError, orjson.JSONDecodeError) as error:
            raise InputError(f"the mapping {file} cannot be read: {error}") from error

    @property
    def columns(self) -> set[str]:
        """Every column that it reads."""
        named = [self.unit, self.kind, self.at, *([self.item] if self.item else []), *self.attributes.values()]
        return {c for one in named for c in one.columns} | set(self.exclude) | ({self.key} if self.key else set())


def _made(kind: type[T], given: Any) -> T:
    known = {one.name for one in fields(kind)}  # type: ignore[arg-type] # a dataclass
    if not isinstance(given, AnyMapping) or not set(given) <= known:
        raise InputError(f"{given!r} is no {kind.__name__.lower()} of a mapping; it may have {sorted(known)}")
    try:
        return kind(**given)
    except TypeError as error:
        raise InputError(f"{given!r} is no {kind.__name__.lower()} of a mapping: {error}") from error


def _one_of(given: str, allowed: tuple[str, ...], what: str) -> None:
    if given not in allowed:
        raise InputError(f"{what} is {given!r}; choose one of {', '.join(allowed)}")
