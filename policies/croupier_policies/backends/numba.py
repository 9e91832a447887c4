"""The numba backend: one event at a time on a CPU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from croupier_policies.backends.base import Backend, DenseRidge, Slots
from croupier_policies.backends.crossed import NumbaCrossedBackend
from croupier_policies.backends.fused import FusedRidge
from croupier_policies.backends.noise import Noise
from croupier_policies.base import Vector
from croupier_policies.encoding.scaler import Scaler, SparseRow
from croupier_policies.exploration.base import Array, Estimates, Law
from croupier_policies.kernels import discount as discount_kernels
from croupier_policies.kernels import ridge as ridge_kernels
from croupier_policies.reference.ridge import Posterior, Projection


class NumbaBackend(Backend):
    """The numba kernels."""

    xp = np
    crossed = NumbaCrossedBackend()

    def scores(
        self, rows: Sequence[SparseRow], columns: int, posterior: Posterior, mean_reward: float, slots: Slots
    ) -> tuple[Array, Array]:
        """A shared row is scored for all actions of a group at once, separate rows for one action at a time."""
        mean, sd = np.empty(slots.shape[0]), np.empty(slots.shape[0])
        if len(rows) == 1:
            ridge_kernels.scores(*rows[0], *posterior, mean_reward, slots, mean, sd)
        else:
            for k, row in enumerate(rows):
                mean[k], sd[k] = ridge_kernels.score_one(*row, *posterior, mean_reward, slots[k])
        return mean, sd

    def project(self, row: SparseRow, columns: int, posterior: Posterior, slot: int) -> Projection:
        """The product with the packed triangle."""
        P, theta, theta1, _ = posterior
        px = np.empty(columns)
        return Projection(px, *ridge_kernels.project(row.cols, row.vals, P, theta, theta1, slot, columns, px))

    def update(
        self, columns: int, posterior: Posterior, slot: int, px: Array, down: float, step: float, step1: float
    ) -> None:
        """The rank-one update in place."""
        P, theta, theta1, _ = posterior
        ridge_kernels.update(P, theta, theta1, slot, px, down, step, step1)

    def discount(self, columns: int, posterior: Posterior, slots: Iterable[int], factor: float) -> None:
        """One action at a time."""
        for slot in slots:
            discount_kernels.discount(*posterior, slot, columns, factor)

    def apply_law(self, law: Law, estimates: Estimates) -> Vector:
        """The law's kernel, or its formula if it has none."""
        if law.compiled is None:
            return np.asarray(law.probabilities(np, estimates))
        out = np.empty(estimates.mean.shape[0])
        law.compiled.law(*estimates, *law.parameters, out)
        return out

    def dense_ridge(self, scaler: Scaler, columns: int, posterior: Posterior, noise: Noise) -> DenseRidge:
        """The fused kernels, which read the arrays by address."""
        return FusedRidge(self, scaler, columns, posterior, noise)
