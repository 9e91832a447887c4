"""The contract of reward models whose estimates carry their uncertainty."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np

from croupier_policies import arrays
from croupier_policies.backends.noise import Noise
from croupier_policies.backends.select import backend_for
from croupier_policies.base import Actions, Configurable, Row, Vector
from croupier_policies.errors import PolicyError
from croupier_policies.exploration.base import Estimates, Law

DISCOUNTS_PER_HALF_LIFE = (
    16  # in a half-life: forgetting costs d³ an action, so it is done now and then, and by as much more
)


class Model(Configurable):
    """Estimates the reward of every candidate with a standard deviation, and learns from rewards between 0 and 1.

    Single-threaded; asking changes nothing; learning is deterministic and cannot fail on what was accepted when asked.

    Args:
        device: "cpu" (compiled), "numpy" (the reference formulas) or "cuda" (the same on a GPU).
        half_life: After how many rewards evidence counts half; 0 forgets nothing.
    """

    def __init__(self, device: str, half_life: float = 0.0) -> None:
        check_at_least(0, half_life=half_life)
        self.device, self.half_life = device, float(half_life)
        self.backend = backend_for(device)
        self._noise = Noise()

    @abstractmethod
    def estimates(self, context: Row, actions: Actions) -> Estimates:
        """Mean and sd, (K,) each on the device, with the noise. Raises PolicyError."""

    @abstractmethod
    def learn(self, context: Row, actions: Actions, index: int, reward: float) -> float:
        """Fold in the reward of `actions.ids[index]`; what was expected of it before."""

    def learn_batch(self, contexts: Any, actions: Actions, indices: Any, rewards: Any) -> Vector:
        """Fold in the rewards of array contexts, (B, n), in their order; what was expected of each, (B,)."""
        events = zip(arrays.to_host(contexts), np.asarray(indices).tolist(), arrays.to_host(rewards), strict=True)
        return np.array([self.learn(context, actions, k, float(reward)) for context, k, reward in events])

    def discount(self, retain: float, action: str | None = None) -> None:
        """See `Policy.discount`."""

    def _apply_half_life(self) -> None:
        """What a half-life asks for after a reward."""
        if not self.half_life:
            return
        every = max(1, round(self.half_life / DISCOUNTS_PER_HALF_LIFE))
        if self._noise.count % every == 0:
            self.discount(0.5 ** (every / self.half_life))

    def choose(self, context: Row, actions: Actions, law: Law) -> Vector:
        """The law's probabilities for the estimates, (K,), on the host."""
        return self.backend.apply_law(law, self.estimates(context, actions))

    def estimates_batch(self, contexts: Any, actions: Actions) -> Estimates:
        """Mean and sd, (B, K), of array contexts (B, n), on the device."""
        xp, rows = self.backend.xp, [self.estimates(context, actions) for context in arrays.to_host(contexts)]
        return rows[0]._replace(mean=xp.stack([row.mean for row in rows]), sd=xp.stack([row.sd for row in rows]))

    @property
    def noise_variance(self) -> float:
        """σ², by what was not foreseen of the rewards so far."""
        return self._noise.sigma**2

    def fresh(self) -> Self:
        """A new one that has learned nothing, on the same device: where it runs is not what it is."""
        return type(self)(**self.config(), device=self.device)

    @property
    def arithmetic(self) -> str:
        """What its bits depend on."""
        return arrays.arithmetic(self.device)


def check_at_least(least: float, **values: float) -> None:
    """Raises PolicyError for a number below `least`, or none."""
    for name, value in values.items():
        if not value >= least:
            raise PolicyError(f"{name} must be at least {least:g}, not {value}")
