"""The one draw: uniform numbers derived from names, and an action drawn from a vector of probabilities."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

import numba
import numpy as np

from croupier_policies.base import Vector


def uniform(seed: int, domain: str, name: str) -> float:
    """The uniform number u in [0, 1) that belongs to a name: derived by hashing, never consumed from a stream.

    Equal arguments give equal numbers in any process; other domains give independent numbers for the same name.

    Args:
        seed: The store's seed, 0 ≤ seed < 2⁶⁴.
        domain: What the number is for ("draw", "assignment", …), at most 16 bytes.
        name: What it belongs to, for example a decision's id.

    >>> uniform(7, "draw", "a") == uniform(7, "draw", "a")
    True
    >>> uniform(7, "draw", "a") == uniform(7, "ensemble", "a")
    False
    """
    keyed = _keyed(seed, domain).copy()
    keyed.update(name.encode())
    return (int.from_bytes(keyed.digest(), "little") >> 11) * 2.0**-53


@lru_cache(maxsize=64)
def _keyed(seed: int, domain: str) -> blake2b:
    return blake2b(digest_size=8, key=seed.to_bytes(8, "little"), person=domain.encode())


@numba.njit(cache=True)
def draw(probabilities: Vector, u: float) -> int:
    """The index k drawn by inverting the cumulative sum: the first with p_0 + … + p_k > u.

    Rounding may leave the whole sum at or below u; the last action with p > 0 is drawn then, never one with p = 0.

    Args:
        probabilities: Shape (K,), summing to 1.
        u: A uniform number in [0, 1).

    Returns:
        The index; -1 where no entry is positive.

    >>> import numpy as np
    >>> draw(np.array([0.25, 0.75, 0.0]), 0.3), draw(np.array([0.5, 0.0]), 0.9)
    (1, 0)
    """
    total = 0.0
    last = -1
    for k in range(probabilities.shape[0]):
        if probabilities[k] > 0.0:
            total += probabilities[k]
            last = k
            if total > u:
                break
    return last


def checked(probabilities: Vector, count: int) -> Vector:
    """The vector itself if it is a distribution over `count` actions, to within 1e-9; raises ValueError if not.

    >>> import numpy as np
    >>> checked(np.array([0.5, np.nan]), 2)
    Traceback (most recent call last):
    ...
    ValueError: the policy's probabilities are not a distribution: [0.5 nan]
    """
    if probabilities.shape != (count,) or not _is_distribution(probabilities):
        raise ValueError(f"the policy's probabilities are not a distribution: {probabilities}")
    return probabilities


@numba.njit(cache=True)
def _is_distribution(probabilities: Vector) -> bool:
    total = 0.0
    for k in range(probabilities.shape[0]):
        if not probabilities[k] >= 0.0:  # also catches NaN
            return False
        total += probabilities[k]
    return bool(np.abs(total - 1.0) <= 1e-9)
