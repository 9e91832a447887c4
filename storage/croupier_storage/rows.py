"""From facts to rows: plain values only, and a checksum over every one of them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import copysign, isfinite, nan
from operator import index
from types import NoneType
from typing import Any, TypeAlias

import orjson

from croupier_storage.errors import InvalidFact
from croupier_storage.facts import Fact, PolicyRecord, Snapshot

Value: TypeAlias = int | float | str | bytes | None

_floats = struct.Struct("<3d").pack


def fact_digest(values: Sequence[Any]) -> bytes:
    """Eight bytes of BLAKE2b over everything a fact's row says, its position included.

    Texts and whole numbers go in as JSON, floats as their eight bytes, blobs as they are, with their lengths in the
    JSON: no two rows share an encoding. An absent float goes in as NaN, which no row holds. It finds accidents; it is
    no signature, for whoever can write the row can write the checksum.

    Args:
        values: the row's values, in the order of `Fact`'s fields.

    >>> fact_digest(Fact(1, "reward", 0.0, reward=1.0)) == fact_digest(Fact(1, "reward", 0.0, reward=0.5))
    False
    """
    position, kind, at, id, decision, unit, action, reward, propensity, as_of, policy, context, actions, key, body = (
        values
    )
    lengths = (_length(context), _length(actions), _length(body))
    plain = orjson.dumps((position, kind, id, decision, unit, action, as_of, policy, key, *lengths))
    floats = _floats(at, nan if reward is None else reward, nan if propensity is None else propensity)
    return blake2b(b"".join((plain, floats, context or b"", actions or b"", body or b"")), digest_size=8).digest()


def snapshot_digest(position: int, at: float, hash: str, body: bytes) -> bytes:
    """The like for a snapshot's row."""
    plain = orjson.dumps((position, hash, len(body)))
    return blake2b(b"".join((plain, _floats(at, nan, nan), body)), digest_size=8).digest()


def intact(checksum: Callable[[], bytes], written: Any) -> bool:
    """Whether a row still has the checksum written with it; values of impossible types have none."""
    try:
        return bool(checksum() == written)
    except (TypeError, struct.error):
        return False


def _length(blob: bytes | None) -> int | None:
    return None if blob is None else len(blob)


def row(fact: Fact) -> tuple[Value, ...]:
    """The fact as plain values in the order of its fields, its checksum last.

    What is written here is what the database gives back, type for type: a whole number in a column of floats, say,
    would come back as a float and fail its own checksum.

    Raises:
        InvalidFact: a value that would not come back unchanged, or is not of the field's type.
    """
    try:
        values: tuple[Any, ...] = fact
        # The usual fact passes at a glance; whatever is odd about one is looked at field by field.
        if not (_exact(tuple(map(type, values))) and _plain_floats(values[2], values[7], values[8])):
            values = tuple(plain(value) for plain, value in zip(_PLAIN, values, strict=True))
        _check_text(values)
        return (*values, fact_digest(values))
    except InvalidFact as error:
        raise InvalidFact(f"the fact at position {fact.position} cannot be stored: {error}") from error
    except (TypeError, OverflowError) as error:
        raise InvalidFact(f"the fact at position {fact.position} has a value of the wrong type: {error}") from error


@lru_cache(maxsize=1024)
def _exact(types: tuple[type, ...]) -> bool:
    """Whether each value is of its field's type, exactly, or absent where that is allowed."""
    optional = (False,) * _REQUIRED + (True,) * (len(_TYPES) - _REQUIRED)
    return all(
        type is expected or (may_lack and type is NoneType)
        for type, expected, may_lack in zip(types, _TYPES, optional, strict=True)
    )


def _plain_floats(at: float, reward: float | None, propensity: float | None) -> bool:
    """Whether none of a fact's floats is NaN, infinite or −0.0 (false alarms are allowed)."""
    if not isfinite(at + (reward or 0.0) + (propensity or 0.0)):
        return False
    if at and reward != 0.0 != propensity:
        return True
    return all(value is None or copysign(1.0, value) > 0 for value in (at, reward, propensity))


def _check_text(values: tuple[Any, ...]) -> None:
    _, kind, _, id, _, unit, action, *_, key, _ = values
    if "\0" in "".join((kind, id or "", unit or "", action or "", key or "")):
        raise InvalidFact("a text in it contains a NUL character, which not every database can hold; remove it")


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
    """The whole number as an exact `int`, which a boolean and a numpy scalar are not."""
    return int(index(value))


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


_REQUIRED = 3  # position, kind and at

_TYPES = (int, str, float, str, int, str, str, float, float, int, int, bytes, bytes, str, bytes)
_BY_TYPE: dict[type, Callable[[Any], Value]] = {
    int: plain_int,
    str: plain_text,
    float: plain_float,
    bytes: plain_bytes,
}
_PLAIN = tuple(_BY_TYPE[type] if place < _REQUIRED else _or_none(_BY_TYPE[type]) for place, type in enumerate(_TYPES))
