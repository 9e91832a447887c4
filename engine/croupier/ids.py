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
    random = _random_digits()

    def new() -> str:
        time, chance = f"{int(clock() * 1000):012x}", next(random)
        return f"{time[:8]}-{time[8:12]}-7{chance[:3]}-{chance[3:7]}-{chance[7:]}"

    return new


def _random_digits() -> Iterator[str]:
    """Nineteen hexadecimal digits a time, the fourth one of 8, 9, a, b: the variant of RFC 9562.

    The system is asked by the block, since one call costs as much as a whole decision. A fork starts a block of its
    own, or parent and child would share the rest of one.
    """
    while True:
        block, owner = os.urandom(10 * 1024).hex(), os.getpid()
        for start in range(0, len(block), 20):
            if os.getpid() != owner:
                break
            variant = "89ab"[int(block[start + 19], 16) & 3]
            yield f"{block[start : start + 3]}{variant}{block[start + 3 : start + 18]}"


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
