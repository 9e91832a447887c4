"""What a ridge model knows of array contexts, put together for a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from croupier_policies.base import Vector
from croupier_policies.exploration import Estimates, Law
from croupier_policies.noise import Noise
from croupier_policies.reference import Posterior
from croupier_policies.scaler import Scaler

if TYPE_CHECKING:
    from croupier_policies.arithmetic import Arithmetic

Slots = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Dense:
    """Scaler, posteriors and noise, and the steps of an event one by one.

    It holds the arrays themselves: whatever moves one of them, a new column or action, needs another of these.
    """

    maths: Arithmetic
    scaler: Scaler
    columns: int
    posterior: Posterior
    noise: Noise

    def __reduce__(self) -> Any:
        """A copy is put together anew, from copies of the arrays."""
        return type(self), (self.maths, self.scaler, self.columns, self.posterior, self.noise)

    def choose(self, law: Law, x: Vector, slots: Slots) -> Vector:
        """The law's probabilities for a context that all actions share."""
        mean, sd = self.maths.scores(
            [self.scaler.encode(x)], self.columns, self.posterior, self.noise.mean_reward, slots
        )
        return self.maths.explore(law, Estimates(mean, sd, self.noise.sigma, self.noise.count))

    def learn(self, x: Vector, slot: int, reward: float) -> float:
        """Count the context, take one ridge step, count the error; what was expected."""
        self.scaler.observe(x)
        seen = self.maths.ridge_step(self.scaler.encode(x), self.columns, self.posterior, slot, reward)
        return self.noise.learn(reward, *seen)

    def learn_rows(self, X: Vector, slots: Slots, rewards: Vector) -> Vector:
        """The same of rewards in their order, (B, n); those with a slot of -1 are not learned."""
        taken, seen = slots >= 0, np.zeros((3, len(rewards)))
        if taken.any():
            seen[:, taken] = self.maths.learn_rows(
                X[taken], self.scaler, self.columns, self.posterior, slots[taken], rewards[taken]
            )
        events = zip(taken.tolist(), rewards.tolist(), seen.T.tolist(), strict=True)
        return np.array([self.noise.learn(r, *step) if known else self.noise.mean_reward for known, r, step in events])
