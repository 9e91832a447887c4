"""From what a row says to what a unit did, or to the reason why not."""

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


class Rejected(Exception):
    """A row that is no observation: the reason, of which there are few, and what more there is to say of it."""

    def __init__(self, reason: str, why: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.why = reason, why


class Behaved(NamedTuple):
    """What `Engine.observe` is told of a row."""

    unit: str | None
    kind: str
    item: str | None
    at: float
    attributes: dict[str, Any]
    key: str


class Converter:
    """Rows of one mapping, in the order of the files; it knows which it has seen."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self._exclude = {column: re.compile(pattern) for column, pattern in mapping.exclude.items()}
        self._seen: dict[bytes, int] = {}

    def convert(self, row: Row, file: str) -> Behaved:
        """What a row of a file says. Raises Rejected."""
        if row.unreadable is not None:
            raise Rejected("unreadable", row.unreadable)
        content = self._content(row.said)
        mapping = self.mapping
        for column, pattern in self._exclude.items():
            if pattern.search(_text(row.said.get(column))):
                raise Rejected(f"excluded: {column}")
        unit = self._value(mapping.unit, row.said, "unit")
        kind = self._value(mapping.kind, row.said, "kind")
        item = None if mapping.item is None else self._value(mapping.item, row.said, "item")
        at = self._value(mapping.at, row.said, "at")
        found = ((name, self._value(one, row.said, name)) for name, one in mapping.attributes.items())
        attributes = {name: value for name, value in found if value is not None}
        key = self._key(content, file) if mapping.key is None else self._named(row.said[mapping.key])
        return Behaved(unit, kind, item, at, attributes, key)

    def _content(self, said: dict[str, Any]) -> bytes:
        try:
            return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
        except (orjson.JSONEncodeError, TypeError) as error:  # no text in this encoding, or a whole number too large
            raise Rejected("unreadable", str(error)) from error

    def _key(self, content: bytes, file: str) -> str:
        """A name for a row by what it says; events that repeat one are told apart by their file and their turn."""
        digest = blake2b(content, digest_size=16).digest()
        turn = self._seen.get(digest, 0)
        self._seen[digest] = turn + 1
        if self.mapping.duplicates == "keep":
            return blake2b(b"%b %d %b" % (digest, turn, file.encode()), digest_size=16).hexdigest()
        if turn:
            raise Rejected("duplicate")
        return digest.hex()

    def _named(self, value: Any) -> str:
        if self._absent(value):
            raise Rejected("missing: key")
        return _text(value)

    def _absent(self, value: Any) -> bool:
        return value is None or value in self.mapping.absent or (isinstance(value, float) and math.isnan(value))

    def _value(self, field: Field, said: dict[str, Any], name: str) -> Any:
        if field.column is None:
            return field.value
        value = said.get(field.column)
        if self._absent(value):
            return self._missing(field, said, name)
        if field.values is not None:
            value = field.values.get(_text(value))
            if value is None:
                raise Rejected(f"unknown value: {name}")
        return _TYPES[field.type](value, field, name)

    def _missing(self, field: Field, said: dict[str, Any], name: str) -> Any:
        if field.missing == "guest":
            by = said.get(field.by or "")
            if not self._absent(by):
                return f"guest {_text(by)}"
        if field.missing in ("reject", "guest"):
            raise Rejected(f"missing: {name}")
        return field.constant


def _text(value: Any) -> str:
    """A value as text; whole numbers that a file holds as 5.0 and 5 alike."""
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
        raise Rejected(f"no number: {name}") from error
    if not math.isfinite(number) or not field.least <= number <= field.most:
        raise Rejected(f"impossible: {name}")
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
        raise Rejected(f"no time: {name}") from error
    if not math.isfinite(at) or not field.least <= at <= field.most:
        raise Rejected(f"impossible: {name}")
    return at


_TYPES = {"string": _string, "number": _number, "time": _time}
