"""One ridge posterior over the products of context and action features, shared by all actions."""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier_policies import arrays
from croupier_policies.backends.base import Backend
from croupier_policies.backends.crossed import CrossedArrays
from croupier_policies.base import State
from croupier_policies.errors import TooLarge
from croupier_policies.reference.ridge import Posterior


class SharedPosterior:
    """Storage of such a posterior. It is allocated at its exact size, since it seldom grows."""

    def __init__(self, xp: Any, max_bytes: int) -> None:
        self.xp, self.max_bytes = xp, max_bytes
        self._allocate(1, 1)

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of columns of x and of z."""
        dx, dz = self.shared.w.shape
        return dx, dz

    def columns_for(self, dz: int) -> int:
        """The largest number of columns of x that `max_bytes` allows with dz columns of z."""
        return (isqrt(1 + 8 * (self.max_bytes // (8 * dz * dz))) - 1) // 2

    def rows_for(self, dx: int) -> int:
        """The largest number of columns of z that `max_bytes` allows with dx columns of x."""
        return isqrt(self.max_bytes // (4 * dx * (dx + 1)))

    def check(self, dx: int, dz: int) -> None:
        """Raises TooLarge if dx·dz columns would exceed `max_bytes`."""
        if dx > self.columns_for(dz):
            raise TooLarge(
                f"{dx} context columns crossed with {dz} action columns need {4 * dx * (dx + 1) * dz * dz / 2**20:.0f} "
                f"MiB, over the limit of {self.max_bytes / 2**20:.0f} MiB: give fewer fields, or raise max_bytes"
            )

    def grow(self, dx: int, dz: int) -> None:
        """Add columns at their prior."""
        if (dx, dz) == self.shape:
            return
        (Q, w, w1), (i, k) = self.shared, self.shape
        self._allocate(dx, dz)
        self.shared.Q[: Q.shape[0], :k, :k] = Q
        self.shared.w[:i, :k], self.shared.w1[:i, :k] = w, w1

    def _allocate(self, dx: int, dz: int) -> None:
        xp, blocks = self.xp, np.zeros((dx * (dx + 1) // 2, dz, dz))
        blocks[[i * (i + 3) // 2 for i in range(dx)]] = np.eye(dz)
        w, w1 = (xp.zeros((dx, dz), dtype=xp.float64) for _ in range(2))
        self.shared = CrossedArrays(xp.asarray(blocks), w, w1)

    def discount(self, factor: float, backend: Backend) -> None:
        """Discount toward the prior, as for one action with dx·dz columns (`reference.ridge.discount`)."""
        xp, (dx, dz) = self.xp, self.shape
        packed, blocks = (xp.asarray(places) for places in _places(dx, dz))
        P = xp.take(xp.reshape(self.shared.Q, (-1,)), packed, axis=0)
        P, w, w1 = (xp.reshape(array, (1, -1, 1)) for array in (P, self.shared.w, self.shared.w1))
        one = Posterior(P, w, w1, prior=1.0)
        backend.discount(dx * dz, one, (0,), factor)
        Q = xp.reshape(xp.take(xp.reshape(one.P, (-1,)), blocks, axis=0), (-1, dz, dz))
        self.shared = CrossedArrays(Q, *(xp.reshape(array, (dx, dz)) for array in (one.theta, one.theta1)))

    def state(self) -> State:
        """The arrays by name."""
        return {name: arrays.to_host(array).copy() for name, array in self.shared._asdict().items()}

    def restore(self, state: State) -> None:
        """Replace the arrays by those of a `state()`."""
        self.shared = CrossedArrays(*(self.xp.asarray(state[name].copy()) for name in CrossedArrays._fields))


def _places(dx: int, dz: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The index in the blocks of each entry of the packed lower triangle of Q, and the inverse."""
    rows, cols = np.tril_indices(dx * dz)
    (i, k), (j, m) = divmod(rows, dz), divmod(cols, dz)
    packed = ((i * (i + 1) // 2 + j) * dz + k) * dz + m
    i, j = (each[:, None, None] for each in np.tril_indices(dx))
    a, b = i * dz + np.arange(dz)[:, None], j * dz + np.arange(dz)
    high, low = np.maximum(a, b), np.minimum(a, b)
    return packed, (high * (high + 1) // 2 + low).reshape(-1)
