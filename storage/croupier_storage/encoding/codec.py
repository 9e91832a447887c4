"""The snapshot container: versioned, checksummed, compressed, limited in size, and free of code."""

from __future__ import annotations

import struct
import zlib
from hashlib import blake2b

from croupier_storage.encoding.canonical import State, encode, encode_chunks
from croupier_storage.encoding.limits import Budget, fits, memory_limit, size_limit
from croupier_storage.encoding.parsing import decode
from croupier_storage.errors import CorruptSnapshot

# As in PNG: a byte above 127 and both line endings reveal a transfer in text mode.
_MAGIC = b"\x89CRP\r\n\x1a\n"
_VERSION = 1
_HEADER = struct.Struct("<8sHQ32s")  # magic, version, uncompressed size, checksum of everything else

LIMIT = 1 << 30  # uncompressed bytes
_PIECE = 1 << 20  # bytes decompressed at a time


def encode_state(state: State) -> bytes:
    """A state as the body of a snapshot.

    Args:
        state: None, bool, int of any size, float, str, bytes, list, dict with str keys, or a numpy array of bool,
            (u)int8 to (u)int64, float32 or float64; exactly these types, nested. Floats and arrays are preserved bit
            for bit, arrays in C order.

    Raises:
        TypeError: Any other type, including tuples and numpy scalars.
        ValueError: The state is nested too deeply, or a string contains a lone surrogate.

    >>> decode_state(encode_state({"counts": [1, 2], "rate": -0.0}))
    {'counts': [1, 2], 'rate': -0.0}
    """
    chunks = encode_chunks(state)
    encoded = b"".join(chunks)
    packed = _deflate(encoded, len(chunks))
    return _HEADER.pack(_MAGIC, _VERSION, len(encoded), _checksum(_VERSION, len(encoded), packed)) + packed


def decode_state(data: bytes, *, limit: int = LIMIT) -> State:
    """The state in the body of a snapshot, exactly as it was encoded; nothing in it is executed.

    The memory that it takes is bounded in proportion to the data; see `encoding.limits`.

    Args:
        data: A result of `encode_state`.
        limit: The largest uncompressed size to accept, in bytes.

    Raises:
        CorruptSnapshot: The data is damaged, forged, of a newer version, or larger than the limit.
    """
    content, packed = _content(data, limit)
    return decode(content, Budget(memory_limit(packed)))


def decode_hashed(data: bytes, *, limit: int = LIMIT) -> tuple[State, str]:
    """The state as from `decode_state`, and its `hash_state`, without encoding it again."""
    content, packed = _content(data, limit)
    return decode(content, Budget(memory_limit(packed))), blake2b(content, digest_size=32).hexdigest()


def _content(data: bytes, limit: int) -> tuple[bytearray, int]:
    """The uncompressed bytes, and the number of compressed ones. Raises CorruptSnapshot."""
    if len(data) < _HEADER.size:
        raise CorruptSnapshot("the snapshot is shorter than its header: it was truncated. Delete it")
    magic, version, length, checksum = _HEADER.unpack_from(data)
    packed = memoryview(data)[_HEADER.size :]
    if magic != _MAGIC:
        raise CorruptSnapshot("these bytes are not a snapshot, or their start is damaged. Delete it")
    if version != _VERSION:
        raise CorruptSnapshot(f"the snapshot has format {version}, this library reads {_VERSION}. Upgrade croupier")
    if checksum != _checksum(version, length, packed):
        raise CorruptSnapshot("the snapshot does not match its checksum; it is damaged. Delete it")
    if length > limit:
        raise CorruptSnapshot(f"the snapshot claims {length} bytes, more than the limit of {limit}. Raise the limit")
    if length > size_limit(len(packed)):
        raise CorruptSnapshot(
            f"the snapshot claims that its {len(packed)} bytes are {length} uncompressed ones; it is forged. Delete it"
        )
    return _inflate(packed, length), len(packed)


def hash_state(state: State) -> str:
    """The hex digest (BLAKE2b, 32 bytes) of a state's canonical encoding: equal if and only if the states are.

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


def _deflate(encoded: bytes, values: int) -> bytes:
    """Compress as well as the limits allow: first as usual, then by at most a factor of eight, then not at all."""
    packed = zlib.compress(encoded, level=1)
    if not fits(len(packed), len(encoded), values):
        coder = zlib.compressobj(level=1, strategy=zlib.Z_HUFFMAN_ONLY)  # at least a bit for every byte
        packed = coder.compress(encoded) + coder.flush()
    return packed if fits(len(packed), len(encoded), values) else zlib.compress(encoded, level=0)


def _inflate(packed: memoryview, length: int) -> bytearray:
    """Decompress to exactly `length` bytes, without ever producing more than a piece beyond."""
    inflater, content = zlib.decompressobj(), bytearray()
    try:
        for start in range(0, len(packed), _PIECE):
            rest: bytes | memoryview = packed[start : start + _PIECE]
            while rest and len(content) <= length:
                content += inflater.decompress(rest, _PIECE)
                rest = b"" if inflater.eof else inflater.unconsumed_tail  # zlib leaves what follows the end there
        while len(content) <= length and (more := inflater.decompress(b"", _PIECE)):
            content += more
    except zlib.error as error:
        raise CorruptSnapshot(f"the snapshot does not decompress ({error}); it is forged. Delete it") from error
    if len(content) != length or not inflater.eof or inflater.unused_data:
        raise CorruptSnapshot("the snapshot does not have the size that it claims; it is forged. Delete it")
    return content
