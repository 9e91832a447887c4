"""What a linear model asks of a device, and the choice of a device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from croupier_policies.base import Vector
from croupier_policies.crossed_arithmetic import CrossedArithmetic
from croupier_policies.dense import Dense, Slots
from croupier_policies.exploration import Array, Estimates, Law
from croupier_policies.noise import Noise
from croupier_policies.reference import Posterior, Projection
from croupier_policies.scaler import Encoded, Scaler


class Arithmetic(ABC):
    """Sums over rows and posteriors (see `reference`), the first `columns` of them in use; an unknown slot is -1."""

    xp: Any
    crossed: CrossedArithmetic

    @abstractmethod
    def scores(
        self, rows: Sequence[Encoded], columns: int, posterior: Posterior, mean_reward: float, slots: Slots
    ) -> tuple[Array, Array]:
        """Mean and sd of each action, (K,), for one shared row or one row an action."""

    @abstractmethod
    def project(self, row: Encoded, columns: int, posterior: Posterior, slot: int) -> Projection:
        """What one action's posterior makes of a row."""

    @abstractmethod
    def update(
        self, columns: int, posterior: Posterior, slot: int, px: Array, down: float, step: float, step1: float
    ) -> None:
        """One rank-one step of one action, in place."""

    @abstractmethod
    def discount(self, columns: int, posterior: Posterior, slots: Iterable[int], factor: float) -> None:
        """Forget these slots toward their prior, in place."""

    @abstractmethod
    def explore(self, law: Law, estimates: Estimates) -> Vector:
        """The law's probabilities, on the host."""

    def dense(self, scaler: Scaler, columns: int, posterior: Posterior, noise: Noise) -> Dense:
        """What is known of array contexts, put together."""
        return Dense(self, scaler, columns, posterior, noise)

    def learn_rows(
        self, X: Vector, scaler: Scaler, columns: int, posterior: Posterior, slots: Slots, rewards: Vector
    ) -> Vector:
        """Count array contexts, (B, n), and take a step for each; what `ridge_step` gives, (3, B), on the host."""
        out = np.empty((3, X.shape[0]))
        for t, (x, slot, reward) in enumerate(zip(X, slots.tolist(), rewards.tolist(), strict=True)):
            scaler.observe(x)
            out[:, t] = self.ridge_step(scaler.encode(x), columns, posterior, slot, reward)
        return out

    def ridge_step(
        self, row: Encoded, columns: int, posterior: Posterior, slot: int, reward: float
    ) -> tuple[float, float, float]:
        """One Sherman-Morrison step on the reward and on the constant 1: down = 1 / (1 + xᵀA⁻¹x), step = down·error."""
        px, quadratic, predicted, predicted1 = self.project(row, columns, posterior, slot)
        gain = 1.0 / (1.0 + quadratic)
        self.update(columns, posterior, slot, px, gain, gain * (reward - predicted), gain * (1.0 - predicted1))
        return quadratic, predicted, predicted1
