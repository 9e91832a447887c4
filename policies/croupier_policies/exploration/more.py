"""The laws that a study compares the defaults with: one temperature, ε-greedy, upper bounds, Thompson sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from croupier_policies.exploration.base import Array, Estimates, Law
from croupier_policies.reference import laws
from croupier_policies.registry import register


@register
@dataclass(frozen=True, kw_only=True)
class Boltzmann(Law):
    """`laws.boltzmann` with the inverse temperature λ = inverse_temperature·(t + 1)^growth after t rewards.

    Args:
        alpha: Optimism.
        inverse_temperature: λ before the first reward, in units of 1/σ.
        growth: How λ grows: 0 leaves it fixed, and so never separates a gap much smaller than σ/λ.
        epsilon: The floor.

    >>> import numpy as np
    >>> Boltzmann(inverse_temperature=0.0).probabilities(np, Estimates(np.arange(2.0), np.ones(2), 0.5, 9)).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "boltzmann"
    alpha: float = 0.25
    inverse_temperature: float = 1.0
    growth: float = 0.5

    def probabilities(self, xp: Any, estimates: Estimates) -> Array:
        """`laws.boltzmann`."""
        mean, sd, sigma, rewards = estimates
        sharpness = self.inverse_temperature * (rewards + 1.0) ** self.growth
        return laws.boltzmann(xp, mean, sd, sigma, self.alpha, sharpness, self.epsilon)


@register
@dataclass(frozen=True, kw_only=True)
class EpsilonGreedy(Law):
    """The best estimate, and all candidates alike with probability max(epsilon, min(1, start·(t + 1)^-decay)).

    Args:
        start: The rate at which to try at first; 0 tries at the floor's constant rate.
        decay: How fast it falls with the rewards t learned.
        epsilon: The floor, and the rate it falls to.

    >>> import numpy as np
    >>> EpsilonGreedy(epsilon=0.2, start=0).probabilities(np, Estimates(np.arange(2.0), np.ones(2), 0.5, 9)).tolist()
    [0.1, 0.9]
    """

    name: ClassVar[str] = "epsilon-greedy"
    start: float = 1.0
    decay: float = 0.5

    def probabilities(self, xp: Any, estimates: Estimates) -> Array:
        """`laws.greedy` without optimism."""
        mean, sd, sigma, rewards = estimates
        rate = max(self.epsilon, min(1.0, self.start * (rewards + 1.0) ** -self.decay))
        return laws.greedy(xp, mean, sd, sigma, 0.0, rate)


@register
@dataclass(frozen=True, kw_only=True)
class UpperBound(Law):
    """The best upper bound mean + 2·alpha·σ·sd (LinUCB, Li et al. 2010), and a floor, without which its log is useless.

    Args:
        alpha: Half the standard deviations added.
        epsilon: The floor.

    >>> import numpy as np
    >>> UpperBound(epsilon=0.0).probabilities(np, Estimates(np.zeros(2), np.arange(2.0), 0.5, 9)).tolist()
    [0.0, 1.0]
    """

    name: ClassVar[str] = "upper-bound"
    alpha: float = 0.75

    def probabilities(self, xp: Any, estimates: Estimates) -> Array:
        """`laws.greedy` with optimism."""
        mean, sd, sigma, _ = estimates
        return laws.greedy(xp, mean, sd, sigma, self.alpha, self.epsilon)


@register
@dataclass(frozen=True, kw_only=True)
class Thompson(Law):
    """Thompson sampling as a vector: each candidate's probability of being the best one (`laws.thompson`).

    Args:
        scale: How many of the posterior's standard deviations to count as one.
        epsilon: The floor.

    >>> import numpy as np
    >>> Thompson().probabilities(np, Estimates(np.zeros(2), np.ones(2), 0.5, 9)).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "thompson"
    scale: float = 1.0

    def probabilities(self, xp: Any, estimates: Estimates) -> Array:
        """`laws.thompson`."""
        mean, sd, sigma, _ = estimates
        return laws.thompson(xp, mean, sd, sigma, self.scale, self.epsilon)
