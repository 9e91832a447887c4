"""The exploration laws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from croupier_policies.errors import PolicyError
from croupier_policies.exploration.base import Array, Estimates, Law, LawKernels
from croupier_policies.kernels import fused as fused_kernels
from croupier_policies.kernels import laws as law_kernels
from croupier_policies.reference import laws
from croupier_policies.registry import register


@dataclass(frozen=True, kw_only=True)
class _OptimisticSoftmax(Law):
    """What the two softmax laws share: α, v and ε."""

    alpha: float
    v: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.v == 0.0:
            raise PolicyError("the temperature v must be positive, not 0.0")

    @property
    def parameters(self) -> tuple[float, ...]:
        """α, v and ε."""
        return self.alpha, self.v, self.epsilon


@register
@dataclass(frozen=True, kw_only=True)
class Softmax(_OptimisticSoftmax):
    """Softmax whose temperature is the uncertainty of the comparison; the formula is in `reference.laws.softmax`.

    Args:
        alpha: Optimism: half the number of standard deviations added to an estimate.
        v: Temperature, in standard deviations of the difference between two estimates.
        epsilon: The floor.

    >>> import numpy as np
    >>> Softmax().probabilities(np, Estimates(np.zeros(2), np.ones(2), 0.5, 0)).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "softmax"
    compiled: ClassVar[LawKernels | None] = LawKernels(law_kernels.softmax, fused_kernels.choose_softmax)
    alpha: float = 0.75

    def probabilities(self, xp: Any, estimates: Estimates) -> Array:
        """`laws.softmax`."""
        mean, sd, sigma, _ = estimates
        return laws.softmax(xp, mean, sd, sigma, *self.parameters)


@register
@dataclass(frozen=True, kw_only=True)
class AnnealedSoftmax(_OptimisticSoftmax):
    """Softmax whose temperature falls with the number of rewards; the formula is in `reference.laws.annealed_softmax`.

    Args:
        alpha: Optimism; .25 for rare clicks, .5 for labels without noise among many classes.
        v: Temperature, in σ, at one reward for each candidate.
        epsilon: The floor.

    >>> import numpy as np
    >>> AnnealedSoftmax().probabilities(np, Estimates(np.zeros(2), np.ones(2), 0.5, 0)).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "annealed-softmax"
    compiled: ClassVar[LawKernels | None] = LawKernels(law_kernels.annealed_softmax)
    alpha: float = 0.35

    def probabilities(self, xp: Any, estimates: Estimates) -> Array:
        """`laws.annealed_softmax`."""
        mean, sd, sigma, rewards = estimates
        return laws.annealed_softmax(xp, mean, sd, sigma, rewards, *self.parameters)


@register
@dataclass(frozen=True, kw_only=True)
class InverseGap(Law):
    """Inverse-gap weighting (Foster & Rakhlin 2020, SquareCB); the formula is in `reference.laws.inverse_gap`.

    Args:
        alpha: Optimism; .25 is a good value for hundreds of actions.
        gamma: How strongly a gap lowers the probability.
        epsilon: The floor.

    >>> import numpy as np
    >>> InverseGap().probabilities(np, Estimates(np.zeros(2), np.ones(2), 0.5, 0)).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "inverse-gap"
    compiled: ClassVar[LawKernels | None] = LawKernels(law_kernels.inverse_gap, fused_kernels.choose_inverse_gap)
    alpha: float = 0.5
    gamma: float = 15.0

    @property
    def parameters(self) -> tuple[float, ...]:
        """α, γ and ε."""
        return self.alpha, self.gamma, self.epsilon

    def probabilities(self, xp: Any, estimates: Estimates) -> Array:
        """`laws.inverse_gap`."""
        mean, sd, sigma, rewards = estimates
        return laws.inverse_gap(xp, mean, sd, sigma, self.alpha, self.gamma, rewards, self.epsilon)


@register
@dataclass(frozen=True, kw_only=True)
class Boltzmann(Law):
    """Boltzmann exploration with inverse temperature λ = inverse_temperature·(t + 1)^growth after t rewards.

    The formula is in `reference.laws.boltzmann`.

    Args:
        alpha: Optimism.
        inverse_temperature: λ before the first reward, in units of 1/σ.
        growth: The exponent of λ. With 0, λ is constant, and a gap much smaller than σ/λ is never resolved.
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
    """ε-greedy: the best estimate, or, with probability max(epsilon, min(1, start·(t + 1)^-decay)), any candidate.

    Args:
        start: The initial exploration rate; with 0 the rate is constant at the floor.
        decay: The exponent with which the rate falls in t, the number of rewards learned.
        epsilon: The floor, which is also the smallest rate.

    >>> import numpy as np
    >>> EpsilonGreedy(epsilon=0.2, start=0).probabilities(np, Estimates(np.arange(2.0), np.ones(2), 0.5, 9)).tolist()
    [0.1, 0.9]
    """

    name: ClassVar[str] = "epsilon-greedy"
    start: float = 1.0
    decay: float = 0.5

    def probabilities(self, xp: Any, estimates: Estimates) -> Array:
        """`laws.greedy` with α = 0."""
        mean, sd, sigma, rewards = estimates
        rate = max(self.epsilon, min(1.0, self.start * (rewards + 1.0) ** -self.decay))
        return laws.greedy(xp, mean, sd, sigma, 0.0, rate)


@register
@dataclass(frozen=True, kw_only=True)
class UpperBound(Law):
    """Upper confidence bound: the largest mean + 2·alpha·σ·sd (LinUCB, Li et al. 2010), mixed with a floor.

    Without the floor the policy is deterministic, and its log cannot be evaluated for other policies.

    Args:
        alpha: Half the number of standard deviations added.
        epsilon: The floor.

    >>> import numpy as np
    >>> UpperBound(epsilon=0.0).probabilities(np, Estimates(np.zeros(2), np.arange(2.0), 0.5, 9)).tolist()
    [0.0, 1.0]
    """

    name: ClassVar[str] = "upper-bound"
    alpha: float = 0.75

    def probabilities(self, xp: Any, estimates: Estimates) -> Array:
        """`laws.greedy` with α > 0."""
        mean, sd, sigma, _ = estimates
        return laws.greedy(xp, mean, sd, sigma, self.alpha, self.epsilon)


@register
@dataclass(frozen=True, kw_only=True)
class Thompson(Law):
    """Thompson sampling, computed exactly: π_a is the posterior probability that a is the best candidate.

    The formula is in `reference.laws.thompson`.

    Args:
        scale: Factor on the posterior standard deviations.
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
