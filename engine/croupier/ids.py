"""Where decision ids come from: any callable that returns a new string each time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

IdSource = Callable[[], str]


def time_ordered(clock: Callable[[], float]) -> IdSource:
    """UUIDs of version 7 (RFC 9562): milliseconds first, so that keys arrive in the order of their index.

    >>> new = time_ordered(lambda: 0.0)
    >>> new()[:15], new() != new()
    ('00000000-0000-7', True)
    """
    random = _random_bytes()

    def new() -> str:
        value = (int(clock() * 1000) & 0xFFFFFFFFFFFF) << 80 | int.from_bytes(next(random), "big")
        value = value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62  # version and variant
        digits = f"{value:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    return new


def _random_bytes() -> Iterator[bytes]:
    """Ten random bytes a time, asked of the system by the block: one call costs as much as a whole decision.

    A fork starts a block of its own, or parent and child would share the rest of one.
    """
    while True:
        block, owner = os.urandom(10 * 1024), os.getpid()
        for start in range(0, len(block), 10):
            if os.getpid() != owner:
                break
            yield block[start : start + 10]


def counted(prefix: str = "d") -> IdSource:
    """d1, d2, … for runs that must be reproducible.

    >>> new = counted()
    >>> new(), new()
    ('d1', 'd2')
    """
    count = 0

    def new() -> str:
        nonlocal count
        count += 1
        return f"{prefix}{count}"

    return new
