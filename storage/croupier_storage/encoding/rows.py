"""Converts facts to rows of exact types, so that a database returns exactly what it was given."""

from __future__ import annotations

from collections.abc import Callable
from math import copysign, isfinite
from operator import index
from typing import Any, TypeAlias

from croupier_storage.encoding.checksums import fact_digest
from croupier_storage.errors import InvalidFact
from croupier_storage.facts import Fact, PolicyRecord, Snapshot

Value: TypeAlias = int | float | str | bytes | None

#: Bytes of a text that has an index. PostgreSQL cannot index more than 2,704 bytes, and would refuse the whole group.
MAX_INDEXED_BYTES = 2_048


def row(fact: Fact) -> tuple[Value, ...]:
    """The fact's values in the order of its fields, followed by its checksum. Raises InvalidFact."""
    values = exact_values(fact)
    return (*values, fact_digest(values))


def exact_values(fact: Fact) -> tuple[Value, ...]:
    """The fact's values in the order of its fields, with the exact types that a database returns.

    Otherwise an integer in a float column, for example, would be read back as a float and fail its checksum.

    Raises:
        InvalidFact: A value would not be read back unchanged, or does not have the field's type.
    """
    try:
        return tuple(convert(value) for convert, value in zip(_CONVERTERS, fact, strict=True))
    except InvalidFact as error:
        raise InvalidFact(f"the fact at position {fact.position} cannot be stored: {error}") from error
    except (TypeError, OverflowError) as error:
        raise InvalidFact(
            f"the fact at position {fact.position} has a value of the wrong type: {error}. Nothing was stored"
        ) from error


def exact_text(value: str) -> str:
    """The text as an exact `str`, not a subclass such as a member of an enumeration.

    Raises:
        InvalidFact: It contains a NUL character, which PostgreSQL cannot store, or a lone surrogate.
    """
    text = str.__str__(value)
    if "\0" in text:
        raise InvalidFact(f"{text[:40]!r} contains a NUL character, which not every database can store; remove it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidFact(
            f"{text[:40]!r} contains a lone surrogate, which cannot be encoded as UTF-8; remove it"
        ) from error
    return text


def indexed_text(value: str) -> str:
    """The text as an exact `str` that every database can index. Raises InvalidFact."""
    text = exact_text(value)
    if len(text) * 4 > MAX_INDEXED_BYTES and (size := len(text.encode())) > MAX_INDEXED_BYTES:
        raise InvalidFact(
            f"{text[:40]!r}… has {size} bytes, and not every database can index more than {MAX_INDEXED_BYTES}; use a "
            "shorter id, key or name"
        )
    return text


def exact_float(value: float) -> float:
    """The number as an exact `float`.

    Raises:
        InvalidFact: It is NaN, which SQLite silently stores as NULL, an infinity, or −0.0, which SQLite returns as
            0.0: a state folded from the log would differ from the state before writing.
    """
    if not isfinite(value):
        raise InvalidFact(
            f"{value!r} is not a finite number, and a state computed from it would not be either; leave it out"
        )
    if value == 0.0 and copysign(1.0, value) < 0:
        raise InvalidFact("-0.0 would be read back as 0.0; add 0.0 to it before computing with it")
    return float(value)


def exact_int(value: int) -> int:
    """The integer as an exact `int`, not a bool or a numpy scalar.

    Raises:
        InvalidFact: It does not fit in 64 bits.
    """
    number = int(index(value))
    if not -(1 << 63) <= number < 1 << 63:
        raise InvalidFact(f"the integer {number} does not fit in 64 bits; use a smaller one")
    return number


def exact_bytes(value: bytes) -> bytes:
    """The bytes-like value as exact `bytes`."""
    return bytes(memoryview(value))


def exact_policy(record: PolicyRecord) -> PolicyRecord:
    """The record with exact types."""
    id, name, config, hash, arithmetic = record
    return PolicyRecord(exact_int(id), exact_text(name), exact_bytes(config), exact_text(hash), exact_text(arithmetic))


def exact_snapshot(snapshot: Snapshot) -> Snapshot:
    """The snapshot with exact types."""
    position, at, hash, body = snapshot
    return Snapshot(exact_int(position), exact_float(at), exact_text(hash), exact_bytes(body))


def _or_none(convert: Callable[[Any], Value]) -> Callable[[Any], Value]:
    return lambda value: None if value is None else convert(value)


REQUIRED = 3  # position, kind and at
TYPES = (int, str, float, str, int, str, str, float, float, int, int, bytes, bytes, str, bytes)
_BY_TYPE: dict[type, Callable[[Any], Value]] = {
    int: exact_int,
    str: exact_text,
    float: exact_float,
    bytes: exact_bytes,
}
INDEXED = tuple(Fact._fields.index(name) for name in ("id", "key"))
_CONVERTERS = tuple(
    _BY_TYPE[type] if position < REQUIRED else _or_none(indexed_text if position in INDEXED else _BY_TYPE[type])
    for position, type in enumerate(TYPES)
)
