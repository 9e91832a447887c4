"""The container of a snapshot: versioned, checksummed, compressed, limited in size; never code."""

from __future__ import annotations

import struct
import zlib
from hashlib import blake2b

from croupier_storage.encoding.canonical import State, encode
from croupier_storage.encoding.parsing import decode
from croupier_storage.errors import CorruptSnapshot

# Like PNG's: a byte above 127 and both line ends show a transfer that took the file for text.
_MAGIC = b"\x89CRP\r\n\x1a\n"
_VERSION = 1
_HEADER = struct.Struct("<8sHQ32s")  # magic, version, bytes before compression, checksum of all the rest

LIMIT = 1 << 30  # bytes before compression


def encode_state(state: State) -> bytes:
    """A state as the body of a snapshot.

    Args:
        state: None, bool, int of any size, float, str, bytes, list, dict with str keys, or a numpy array of bool,
            (u)int8 to (u)int64, float32 or float64; exactly these types, nested as you like. Floats and arrays come
            back bit for bit, arrays in C order.

    Raises:
        TypeError: any other type, tuples and numpy scalars included.
        ValueError: nested too deeply, or a string that is not text.

    >>> decode_state(encode_state({"counts": [1, 2], "rate": -0.0}))
    {'counts': [1, 2], 'rate': -0.0}
    """
    plain = encode(state)
    packed = zlib.compress(plain, level=1)
    return _HEADER.pack(_MAGIC, _VERSION, len(plain), _checksum(_VERSION, len(plain), packed)) + packed


def decode_state(data: bytes, *, limit: int = LIMIT) -> State:
    """The state in the body of a snapshot, exactly as it was encoded; nothing in it is ever run.

    Args:
        data: what `encode_state` gave.
        limit: the most bytes to believe in before compression; the Python objects can take about ten times as many.

    Raises:
        CorruptSnapshot: damaged, forged, written by a newer version, or larger than the limit.
    """
    if len(data) < _HEADER.size:
        raise CorruptSnapshot("the snapshot is shorter than its own header; it was cut off. Delete it")
    magic, version, length, checksum = _HEADER.unpack_from(data)
    packed = memoryview(data)[_HEADER.size :]
    if magic != _MAGIC:
        raise CorruptSnapshot("these bytes are not a snapshot, or their start is damaged. Delete it")
    if version != _VERSION:
        raise CorruptSnapshot(f"the snapshot has format {version}, this library knows {_VERSION}. Upgrade croupier")
    if checksum != _checksum(version, length, packed):
        raise CorruptSnapshot("the snapshot does not match its checksum; it is damaged. Delete it")
    if length > limit:
        raise CorruptSnapshot(f"the snapshot claims {length} bytes, more than the limit of {limit}. Raise the limit")
    return decode(_inflate(packed, length))


def hash_state(state: State) -> str:
    """The hex digest (BLAKE2b, 32 bytes) of a state's canonical encoding: equal exactly when the states are.

    >>> hash_state({"a": 1, "b": 2}) == hash_state({"b": 2, "a": 1})
    True
    >>> hash_state(0.0) == hash_state(-0.0)
    False
    """
    return blake2b(encode(state), digest_size=32).hexdigest()


def _checksum(version: int, length: int, packed: bytes | memoryview) -> bytes:
    digest = blake2b(struct.pack("<HQ", version, length), digest_size=32)
    digest.update(packed)
    return digest.digest()


def _inflate(packed: memoryview, length: int) -> bytes:
    """Decompress to exactly `length` bytes, and never to more than one beyond."""
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(packed, length + 1)
    except zlib.error as error:
        raise CorruptSnapshot(f"the snapshot does not decompress ({error}); it is forged. Delete it") from error
    if len(plain) != length or not inflater.eof or inflater.unused_data:
        raise CorruptSnapshot("the snapshot is not of the length it claims; it is forged. Delete it")
    return plain
