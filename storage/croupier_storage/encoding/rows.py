"""From facts to rows of plain values: what the database is given is what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from math import copysign, isfinite
from operator import index
from typing import Any, TypeAlias

from croupier_storage.encoding.checksums import fact_digest
from croupier_storage.errors import InvalidFact
from croupier_storage.facts import Fact, PolicyRecord, Snapshot

Value: TypeAlias = int | float | str | bytes | None


def row(fact: Fact) -> tuple[Value, ...]:
    """The fact as plain values in the order of its fields, its checksum last. Raises InvalidFact."""
    values = plain_values(fact)
    return (*values, fact_digest(values))


def plain_values(fact: Fact) -> tuple[Value, ...]:
    """The fact as plain values in the order of its fields.

    What is written here is what the database gives back, type for type: a whole number in a column of floats, say,
    would come back as a float and fail its own checksum.

    Raises:
        InvalidFact: a value that would not come back unchanged, or is not of the field's type.
    """
    try:
        return tuple(plain(value) for plain, value in zip(_PLAIN, fact, strict=True))
    except InvalidFact as error:
        raise InvalidFact(f"the fact at position {fact.position} cannot be stored: {error}") from error
    except (TypeError, OverflowError) as error:
        raise InvalidFact(f"the fact at position {fact.position} has a value of the wrong type: {error}") from error


def plain_text(value: str) -> str:
    """The text as an exact `str`, which a member of an enumeration is not.

    Raises:
        InvalidFact: a NUL character, which PostgreSQL cannot store, or half of a surrogate pair.
    """
    text = str.__str__(value)
    if "\0" in text:
        raise InvalidFact(f"{text[:40]!r} contains a NUL character, which not every database can hold; remove it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidFact(f"{text[:40]!r} contains half of a surrogate pair and is no text; remove it") from error
    return text


def plain_float(value: float) -> float:
    """The number as an exact `float`.

    Raises:
        InvalidFact: NaN, which SQLite would store as NULL without a word, an infinity, or −0.0, which it would give
            back as 0.0: a state folded from the log would not be the state folded before it was written.
    """
    if not isfinite(value):
        raise InvalidFact(f"{value!r} is not a finite number; nothing could be computed from it. Leave it out")
    if value == 0.0 and copysign(1.0, value) < 0:
        raise InvalidFact("-0.0 would come back as 0.0; add 0.0 to it before anything is computed from it")
    return float(value)


def plain_int(value: int) -> int:
    """The whole number as an exact `int`, which a boolean and a numpy scalar are not.

    Raises:
        InvalidFact: it takes more than the 64 bits that a database has for it.
    """
    whole = int(index(value))
    if not -(1 << 63) <= whole < 1 << 63:
        raise InvalidFact(f"the whole number {whole} does not fit in 64 bits; make it smaller")
    return whole


def plain_bytes(value: bytes) -> bytes:
    """The value of any bytes-like type as exact `bytes`."""
    return bytes(memoryview(value))


def plain_policy(record: PolicyRecord) -> PolicyRecord:
    """The record in plain values."""
    id, name, config, hash, arithmetic = record
    return PolicyRecord(plain_int(id), plain_text(name), plain_bytes(config), plain_text(hash), plain_text(arithmetic))


def plain_snapshot(snapshot: Snapshot) -> Snapshot:
    """The snapshot in plain values."""
    position, at, hash, body = snapshot
    return Snapshot(plain_int(position), plain_float(at), plain_text(hash), plain_bytes(body))


def _or_none(plain: Callable[[Any], Value]) -> Callable[[Any], Value]:
    return lambda value: None if value is None else plain(value)


REQUIRED = 3  # position, kind and at
TYPES = (int, str, float, str, int, str, str, float, float, int, int, bytes, bytes, str, bytes)
_BY_TYPE: dict[type, Callable[[Any], Value]] = {
    int: plain_int,
    str: plain_text,
    float: plain_float,
    bytes: plain_bytes,
}
_PLAIN = tuple(_BY_TYPE[type] if place < REQUIRED else _or_none(_BY_TYPE[type]) for place, type in enumerate(TYPES))
