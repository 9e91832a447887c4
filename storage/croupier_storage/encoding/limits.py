"""How much memory the bytes of a snapshot may claim: in proportion to what was really stored, beyond a floor.

A small file must not become a large state. What this library writes keeps within these limits: a state that would
compress too well is compressed less.
"""

from __future__ import annotations

from croupier_storage.errors import CorruptSnapshot

SIZE_FLOOR, SIZE_RATIO = 32 << 20, 32  # uncompressed bytes: at least so many, or so many for a compressed byte
MEMORY_FLOOR, MEMORY_RATIO = 48 << 20, 96  # bytes of Python objects and arrays, likewise

# Bytes of memory in CPython, rounded up.
VALUE = 32  # a number, None, an empty text
CONTAINER = 72  # an empty list or dict
ITEM = 8  # a place in a list
ENTRY = 160  # a place in a dict, with its key
ARRAY = 160  # an array without its elements
CHARACTER = 4


def size_limit(packed: int) -> int:
    """The uncompressed bytes that so many compressed ones may have."""
    return max(SIZE_FLOOR, SIZE_RATIO * packed)


def memory_limit(packed: int) -> int:
    """The memory that the state in so many compressed bytes may take."""
    return max(MEMORY_FLOOR, MEMORY_RATIO * packed)


def fits(packed: int, size: int, values: int) -> bool:
    """Whether a state is certainly within the limits: its uncompressed size, and at most how many values it has."""
    return size <= size_limit(packed) and ENTRY * values + CHARACTER * size <= memory_limit(packed)


class Budget:
    """Memory that is left for decoding."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def spend(self, size: int) -> None:
        """Take memory. Raises CorruptSnapshot when it is used up."""
        self._left -= size
        if self._left < 0:
            raise CorruptSnapshot(
                "the snapshot would take far more memory than its bytes account for; it is forged. Delete it"
            )
