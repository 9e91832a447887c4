"""Canonical rows as bytes: JSON, and arrays beside it.

A row without arrays is JSON: numbers, strings, lists of strings, objects of numbers, and a `Text` as {"text": "…"}. A
row with arrays is the byte 3, the length of the JSON (4 bytes), the JSON, and the numbers of all arrays in order; the
JSON has [n, w] in place of an array of n numbers of w bytes. All is little-endian.

The numbers of an array take 4 bytes each if single precision represents all of them exactly, and 8 otherwise. Both are
read as the same 64-bit floats, so that nothing has to remember the type that came.
"""

from __future__ import annotations

from typing import Any, Final

import numba
import numpy as np
import orjson

from croupier.errors import InputError
from croupier_policies import Text, Vector

PACKED: Final = b"\x03"
_START: Final = 5  # of the JSON
_TYPES: Final[dict[int, str]] = {4: "<f4", 8: "<f8"}  # by the bytes of a number


def pack(value: Any, argument: str) -> bytes:
    """Encode canonical values. Raises InputError for text that is not valid Unicode."""
    arrays: list[bytes] = []

    def beside(value: Any) -> Any:
        if isinstance(value, Text):
            return {"text": str.__str__(value)}
        width = width_of(value)
        arrays.append(encode_numbers(value, width))
        return [len(value), width]

    try:
        text = orjson.dumps(value, beside, orjson.OPT_PASSTHROUGH_SUBCLASS)
    except orjson.JSONEncodeError as error:  # lone surrogates; NaN was rejected before, because orjson would write null
        raise InputError(f"{argument} contains text that is not valid Unicode: {error}") from error
    return PACKED + len(text).to_bytes(_START - 1, "little") + text + b"".join(arrays) if arrays else text


def unpack(body: bytes) -> dict[str, Any]:
    """Decode a row with arrays; a `Text` is still an object. Raises ValueError if `pack` would not encode it so."""
    end = _START + int.from_bytes(body[1:_START], "little")
    row = orjson.loads(body[_START:end])
    if type(row) is not dict:
        raise ValueError("it is not a row of named values")
    for name, value in row.items():
        if type(value) is list and [*map(type, value)] == [int, int]:
            count, width = value
            if not 0 < count <= len(body) or width not in _TYPES:
                raise ValueError(f"{name!r} has {count} numbers of {width} bytes")
            row[name] = decode_numbers(body, width, end, count)
            end += count * width
    if pack(row, "features") != body:
        raise ValueError("it is not as it was written")
    return row


def texts(row: dict[str, Any]) -> dict[str, Any]:
    """The row with a `Text` in place of each {"text": "…"}."""
    return {name: _text(value) for name, value in row.items()}


def _text(value: Any) -> Any:
    is_text = type(value) is dict and value.keys() == {"text"} and type(value["text"]) is str
    return Text(value["text"]) if is_text else value


def width_of(array: Vector) -> int:
    """The bytes that a number of the array takes."""
    return 4 if _is_single(array) else 8


def encode_numbers(array: Vector, width: int) -> bytes:
    """The numbers of an array in this width."""
    encoded: bytes = array.astype(_TYPES[width], copy=False).tobytes()
    return encoded


def decode_numbers(body: bytes, width: int, start: int, count: int = -1) -> Vector:
    """So many numbers of a body, or all from `start` on. Raises ValueError if there are not so many."""
    numbers: Vector = np.frombuffer(body, _TYPES[width], count, start).astype(np.float64)
    return numbers


@numba.njit(cache=True)
def _is_single(array: Vector) -> bool:
    """Whether single precision represents every number exactly."""
    for i in range(array.shape[0]):  # noqa: SIM110 - compiled
        if np.float64(np.float32(array[i])) != array[i]:
            return False
    return True
