"""The centre and the noise of rewards: what all actions of a model share."""

from __future__ import annotations

import math

import numpy as np

from croupier_policies.kernels import noise as noise_kernels

FIELDS = ("count", "weight", "mean_reward", "squares")


class Noise:
    """Running mean reward r̄ and σ² = (¼ + Σ (r - mean)² / (1 + sd²)) / (1 + n), from residuals one step ahead.

    `count` is of all rewards; `weight`, the n of the formula, is of those not forgotten. All four stand in one array,
    `values`, where kernels find them.

    >>> noise = Noise()
    >>> noise.add(1.0, 0.5, 0.0)
    >>> noise.mean_reward, noise.sigma
    (1.0, 0.5)
    """

    def __init__(self, count: int = 0, weight: float = 0.0, mean_reward: float = 0.5, squares: float = 0.25) -> None:
        self.values = np.array([count, weight, mean_reward, squares])

    @property
    def count(self) -> int:
        """Of all rewards."""
        return int(self.values[0])

    @property
    def weight(self) -> float:
        """Of those not forgotten."""
        return float(self.values[1])

    @property
    def mean_reward(self) -> float:
        """r̄."""
        return float(self.values[2])

    @property
    def sigma(self) -> float:
        """The residual noise σ."""
        return math.sqrt(self.values[3] / (1.0 + self.values[1]))

    def add(self, reward: float, mean: float, quadratic: float) -> None:
        """Fold in a reward whose action had this mean and variance (in units of σ²) before."""
        noise_kernels.add(self.values, reward, mean, quadratic)

    def learn(self, reward: float, quadratic: float, predicted: float, predicted1: float) -> float:
        """The same, given xᵀA⁻¹x, θᵀx and θ1ᵀx before; r̄ + (θ - r̄·θ1)ᵀx, what was expected."""
        return float(noise_kernels.learn(self.values, reward, quadratic, predicted, predicted1))

    def discount(self, factor: float) -> None:
        """Forget toward what was assumed at first."""
        self.values[1] *= factor
        self.values[3] = 0.25 + factor * (self.values[3] - 0.25)

    def state(self) -> dict[str, float]:
        """The four, by name."""
        return dict(zip(FIELDS, (self.count, *self.values[1:].tolist()), strict=True))
