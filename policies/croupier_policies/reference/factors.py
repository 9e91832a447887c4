"""Latent factors in plain numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies.base import Vector

Slots = NDArray[np.int64]


class LearningRates(NamedTuple):
    """Learning rates: of a bias `first`, falling as 1/n to `last`; of the factors `rate`, with shrinkage `shrink`."""

    first: float
    last: float
    rate: float
    shrink: float

    def bias(self, seen: int) -> float:
        """The rate of a bias that was updated `seen` times before."""
        return max(self.last, self.first / (1.0 + self.first * seen))


def score(u: Vector, v: Vector) -> float:
    """b_i + c_j + u_i·v_j for two rows (bias, factors)."""
    return float(u[0] + v[0] + u[1:] @ v[1:])


def learn(
    users: Slots,
    items: Slots,
    values: Vector,
    mean: float,
    U: Vector,
    V: Vector,
    seen: tuple[Slots, Slots],
    rates: LearningRates,
) -> None:
    """Learn pairs of known slots with their values, in order, in place.

    e = r - (μ + b_i + c_j + u_i·v_j);  b_i += γ_i·e;  c_j += γ_j·e;
    u_i += γ·(e·v_j - λ·u_i);  v_j += γ·(e·u_i - λ·v_j), both from their old values.
    (Koren, Bell & Volinsky 2009, "Matrix factorization techniques for recommender systems".)
    """
    for i, j, value in zip(users, items, values, strict=True):
        error = value - mean - score(U[i], V[j])
        u, v = U[i].copy(), V[j].copy()
        U[i, 0] += rates.bias(int(seen[0][i])) * error
        V[j, 0] += rates.bias(int(seen[1][j])) * error
        U[i, 1:] += rates.rate * (error * v[1:] - rates.shrink * u[1:])
        V[j, 1:] += rates.rate * (error * u[1:] - rates.shrink * v[1:])
        seen[0][i] += 1
        seen[1][j] += 1
