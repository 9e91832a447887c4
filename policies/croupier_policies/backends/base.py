"""The contract between linear models and the device they run on."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier_policies.backends.crossed import CrossedBackend
from croupier_policies.backends.noise import Noise
from croupier_policies.base import Vector
from croupier_policies.encoding.scaler import Scaler, SparseRow
from croupier_policies.exploration.base import Array, Estimates, Law
from croupier_policies.reference.ridge import Posterior, Projection

Slots = NDArray[np.int64]


class Backend(ABC):
    """Operations on rows and posteriors (see `reference.ridge`); the first `columns` are in use; slot -1 is unknown."""

    xp: Any
    crossed: CrossedBackend

    @abstractmethod
    def scores(
        self, rows: Sequence[SparseRow], columns: int, posterior: Posterior, mean_reward: float, slots: Slots
    ) -> tuple[Array, Array]:
        """Mean and sd of each action, (K,), for one shared row or one row per action."""

    @abstractmethod
    def project(self, row: SparseRow, columns: int, posterior: Posterior, slot: int) -> Projection:
        """A row under one action's posterior."""

    @abstractmethod
    def update(
        self, columns: int, posterior: Posterior, slot: int, px: Array, down: float, step: float, step1: float
    ) -> None:
        """One rank-one update of one action, in place."""

    @abstractmethod
    def discount(self, columns: int, posterior: Posterior, slots: Iterable[int], factor: float) -> None:
        """Discount these slots toward their prior, in place."""

    @abstractmethod
    def apply_law(self, law: Law, estimates: Estimates) -> Vector:
        """The law's probabilities, on the host."""

    def dense_ridge(self, scaler: Scaler, columns: int, posterior: Posterior, noise: Noise) -> DenseRidge:
        """The operations of a ridge model on array contexts, bound to its current arrays."""
        return DenseRidge(self, scaler, columns, posterior, noise)

    def learn_rows(
        self, X: Vector, scaler: Scaler, columns: int, posterior: Posterior, slots: Slots, rewards: Vector
    ) -> Vector:
        """Observe array contexts, (B, n), with one step each; the results of `ridge_step`, (3, B), on the host."""
        out = np.empty((3, X.shape[0]))
        for t, (x, slot, reward) in enumerate(zip(X, slots.tolist(), rewards.tolist(), strict=True)):
            scaler.observe(x)
            out[:, t] = self.ridge_step(scaler.encode(x), columns, posterior, slot, reward)
        return out

    def ridge_step(
        self, row: SparseRow, columns: int, posterior: Posterior, slot: int, reward: float
    ) -> tuple[float, float, float]:
        """One Sherman-Morrison step on the reward and on the constant 1: down = 1 / (1 + xᵀA⁻¹x), step = down·error."""
        px, quadratic, predicted, predicted1 = self.project(row, columns, posterior, slot)
        gain = 1.0 / (1.0 + quadratic)
        self.update(columns, posterior, slot, px, gain, gain * (reward - predicted), gain * (1.0 - predicted1))
        return quadratic, predicted, predicted1


@dataclass(frozen=True, slots=True)
class DenseRidge:
    """A ridge model on array contexts: scaler, posteriors and noise, with one operation per step.

    It refers to the arrays themselves: when a new column or action reallocates one, a new object is needed.
    """

    backend: Backend
    scaler: Scaler
    columns: int
    posterior: Posterior
    noise: Noise

    def __reduce__(self) -> Any:
        """A copy is rebuilt from copies of the arrays."""
        return type(self), (self.backend, self.scaler, self.columns, self.posterior, self.noise)

    def choose(self, law: Law, x: Vector, slots: Slots) -> Vector:
        """The law's probabilities for a context shared by all actions."""
        mean, sd = self.backend.scores(
            [self.scaler.encode(x)], self.columns, self.posterior, self.noise.mean_reward, slots
        )
        return self.backend.apply_law(law, Estimates(mean, sd, self.noise.sigma, self.noise.count))

    def learn(self, x: Vector, slot: int, reward: float) -> float:
        """Observe the context, take one ridge step, update the noise; returns the prediction before the step."""
        self.scaler.observe(x)
        seen = self.backend.ridge_step(self.scaler.encode(x), self.columns, self.posterior, slot, reward)
        return self.noise.learn(reward, *seen)

    def learn_rows(self, X: Vector, slots: Slots, rewards: Vector) -> Vector:
        """`learn` array contexts, (B, n), in order; slot -1 is not learned, and gives NaN."""
        known, seen = slots >= 0, np.zeros((3, len(rewards)))
        if known.any():
            seen[:, known] = self.backend.learn_rows(
                X[known], self.scaler, self.columns, self.posterior, slots[known], rewards[known]
            )
        events = zip(known.tolist(), rewards.tolist(), seen.T.tolist(), strict=True)
        return np.array([self.noise.learn(r, *step) if learned else math.nan for learned, r, step in events])
