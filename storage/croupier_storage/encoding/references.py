"""Action sets that refer to other stored bodies by digest, so that these are stored once and erased with their sets.

Such a body is the byte 5, the number of references (4 bytes, little-endian), their digests of 16 bytes, and a rest of
which storage knows nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

REFERRING = b"\x05"  # the first byte
_START, _DIGEST = 5, 16


def encode_references(digests: Sequence[bytes], rest: bytes) -> bytes:
    """The body of an action set that refers to other bodies."""
    return REFERRING + len(digests).to_bytes(_START - 1, "little") + b"".join(digests) + rest


def references(body: bytes) -> tuple[list[bytes], bytes]:
    """The digests to which a body refers, and its rest; none, and the whole body, if it refers to nothing.

    >>> references(encode_references([b"sixteen bytes .."], b"rest")), references(b"[]")
    (([b'sixteen bytes ..'], b'rest'), ([], b'[]'))
    """
    if body[:1] != REFERRING:
        return [], body
    end = min(len(body), _START + _DIGEST * int.from_bytes(body[1:_START], "little"))
    return [body[place : place + _DIGEST] for place in range(_START, end, _DIGEST)], body[end:]
