"""A checksum for every row, over all that it says."""

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
    """Eight bytes of BLAKE2b for every row: over everything that a fact's row says, its position included.

    Texts and whole numbers go in as JSON, floats as their eight bytes, blobs as they are, with their lengths in the
    JSON: no two rows share an encoding. An absent float goes in as NaN, which no row holds. It finds accidents; it is
    no signature, for whoever can write the row can write the checksum.

    Args:
        columns: for every field of `Fact`, in that order, its values; each column full, or absent (None) all along.
    """
    position, kind, at, id, decision, unit, action, reward, propensity, as_of, policy, context, actions, key, body = (
        columns
    )
    blobs = context, actions, body
    texts = zip(position, kind, id, decision, unit, action, as_of, policy, key, *map(_lengths, blobs), strict=True)
    plain = map(orjson.dumps, texts)
    floats = map(_floats, at, _or_repeat(reward, nan), _or_repeat(propensity, nan))
    whole = map(b"".join, zip(plain, floats, *(_or_repeat(blob, b"") for blob in blobs), strict=False))
    return [blake2b(content, digest_size=8).digest() for content in whole]


def fact_digest(values: Sequence[Any]) -> bytes:
    """The checksum of one row, its values in the order of `Fact`'s fields.

    >>> from croupier_storage import Fact
    >>> fact_digest(Fact(1, "reward", 0.0, reward=1.0)) == fact_digest(Fact(1, "reward", 0.0, reward=0.5))
    False
    """
    return digests([(value,) for value in values])[0]


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


def _lengths(blobs: Sequence[Any]) -> Sequence[Any]:
    return blobs if blobs[0] is None else list(map(len, blobs))


def _or_repeat(column: Sequence[Any], absent: Any) -> Iterable[Any]:
    return repeat(absent) if column[0] is None else column
