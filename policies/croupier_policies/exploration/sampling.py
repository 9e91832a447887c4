"""Sampling: uniform numbers derived by hashing, and an action drawn from a probability vector."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

import numba
import numpy as np

from croupier_policies.base import Vector


def uniform(seed: int, domain: str, name: str) -> float:
    """The uniform number u in [0, 1) of a name: derived by hashing, not consumed from a stream.

    Equal arguments give equal numbers in any process; different domains give independent numbers for the same name.

    Args:
        seed: The store's seed, 0 ≤ seed < 2⁶⁴.
        domain: The purpose of the number ("draw", "assignment", …), at most 16 bytes.
        name: The name it is derived from, for example a decision's id.

    >>> uniform(7, "draw", "a") == uniform(7, "draw", "a")
    True
    >>> uniform(7, "draw", "a") == uniform(7, "ensemble", "a")
    False
    """
    digest = _keyed_hash(seed, domain).copy()
    digest.update(name.encode())
    return (int.from_bytes(digest.digest(), "little") >> 11) * 2.0**-53


@lru_cache(maxsize=64)
def _keyed_hash(seed: int, domain: str) -> blake2b:
    return blake2b(digest_size=8, key=seed.to_bytes(8, "little"), person=domain.encode())


@numba.njit(cache=True)
def draw(probabilities: Vector, u: float) -> int:
    """The index k drawn by inverting the cumulative sum: the smallest k with p_0 + … + p_k > u.

    Rounding may leave the total at or below u; then the last action with p > 0 is drawn, never one with p = 0.

    Args:
        probabilities: Shape (K,), summing to 1.
        u: A uniform number in [0, 1).

    Returns:
        The index; -1 if no entry is positive.

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


def check_distribution(probabilities: Vector, count: int) -> Vector:
    """The vector itself, if it is a distribution over `count` actions to within 1e-9. Raises ValueError otherwise.

    >>> import numpy as np
    >>> check_distribution(np.array([0.5, np.nan]), 2)
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
