"""The arithmetic of one event at a time on a CPU: numba kernels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from croupier_policies.backends.base import Arithmetic, Dense, Slots
from croupier_policies.backends.crossed import CompiledCrossed
from croupier_policies.backends.fused import Bound
from croupier_policies.backends.noise import Noise
from croupier_policies.base import Vector
from croupier_policies.encoding.scaler import Encoded, Scaler
from croupier_policies.exploration.base import Array, Estimates, Law
from croupier_policies.kernels import discount as forgetting_kernels
from croupier_policies.kernels import ridge as kernels
from croupier_policies.reference.ridge import Posterior, Projection


class Compiled(Arithmetic):
    """The numba kernels."""

    xp = np
    crossed = CompiledCrossed()

    def scores(
        self, rows: Sequence[Encoded], columns: int, posterior: Posterior, mean_reward: float, slots: Slots
    ) -> tuple[Array, Array]:
        """Shared rows go through all actions of a group at once, rows of their own one action at a time."""
        mean, sd = np.empty(slots.shape[0]), np.empty(slots.shape[0])
        if len(rows) == 1:
            kernels.scores(*rows[0], *posterior, mean_reward, slots, mean, sd)
        else:
            for k, row in enumerate(rows):
                mean[k], sd[k] = kernels.score_one(*row, *posterior, mean_reward, slots[k])
        return mean, sd

    def project(self, row: Encoded, columns: int, posterior: Posterior, slot: int) -> Projection:
        """The product with the packed triangle."""
        P, theta, theta1, _ = posterior
        px = np.empty(columns)
        return Projection(px, *kernels.project(row.cols, row.vals, P, theta, theta1, slot, columns, px))

    def update(
        self, columns: int, posterior: Posterior, slot: int, px: Array, down: float, step: float, step1: float
    ) -> None:
        """The rank-one step in place."""
        P, theta, theta1, _ = posterior
        kernels.update(P, theta, theta1, slot, px, down, step, step1)

    def discount(self, columns: int, posterior: Posterior, slots: Iterable[int], factor: float) -> None:
        """One action at a time."""
        for slot in slots:
            forgetting_kernels.discount(*posterior, slot, columns, factor)

    def explore(self, law: Law, estimates: Estimates) -> Vector:
        """The law's kernel, or its formula where it has none."""
        if law.compiled is None:
            return np.asarray(law.probabilities(np, estimates))
        out = np.empty(estimates.mean.shape[0])
        law.compiled.law(*estimates, *law.parameters, out)
        return out

    def dense(self, scaler: Scaler, columns: int, posterior: Posterior, noise: Noise) -> Dense:
        """By their addresses."""
        return Bound(self, scaler, columns, posterior, noise)
