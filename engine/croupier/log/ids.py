"""Sources of decision ids: callables that return a new string at every call, from any thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import blake2b
from itertools import count

IdSource = Callable[[], str]

SEQUENTIAL = "sequential"  # the option's name


def time_ordered(clock: Callable[[], float]) -> IdSource:
    """A source of UUIDs of version 7 (RFC 9562), which begin with milliseconds so that they are in order of time.

    Args:
        clock: Returns seconds since 1970.

    >>> new = time_ordered(lambda: 0.0)
    >>> new()[:15], new() != new()
    ('00000000-0000-7', True)
    """
    pool: list[str] = []
    owner = os.getpid()

    def new() -> str:
        nonlocal owner
        if os.getpid() != owner:  # after a fork, parent and child must not use the same random digits
            owner = os.getpid()
            pool.clear()
        while True:
            try:
                digits = pool.pop()
            except IndexError:
                pool.extend(_random_digits())
            else:
                break
        time = f"{int(clock() * 1000) & 0xFFFFFFFFFFFF:012x}"
        return f"{time[:8]}-{time[8:12]}-7{digits[:3]}-{digits[3:7]}-{digits[7:]}"

    return new


def _random_digits(count: int = 1024) -> list[str]:
    """Strings of nineteen random hexadecimal digits, of which the fourth is 8, 9, a or b: the variant of RFC 9562.

    They are read from the system in blocks, because one call costs as much as a whole decision.
    """
    block = os.urandom(10 * count).hex()
    digits = (block[start : start + 20] for start in range(0, len(block), 20))
    return [f"{d[:3]}{'89ab'[int(d[19], 16) & 3]}{d[3:18]}" for d in digits]


def counted(prefix: str = "d") -> IdSource:
    """A source of the ids d1, d2, …, for runs that must be reproducible.

    >>> new = counted()
    >>> new(), new()
    ('d1', 'd2')
    """
    numbers = count(1)
    return lambda: f"{prefix}{next(numbers)}"


def sequential_id(seed: int, position: int) -> str:
    """The id of the decision at a position, for `Engine.open(ids="sequential")`: a function of the seed and the log.

    A log that is opened again continues where it ended, and logs of different seeds have different ids.

    >>> sequential_id(7, 1), sequential_id(7, 2), sequential_id(8, 1)
    ('7d657ca8-1', '7d657ca8-2', '351f86ee-1')
    """
    prefix = blake2b(seed.to_bytes(8, "little"), digest_size=4, person=b"ids").hexdigest()
    return f"{prefix}-{position}"
