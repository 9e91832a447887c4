"""The contract of exploration laws."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

from croupier_policies.errors import PolicyError

Array = Any  # of whichever namespace


class Estimates(NamedTuple):
    """A reward model's estimates for the candidates of one decision, or of a batch."""

    mean: Array  # (…, K), expected rewards
    sd: Array  # (…, K), standard deviations of the means, in units of σ
    sigma: float  # σ, the standard deviation of the noise of a single reward
    rewards: int  # how many rewards were learned


class LawKernels(NamedTuple):
    """The compiled kernels of a law; they take its `parameters`."""

    law: Callable[..., Any]
    choose: Callable[..., Any] | None = None  # encoding, scoring and law in one call; see `kernels.fused`


@dataclass(frozen=True, kw_only=True)
class Law(ABC):
    """Maps estimates to probabilities. A law has parameters but no state.

    Args:
        epsilon: The floor ε: every candidate has probability at least ε/K.
    """

    name: ClassVar[str]
    compiled: ClassVar[LawKernels | None] = None
    epsilon: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0 <= self.epsilon <= 1.0:
            raise PolicyError(f"epsilon must be between 0 and 1, not {self.epsilon}")
        for field, value in asdict(self).items():
            if not 0.0 <= value < float("inf"):
                raise PolicyError(f"{field} must be a finite number, at least 0, not {value}")

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: float(value) for name, value in asdict(self).items()}

    @property
    def parameters(self) -> tuple[float, ...]:
        """The arguments of the compiled kernel, the floor last."""
        return ()

    @abstractmethod
    def probabilities(self, xp: Any, estimates: Estimates) -> Array:
        """π, in the shape of the estimates."""
