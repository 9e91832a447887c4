"""The centre and the noise of rewards: what all actions of a model share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Noise:
    """Running mean reward r̄ and σ² = (¼ + Σ (r - mean)² / (1 + sd²)) / (1 + n), from residuals one step ahead.

    `count` is of all rewards; `weight`, the n of the formula, is of those not forgotten.

    >>> noise = Noise()
    >>> noise.add(1.0, 0.5, 0.0)
    >>> noise.mean_reward, noise.sigma
    (1.0, 0.5)
    """

    count: int = 0
    weight: float = 0.0
    mean_reward: float = 0.5
    squares: float = 0.25

    @property
    def sigma(self) -> float:
        """The residual noise σ."""
        return float((self.squares / (1.0 + self.weight)) ** 0.5)

    def add(self, reward: float, mean: float, quadratic: float) -> None:
        """Fold in a reward whose action had this mean and variance (in units of σ²) before."""
        self.squares += (reward - mean) ** 2 / (1.0 + max(quadratic, 0.0))
        self.count += 1
        self.weight += 1.0
        self.mean_reward += (reward - self.mean_reward) / self.weight

    def discount(self, factor: float) -> None:
        """Forget toward what was assumed at first."""
        self.weight *= factor
        self.squares = 0.25 + factor * (self.squares - 0.25)
