"""The array backend: the reference formulas on numpy, CuPy or another array namespace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from croupier_policies import arrays
from croupier_policies.backends.base import Backend, Slots
from croupier_policies.backends.crossed import ArrayCrossedBackend
from croupier_policies.base import Vector
from croupier_policies.encoding.scaler import Scaler, SparseRow
from croupier_policies.exploration.base import Array, Estimates, Law
from croupier_policies.reference import ridge as reference
from croupier_policies.reference.ridge import Posterior, Projection


class ArrayBackend(Backend):
    """The reference formulas."""

    def __init__(self, xp: Any) -> None:
        self.xp = xp
        self.crossed = ArrayCrossedBackend(xp)

    def scores(
        self, rows: Sequence[SparseRow], columns: int, posterior: Posterior, mean_reward: float, slots: Slots
    ) -> tuple[Array, Array]:
        """Dense rows, by the matrix products of `reference.ridge`."""
        X = self.xp.asarray(np.stack([row.dense(columns) for row in rows]))
        unseen = self.xp.asarray(np.array([row.unseen for row in rows]))
        if len(rows) == 1:
            mean, sd = self.scores_batch(X, unseen, columns, posterior, mean_reward, slots)
            return mean[0, :], sd[0, :]
        where = self.xp.asarray(np.maximum(slots, 0))
        mean, sd = reference.scores_rows(self.xp, X, unseen, _in_use(columns, posterior), mean_reward, where)
        return self._with_prior(X, unseen, posterior, mean_reward, slots, mean, sd)

    def scores_batch(
        self, X: Array, unseen: Array, columns: int, posterior: Posterior, mean_reward: float, slots: Slots
    ) -> tuple[Array, Array]:
        """Mean and sd, (B, K), for rows (B, columns) shared by all actions."""
        where = self.xp.asarray(np.maximum(slots, 0))
        mean, sd = reference.scores(self.xp, X, unseen, _in_use(columns, posterior), mean_reward, where)
        return self._with_prior(X[:, None, :], unseen[:, None], posterior, mean_reward, slots, mean, sd)

    def _with_prior(
        self, X: Array, unseen: Array, posterior: Posterior, mean_reward: float, slots: Slots, mean: Array, sd: Array
    ) -> tuple[Array, Array]:
        """Replace mean and sd by their prior values for actions never learned."""
        xp = self.xp
        known = xp.asarray(slots >= 0)
        prior = xp.sqrt(posterior.prior * (xp.sum(X * X, axis=-1) + unseen))
        return xp.where(known, mean, xp.full_like(mean, mean_reward)), xp.where(known, sd, prior)

    def project(self, row: SparseRow, columns: int, posterior: Posterior, slot: int) -> Projection:
        """`reference.ridge.project`."""
        return reference.project(self.xp, self.xp.asarray(row.dense(columns)), _in_use(columns, posterior), slot)

    def update(
        self, columns: int, posterior: Posterior, slot: int, px: Array, down: float, step: float, step1: float
    ) -> None:
        """`reference.ridge.update`."""
        reference.update(self.xp, _in_use(columns, posterior), slot, px, down, step, step1)

    def learn_rows(
        self, X: Vector, scaler: Scaler, columns: int, posterior: Posterior, slots: Slots, rewards: Vector
    ) -> Vector:
        """All rows of one action in one step (`reference.ridge.learn_rows`)."""
        xp, in_use, out = self.xp, _in_use(columns, posterior), np.empty((3, X.shape[0]))
        encoded = scaler.observe_rows(X, columns)
        for slot in np.unique(slots).tolist():
            own = np.flatnonzero(slots == slot)
            out[:, own] = arrays.to_host(
                reference.learn_rows(xp, xp.asarray(encoded[own]), xp.asarray(rewards[own]), in_use, slot)
            )
        return out

    def discount(self, columns: int, posterior: Posterior, slots: Iterable[int], factor: float) -> None:
        """`reference.ridge.discount`."""
        for slot in slots:
            reference.discount(self.xp, _in_use(columns, posterior), slot, factor)

    def apply_law(self, law: Law, estimates: Estimates) -> Vector:
        """Evaluate the law on the device and copy the result to the host."""
        return arrays.to_host(law.probabilities(self.xp, estimates))


def _in_use(columns: int, posterior: Posterior) -> Posterior:
    """Views without the spare columns: the number of summands determines their order, and so the last bit."""
    P, theta, theta1, prior = posterior
    return Posterior(P[:, : columns * (columns + 1) // 2, :], theta[:, :columns, :], theta1[:, :columns, :], prior)
