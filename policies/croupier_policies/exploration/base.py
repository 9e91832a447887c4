"""Exploration laws as objects: the parameters of a law, and where its compiled twin is, if it has one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

from croupier_policies.errors import PolicyError
from croupier_policies.kernels import fused as bound_kernels
from croupier_policies.kernels import laws as law_kernels
from croupier_policies.reference import laws
from croupier_policies.registry import register

Array = Any  # of whichever namespace


class Estimates(NamedTuple):
    """What a reward model says of the candidates."""

    mean: Array  # (…, K), the expected rewards
    sd: Array  # (…, K), their standard deviations in units of σ
    sigma: float  # the noise σ of a single reward
    rewards: int  # how many were learned


class Compiled(NamedTuple):
    """Kernels of a law, called with its `parameters`."""

    law: Callable[..., Any]
    choose: Callable[..., Any]  # encoding, scores and law in one, of `bound_kernels`


@dataclass(frozen=True, kw_only=True)
class Law(ABC):
    """From estimates to probabilities. A law knows nothing: what it depends on is in the estimates.

    Args:
        epsilon: The floor ε: every candidate has at least ε/K.
    """

    name: ClassVar[str]
    compiled: ClassVar[Compiled | None] = None
    epsilon: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0 <= self.epsilon <= 1.0:
            raise PolicyError(f"epsilon must be between 0 and 1, not {self.epsilon}")
        for field, value in asdict(self).items():
            if not 0.0 <= value < float("inf"):
                raise PolicyError(f"{field} must be a number, at least 0, not {value}")

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: float(value) for name, value in asdict(self).items()}

    @property
    def parameters(self) -> tuple[float, ...]:
        """What a compiled kernel takes, the floor last."""
        return ()

    @abstractmethod
    def probabilities(self, xp: Any, estimates: Estimates) -> Array:
        """π, of the shape of the estimates."""


@register
@dataclass(frozen=True, kw_only=True)
class Softmax(Law):
    """`laws.softmax`: a softmax whose temperature is the uncertainty itself.

    Args:
        alpha: Optimism, half the standard deviations added to an estimate.
        v: Temperature, in standard deviations of the difference of two estimates.
        epsilon: The floor.

    >>> import numpy as np
    >>> Softmax().probabilities(np, Estimates(np.zeros(2), np.ones(2), 0.5, 0)).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "softmax"
    compiled: ClassVar[Compiled | None] = Compiled(law_kernels.softmax, bound_kernels.choose_softmax)
    alpha: float = 0.75
    v: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.v == 0.0:
            raise PolicyError("the temperature v must be positive, not 0.0")

    @property
    def parameters(self) -> tuple[float, ...]:
        """α, v and ε."""
        return self.alpha, self.v, self.epsilon

    def probabilities(self, xp: Any, estimates: Estimates) -> Array:
        """`laws.softmax`."""
        mean, sd, sigma, _ = estimates
        return laws.softmax(xp, mean, sd, sigma, *self.parameters)


@register
@dataclass(frozen=True, kw_only=True)
class InverseGap(Law):
    """`laws.inverse_gap` (Foster & Rakhlin 2020).

    Args:
        alpha: Optimism; .25 suits hundreds of actions.
        gamma: How fast a gap closes.
        epsilon: The floor.

    >>> import numpy as np
    >>> InverseGap().probabilities(np, Estimates(np.zeros(2), np.ones(2), 0.5, 0)).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "inverse-gap"
    compiled: ClassVar[Compiled | None] = Compiled(law_kernels.inverse_gap, bound_kernels.choose_inverse_gap)
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
