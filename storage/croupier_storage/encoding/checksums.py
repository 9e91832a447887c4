"""Row checksums."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import repeat
from math import nan
from typing import Any

import orjson

_floats = struct.Struct("<3d").pack


def digests(columns: Sequence[Sequence[Any]]) -> list[bytes]:
    """A BLAKE2b digest of 8 bytes for every row, over all fields of the fact, including its position.

    Texts and integers are hashed as JSON, floats as their 8 bytes, and blobs as they are, with their lengths in the
    JSON, so that the encoding is injective. A missing float is hashed as NaN, which no row contains. The checksum
    detects accidental damage; it is not a signature, since anyone who can write a row can write its checksum.

    Args:
        columns: The values of every field of `Fact`, in order of the fields; a column has no None, or only None.
    """
    position, kind, at, id, decision, unit, action, reward, propensity, as_of, policy, context, actions, key, body = (
        columns
    )
    blobs = context, actions, body
    texts = zip(position, kind, id, decision, unit, action, as_of, policy, key, *map(_lengths, blobs), strict=True)
    encoded = map(orjson.dumps, texts)
    floats = map(_floats, at, _or_repeat(reward, nan), _or_repeat(propensity, nan))
    whole = map(b"".join, zip(encoded, floats, *(_or_repeat(blob, b"") for blob in blobs), strict=False))
    return [blake2b(content, digest_size=8).digest() for content in whole]


def fact_digest(values: Sequence[Any]) -> bytes:
    """The checksum of one row, with its values in the order of `Fact`'s fields.

    >>> from croupier_storage import Fact
    >>> fact_digest(Fact(1, "reward", 0.0, reward=1.0)) == fact_digest(Fact(1, "reward", 0.0, reward=0.5))
    False
    """
    return digests([(value,) for value in values])[0]


def snapshot_digest(position: int, at: float, hash: str, body: bytes) -> bytes:
    """The checksum of a snapshot's row."""
    header = orjson.dumps((position, hash, len(body)))
    return blake2b(b"".join((header, _floats(at, nan, nan), body)), digest_size=8).digest()


def intact(checksum: Callable[[], bytes], written: Any) -> bool:
    """Whether a row matches its stored checksum; values of wrong types never do."""
    try:
        return bool(checksum() == written)
    except (TypeError, struct.error):
        return False


def _lengths(blobs: Sequence[Any]) -> Sequence[Any]:
    return blobs if blobs[0] is None else list(map(len, blobs))


def _or_repeat(column: Sequence[Any], absent: Any) -> Iterable[Any]:
    return repeat(absent) if column[0] is None else column
