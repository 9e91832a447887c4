"""The canonical encoding: plain data and arrays as bytes that are equal if and only if the values are.

Every value starts with a tag of one byte; counts and lengths are 8 bytes, little-endian:

    n  f  t              None, False, True
    i  length, bytes     an int, two's complement, little-endian, in the fewest bytes
    d  8 bytes           a float, IEEE 754, little-endian: −0.0 and NaN payloads are preserved
    s  length, bytes     a str, UTF-8
    b  length, bytes     bytes
    l  count, values     a list
    m  count, pairs      a dict: key (length, UTF-8) and value, keys in ascending order
    a  dtype, dims       an array: a byte for the dtype, a byte for the number of axes, the length of each axis,
       and elements      and the elements in C order, little-endian
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

State: TypeAlias = "bool | int | float | str | bytes | np.ndarray[Any, Any] | list[State] | dict[str, State] | None"

DEPTH = 64  # nested lists and dicts; far more than any state needs, far less than Python's recursion limit

DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")

_DTYPE_CODES = {np.dtype(name): bytes([code]) for code, name in enumerate(DTYPES)}
_count = struct.Struct("<Q").pack
_float = struct.Struct("<d").pack

_Chunks: TypeAlias = list[bytes]


def encode(state: State) -> bytes:
    """The canonical bytes of a state.

    Raises:
        TypeError: A type outside the encoding, including subclasses and numpy scalars, which would be decoded as
            another type. Tuples are refused for the same reason; convert them to lists.
        ValueError: The state is nested deeper than `DEPTH`, or a string contains a lone surrogate.
    """
    return b"".join(encode_chunks(state))


def encode_chunks(state: State) -> list[bytes]:
    """The canonical bytes in pieces, at least one for every value; raises as `encode` does."""
    chunks: _Chunks = []
    _write(state, chunks, 0)
    return chunks


def _write(value: Any, chunks: _Chunks, depth: int) -> None:
    writer = _WRITERS.get(type(value))
    if writer is None:
        raise TypeError(
            f"a {type(value).__name__} cannot be stored in a snapshot: it would be read back as another type; "
            "use None, bool, int, float, str, bytes, list, dict or a numpy array"
        )
    if depth > DEPTH:
        raise ValueError(f"the state is nested deeper than {DEPTH} levels; flatten it")
    writer(value, chunks, depth)


def _write_none(value: None, chunks: _Chunks, depth: int) -> None:
    chunks.append(b"n")


def _write_bool(value: bool, chunks: _Chunks, depth: int) -> None:
    chunks.append(b"t" if value else b"f")


def _write_int(value: int, chunks: _Chunks, depth: int) -> None:
    _write_sized(b"i", int_bytes(value), chunks)


def _write_float(value: float, chunks: _Chunks, depth: int) -> None:
    chunks.append(b"d" + _float(value))


def _write_str(value: str, chunks: _Chunks, depth: int) -> None:
    _write_sized(b"s", value.encode(), chunks)


def _write_bytes(value: bytes, chunks: _Chunks, depth: int) -> None:
    _write_sized(b"b", value, chunks)


def _write_list(value: list[Any], chunks: _Chunks, depth: int) -> None:
    chunks.append(b"l" + _count(len(value)))
    for item in value:
        _write(item, chunks, depth + 1)


def _write_dict(value: dict[str, Any], chunks: _Chunks, depth: int) -> None:
    chunks.append(b"m" + _count(len(value)))
    if any(type(key) is not str for key in value):
        raise TypeError("a dict in a snapshot must have plain str keys; convert the others")
    for key in sorted(value):  # by code point, which is also the order of the UTF-8 bytes
        _write_sized(b"", key.encode(), chunks)
        _write(value[key], chunks, depth + 1)


def _write_array(value: np.ndarray[Any, Any], chunks: _Chunks, depth: int) -> None:
    code = _DTYPE_CODES.get(value.dtype)
    if code is None:
        raise TypeError(
            f"an array of dtype {value.dtype} cannot be stored in a snapshot; convert it to one of {DTYPES}"
        )
    little = value.astype(value.dtype.newbyteorder("<"), copy=False)
    chunks.append(b"a" + code + bytes([value.ndim]) + b"".join(map(_count, value.shape)))
    chunks.append(little.tobytes())


def _write_sized(tag: bytes, content: bytes, chunks: _Chunks) -> None:
    chunks.append(tag + _count(len(content)))
    chunks.append(content)


def int_bytes(value: int) -> bytes:
    """Two's complement, little-endian, in the fewest bytes (one for zero)."""
    bits = (value if value >= 0 else ~value).bit_length() + 1
    return value.to_bytes((bits + 7) // 8, "little", signed=True)


_WRITERS: dict[type, Callable[[Any, _Chunks, int], None]] = {
    type(None): _write_none,
    bool: _write_bool,
    int: _write_int,
    float: _write_float,
    str: _write_str,
    bytes: _write_bytes,
    list: _write_list,
    dict: _write_dict,
    np.ndarray: _write_array,
}
