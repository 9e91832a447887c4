"""Where decision ids come from: any callable that returns a new string each time, in whichever thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count

IdSource = Callable[[], str]


def time_ordered(clock: Callable[[], float]) -> IdSource:
    """UUIDs of version 7 (RFC 9562): milliseconds first, so that keys arrive in the order of their index.

    >>> new = time_ordered(lambda: 0.0)
    >>> new()[:15], new() != new()
    ('00000000-0000-7', True)
    """
    pool: list[str] = []
    owner = os.getpid()

    def new() -> str:
        nonlocal owner
        if os.getpid() != owner:  # a fork begins a pool of its own, or parent and child would share the rest of one
            owner = os.getpid()
            pool.clear()
        while True:
            try:
                chance = pool.pop()
            except IndexError:
                pool.extend(_random_digits())
            else:
                break
        time = f"{int(clock() * 1000):012x}"
        return f"{time[:8]}-{time[8:12]}-7{chance[:3]}-{chance[3:7]}-{chance[7:]}"

    return new


def _random_digits(times: int = 1024) -> list[str]:
    """So many times nineteen hexadecimal digits, the fourth of them 8, 9, a or b: the variant of RFC 9562.

    The system is asked by the block, since one call costs as much as a whole decision.
    """
    block = os.urandom(10 * times).hex()
    digits = (block[start : start + 20] for start in range(0, len(block), 20))
    return [f"{d[:3]}{'89ab'[int(d[19], 16) & 3]}{d[3:18]}" for d in digits]


def counted(prefix: str = "d") -> IdSource:
    """d1, d2, … for runs that must be reproducible.

    >>> new = counted()
    >>> new(), new()
    ('d1', 'd2')
    """
    numbers = count(1)
    return lambda: f"{prefix}{next(numbers)}"
