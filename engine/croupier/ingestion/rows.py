"""Conversion of rows to observations, or to the reason for which a row is rejected."""

from __future__ import annotations

import math
import re
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from croupier.ingestion.mapping import Field, Mapping
from croupier.ingestion.reading import Row


class RowRejected(Exception):
    """A row is not an observation.

    Attributes:
        reason: The reason, one of a small set, by which rejected rows are counted.
        detail: Further information on this row.
    """

    def __init__(self, reason: str, detail: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


class ObservationRow(NamedTuple):
    """The arguments of `Engine.observe` for a row."""

    unit: str | None
    kind: str
    item: str | None
    at: float
    attributes: dict[str, Any]
    key: str


class Converter:
    """Converts the rows of files in order, and recognizes duplicates among them."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self._exclude = {column: re.compile(pattern) for column, pattern in mapping.exclude.items()}
        self._seen: dict[bytes, int] = {}

    def convert(self, row: Row, file: str) -> ObservationRow:
        """The observation of a row of a file. Raises RowRejected."""
        if row.unreadable is not None:
            raise RowRejected("unreadable", row.unreadable)
        content = self._content(row.values)
        mapping = self.mapping
        for column, pattern in self._exclude.items():
            if pattern.search(_text(row.values.get(column))):
                raise RowRejected(f"excluded: {column}")
        unit = self._value(mapping.unit, row.values, "unit")
        kind = self._value(mapping.kind, row.values, "kind")
        item = None if mapping.item is None else self._value(mapping.item, row.values, "item")
        at = self._value(mapping.at, row.values, "at")
        found = ((name, self._value(field, row.values, name)) for name, field in mapping.attributes.items())
        attributes = {name: value for name, value in found if value is not None}
        key = self._content_key(content, file) if mapping.key is None else self._text_key(row.values[mapping.key])
        return ObservationRow(unit, kind, item, at, attributes, key)

    def _content(self, values: dict[str, Any]) -> bytes:
        try:
            return orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
        except (orjson.JSONEncodeError, TypeError) as error:  # invalid text, or an integer of more than 64 bits
            raise RowRejected("unreadable", str(error)) from error

    def _content_key(self, content: bytes, file: str) -> str:
        """A hash of the row's content; repeated rows that are kept also hash their file and their count so far."""
        digest = blake2b(content, digest_size=16).digest()
        count = self._seen.get(digest, 0)
        self._seen[digest] = count + 1
        if self.mapping.duplicates == "keep":
            return blake2b(b"%b %d %b" % (digest, count, file.encode()), digest_size=16).hexdigest()
        if count:
            raise RowRejected("duplicate")
        return digest.hex()

    def _text_key(self, value: Any) -> str:
        if self._is_absent(value):
            raise RowRejected("missing: key")
        return _text(value)

    def _is_absent(self, value: Any) -> bool:
        return value is None or value in self.mapping.absent or (isinstance(value, float) and math.isnan(value))

    def _value(self, field: Field, values: dict[str, Any], name: str) -> Any:
        if field.column is None:
            return field.value
        value = values.get(field.column)
        if self._is_absent(value):
            return self._missing(field, values, name)
        if field.values is not None:
            value = field.values.get(_text(value))
            if value is None:
                raise RowRejected(f"unknown value: {name}")
        return _TYPES[field.type](value, field, name)

    def _missing(self, field: Field, values: dict[str, Any], name: str) -> Any:
        if field.missing == "guest":
            by = values.get(field.by or "")
            if not self._is_absent(by):
                return f"guest {_text(by)}"
        if field.missing in ("reject", "guest"):
            raise RowRejected(f"missing: {name}")
        return field.constant


def _text(value: Any) -> str:
    """A value as text; 5.0 and 5 are the same text."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return orjson.dumps(value).decode() if isinstance(value, bool | list | dict) else str(value)


def _string(value: Any, field: Field, name: str) -> str:
    return _text(value)


def _number(value: Any, field: Field, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise RowRejected(f"invalid number: {name}") from error
    if not math.isfinite(number) or not field.least <= number <= field.most:
        raise RowRejected(f"out of range: {name}")
    return number


def _time(value: Any, field: Field, name: str) -> float:
    try:
        if field.time in ("seconds", "milliseconds"):
            at = float(value) / (1.0 if field.time == "seconds" else 1000.0)
        else:
            text = str(value)
            when = datetime.fromisoformat(text) if field.time == "iso" else datetime.strptime(text, field.time)
            at = (when if when.tzinfo is not None else when.replace(tzinfo=ZoneInfo(field.zone))).timestamp()
    except (TypeError, ValueError, OverflowError) as error:
        raise RowRejected(f"invalid time: {name}") from error
    if not math.isfinite(at) or not field.least <= at <= field.most:
        raise RowRejected(f"out of range: {name}")
    return at


_TYPES = {"string": _string, "number": _number, "time": _time}
