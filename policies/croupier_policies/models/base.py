"""The contract of reward models that estimate means and standard deviations."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np

from croupier_policies import arrays
from croupier_policies.backends.noise import Noise
from croupier_policies.backends.select import backend_for
from croupier_policies.base import Actions, Configurable, Finding, Reason, RefusedNames, Row, Vector
from croupier_policies.errors import PolicyError
from croupier_policies.exploration.base import Estimates, Law

DISCOUNTS_PER_HALF_LIFE = 16  # a discount costs d³ per action, so it is applied rarely and in larger steps


class Model(Configurable):
    """Estimates the reward of every candidate with a standard deviation, and learns from rewards between 0 and 1.

    Not thread-safe. Estimating changes nothing; learning is deterministic and does not fail on a row that was accepted
    when estimating.

    Args:
        device: "cpu" (compiled kernels), "numpy" (the reference formulas) or "cuda" (the same formulas on a GPU).
        half_life: The number of rewards after which evidence counts half; 0 disables forgetting.
    """

    def __init__(self, device: str, half_life: float = 0.0) -> None:
        check_at_least(0, half_life=half_life)
        self.device, self.half_life = device, float(half_life)
        self.backend = backend_for(device)
        self._noise = Noise()

    @abstractmethod
    def estimates(self, context: Row, actions: Actions) -> Estimates:
        """Mean and sd, (K,) each, on the device, with the noise. Raises PolicyError for a row that does not fit."""

    @abstractmethod
    def learn(self, context: Row, actions: Actions, index: int, reward: float) -> float:
        """Learn the reward of `actions.ids[index]`.

        Returns the prediction before learning; NaN for an event that there is no room to learn, which is skipped.
        """

    def learn_batch(self, contexts: Any, actions: Actions, indices: Any, rewards: Any) -> Vector:
        """Learn the rewards of array contexts, (B, n), in order; returns, (B,), what `learn` returns for each."""
        events = zip(arrays.to_host(contexts), np.asarray(indices).tolist(), arrays.to_host(rewards), strict=True)
        return np.array([self.learn(context, actions, k, float(reward)) for context, k, reward in events])

    def discount(self, retain: float, action: str | None = None) -> None:
        """See `Policy.discount`."""

    def _apply_half_life(self) -> None:
        """Apply the discount of the half-life after a reward, where one is due."""
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
    def learned(self) -> int:
        """The number of rewards learned."""
        return self._noise.count

    @property
    def noise_variance(self) -> float:
        """σ², estimated from one-step-ahead residuals."""
        return self._noise.sigma**2

    def fresh(self) -> Self:
        """A new, untrained model with the same configuration, on the same device."""
        return type(self)(**self.config(), device=self.device)

    @property
    def arithmetic(self) -> str:
        """What the bits of its results depend on."""
        return arrays.arithmetic(self.device)


def check_at_least(least: float, **values: float) -> None:
    """Raises PolicyError for a value below `least` or NaN."""
    for name, value in values.items():
        if not value >= least:
            raise PolicyError(f"{name} must be at least {least:g}, not {value}")


def rewards_without_room(count: int, actions: RefusedNames, max_bytes: int) -> list[Finding]:
    """The finding that events were skipped for lack of memory, if any were."""
    if not count:
        return []
    text = (
        f"{count} rewards were not learned{actions.of()}: their actions have no room within max_bytes={max_bytes}, "
        "which earlier actions fill; open the store with a policy of larger max_bytes and replay=True, or choose among "
        "fewer actions"
    )
    return [Finding(Reason.REWARDS_WITHOUT_ROOM, count, actions.names, text)]
