"""Decodes canonical bytes without trusting them: accepts exactly what `canonical.encode` writes."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from croupier_storage.encoding import limits
from croupier_storage.encoding.canonical import DEPTH, DTYPES, State, int_bytes
from croupier_storage.encoding.limits import Budget
from croupier_storage.errors import CorruptSnapshot

_count = struct.Struct("<Q").unpack
_float = struct.Struct("<d").unpack


def decode(data: bytes | bytearray, budget: Budget) -> State:
    """The state with this canonical encoding, within a budget of memory. Arrays are new, writable and in C order.

    Nothing is allocated for a count before the bytes for it are known to be present.

    Raises:
        CorruptSnapshot: The bytes are not the canonical encoding of any state.
    """
    reader = _Reader(data, budget)
    state = reader.read_value(0)
    if reader.remaining():
        _refuse("there are bytes after the end of the state")
    return state


def _refuse(what: str) -> NoReturn:
    raise CorruptSnapshot(
        f"the snapshot is damaged or forged: {what}. Nothing was restored. Delete it: an earlier snapshot and "
        "the log give the same state"
    )


class _Reader:
    """A read position in the bytes."""

    def __init__(self, data: bytes | bytearray, budget: Budget) -> None:
        self._data, self._spend = memoryview(data), budget.spend
        self._offset = 0

    def remaining(self) -> int:
        return len(self._data) - self._offset

    def take(self, size: int) -> memoryview:
        if size > self.remaining():
            _refuse("it ends too early")
        self._offset += size
        return self._data[self._offset - size : self._offset]

    def count(self) -> int:
        return int(_count(self.take(8))[0])

    def read_value(self, depth: int) -> State:
        tag = bytes(self.take(1))
        read = _READERS.get(tag)
        if read is None:
            _refuse(f"unknown tag {tag!r}")
        if depth > DEPTH:
            _refuse(f"it is nested deeper than {DEPTH} levels")
        self._spend(limits.VALUE)
        return read(self, depth)

    def read_int(self, depth: int) -> int:
        content = self.read_blob(depth)
        value = int.from_bytes(content, "little", signed=True)
        if int_bytes(value) != content:
            _refuse("an int is not written in its shortest form")
        return value

    def read_float(self, depth: int) -> float:
        return float(_float(self.take(8))[0])

    def read_text(self, depth: int) -> str:
        content = self.take(self.count())
        self._spend(limits.CHARACTER * len(content))
        try:
            return str(content, "utf-8")
        except UnicodeDecodeError:
            _refuse("a text is not UTF-8")

    def read_blob(self, depth: int) -> bytes:
        content = self.take(self.count())
        self._spend(len(content))
        return bytes(content)

    def read_list(self, depth: int) -> list[State]:
        count = self.count()
        if count > self.remaining():  # every item takes at least one byte
            _refuse("a list is longer than the remaining bytes")
        self._spend(limits.CONTAINER + limits.ITEM * count)
        return [self.read_value(depth + 1) for _ in range(count)]

    def read_dict(self, depth: int) -> dict[str, State]:
        values: dict[str, State] = {}
        last: str | None = None
        self._spend(limits.CONTAINER)
        for _ in range(self.count()):
            self._spend(limits.ENTRY)
            key = self.read_text(depth)
            if last is not None and key <= last:
                _refuse("the keys of a dict are not in order")
            values[key] = self.read_value(depth + 1)
            last = key
        return values

    def read_array(self, depth: int) -> np.ndarray[Any, Any]:
        code, axes = self.take(2)
        if code >= len(DTYPES):
            _refuse(f"unknown dtype {code}")
        shape = [self.count() for _ in range(axes)]
        dtype = np.dtype(DTYPES[code])
        content = self.take(math.prod(shape) * dtype.itemsize)
        self._spend(limits.ARRAY + len(content))
        if dtype == np.bool_ and np.frombuffer(content, np.uint8).max(initial=0) > 1:
            _refuse("a bool is neither 0 nor 1")
        try:
            flat = np.frombuffer(content, dtype.newbyteorder("<")).reshape(shape)
        except ValueError:
            _refuse(f"no array can have the shape {shape[:8]}")
        return flat.astype(dtype)


_READERS: dict[bytes, Callable[[_Reader, int], State]] = {
    b"n": lambda reader, depth: None,
    b"f": lambda reader, depth: False,
    b"t": lambda reader, depth: True,
    b"i": _Reader.read_int,
    b"d": _Reader.read_float,
    b"s": _Reader.read_text,
    b"b": _Reader.read_blob,
    b"l": _Reader.read_list,
    b"m": _Reader.read_dict,
    b"a": _Reader.read_array,
}
