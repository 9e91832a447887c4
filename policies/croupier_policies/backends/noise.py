"""The running mean and noise of rewards, shared by all actions of a model."""

from __future__ import annotations

import math

import numpy as np

from croupier_policies.kernels import noise as noise_kernels

FIELDS = ("count", "weight", "mean_reward", "squares")


class Noise:
    """Running mean reward r̄ and σ² = (¼ + Σ (r - mean)² / (1 + sd²)) / (1 + n), from one-step-ahead residuals.

    `count` is the number of rewards; `weight`, the n of the formula, is their discounted number. The four statistics
    are one array, `values`, which the kernels share.

    >>> noise = Noise()
    >>> noise.add(1.0, 0.5, 0.0)
    >>> noise.mean_reward, noise.sigma
    (1.0, 0.5)
    """

    def __init__(self, count: int = 0, weight: float = 0.0, mean_reward: float = 0.5, squares: float = 0.25) -> None:
        self.values = np.array([count, weight, mean_reward, squares])

    @property
    def count(self) -> int:
        """The number of rewards."""
        return int(self.values[0])

    @property
    def weight(self) -> float:
        """The discounted number of rewards."""
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
        """Learn a reward whose predictive mean and variance (in units of σ²) are given."""
        noise_kernels.add(self.values, reward, mean, quadratic)

    def learn(self, reward: float, quadratic: float, predicted: float, predicted1: float) -> float:
        """Learn a reward, given xᵀA⁻¹x, θᵀx and θ1ᵀx before it; returns the prediction r̄ + (θ - r̄·θ1)ᵀx."""
        return float(noise_kernels.learn(self.values, reward, quadratic, predicted, predicted1))

    def discount(self, factor: float) -> None:
        """Discount the evidence toward the prior."""
        self.values[1] *= factor
        self.values[3] = 0.25 + factor * (self.values[3] - 0.25)

    def state(self) -> dict[str, float]:
        """The four statistics by name."""
        return dict(zip(FIELDS, (self.count, *self.values[1:].tolist()), strict=True))
