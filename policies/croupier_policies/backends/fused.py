"""A ridge model on array contexts in one kernel call per event."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from croupier_policies.backends.base import DenseRidge, Slots
from croupier_policies.base import Vector
from croupier_policies.exploration.base import Law
from croupier_policies.kernels import fused as fused_kernels


@dataclass(frozen=True, slots=True)
class FusedRidge(DenseRidge):
    """A `DenseRidge` that passes the addresses of its arrays to one kernel per event; the results are bitwise equal."""

    table: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        arrays = [*self.scaler, *self.posterior[:3], self.noise.values]
        if not all(array.flags.c_contiguous and array.itemsize == 8 for array in arrays):
            raise TypeError("the kernels read these arrays by address; they must be contiguous, with 8-byte elements")
        groups, entries, _ = self.posterior.P.shape
        sizes = [self.scaler.mean.shape[0], self.scaler.waves.shape[1], self.scaler.cols.shape[0], self.columns]
        sizes += [groups, entries, self.posterior.theta.shape[1]]
        object.__setattr__(self, "table", np.array([*(array.ctypes.data for array in arrays), *sizes], dtype=np.int64))

    def choose(self, law: Law, x: Vector, slots: Slots) -> Vector:
        """One kernel call, if the law has a kernel."""
        if law.compiled is None or law.compiled.choose is None:
            return DenseRidge.choose(self, law, x, slots)
        p: Vector = law.compiled.choose(self.table, x, self.posterior.prior, slots, *law.parameters)
        return p

    def learn(self, x: Vector, slot: int, reward: float) -> float:
        """One kernel call."""
        expected: float = fused_kernels.learn(self.table, x, slot, reward)
        return expected

    def learn_rows(self, X: Vector, slots: Slots, rewards: Vector) -> Vector:
        """One kernel call, event by event."""
        expected = np.empty(X.shape[0])
        fused_kernels.learn_rows(self.table, X, slots, rewards, expected)
        return expected
