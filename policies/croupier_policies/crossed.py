"""One ridge posterior over the products of context and action features, shared by all actions."""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np

from croupier_policies import arrays
from croupier_policies.base import State
from croupier_policies.crossed_arithmetic import Shared
from croupier_policies.errors import TooLarge


class Crossed:
    """Where such a posterior is kept, and how it grows: exactly as large as it must be, since it seldom grows."""

    def __init__(self, xp: Any, max_bytes: int) -> None:
        self.xp, self.max_bytes = xp, max_bytes
        self._allocate(1, 1)

    @property
    def shape(self) -> tuple[int, int]:
        """The columns of x and of z."""
        dx, dz = self.shared.w.shape
        return dx, dz

    def columns_for(self, dz: int) -> int:
        """The most columns of x that `max_bytes` allows beside so many of z."""
        return (isqrt(1 + 8 * (self.max_bytes // (8 * dz * dz))) - 1) // 2

    def rows_for(self, dx: int) -> int:
        """The most columns of z beside so many of x."""
        return isqrt(self.max_bytes // (4 * dx * (dx + 1)))

    def check(self, dx: int, dz: int) -> None:
        """Raises TooLarge where that would be over `max_bytes`."""
        if dx > self.columns_for(dz):
            raise TooLarge(
                f"{dx} context columns crossed with {dz} action columns need {4 * dx * (dx + 1) * dz * dz / 2**20:.0f} "
                f"MiB, over the limit of {self.max_bytes / 2**20:.0f} MiB: give fewer fields, or raise max_bytes"
            )

    def grow(self, dx: int, dz: int) -> None:
        """Take more columns into use, at their prior."""
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
        self.shared = Shared(xp.asarray(blocks), w, w1)

    def state(self) -> State:
        """All of it."""
        return {name: arrays.to_host(array).copy() for name, array in self.shared._asdict().items()}

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        self.shared = Shared(*(self.xp.asarray(state[name].copy()) for name in Shared._fields))
