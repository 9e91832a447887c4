"""The centred ridge posterior of every action."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from croupier_policies import arrays
from croupier_policies.base import Actions, Row, Vector
from croupier_policies.exploration import Estimates, Law
from croupier_policies.model import at_least
from croupier_policies.per_action import PerActionModel
from croupier_policies.rows import joined_one

STEPS = 16  # in a half-life: forgetting costs d³ an action, so it is done now and then, and by as much more


class RidgeModel(PerActionModel):
    """Ridge regressions on the reward and on the constant 1, one pair an action, over encoded rows.

    A_a = I + Σ xxᵀ, θ_a = A_a⁻¹ Σ r·x, θ1_a = A_a⁻¹ Σ x; mean_a = r̄ + (θ_a - r̄·θ1_a)ᵀx, sd_a = √(xᵀA_a⁻¹x): the
    same as regressing on r - r̄ with today's r̄.

    Args:
        squares: See `PerActionModel`.
        waves: See `PerActionModel`.
        seed: See `PerActionModel`.
        half_life: After how many rewards evidence counts half; 0 forgets nothing.
        max_columns: See `PerActionModel`.
        max_bytes: See `PerActionModel`.
        device: See `Model`.

    >>> RidgeModel().estimates({"hour": 14.0}, Actions(("a", "b"))).mean.tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "ridge"

    def __init__(
        self,
        *,
        squares: bool = True,
        waves: int = 0,
        seed: int = 0,
        half_life: float = 0.0,
        max_columns: int = 512,
        max_bytes: int = 2**30,
        device: str = "cpu",
    ) -> None:
        super().__init__(squares, waves, seed, max_columns, max_bytes, device)
        at_least(0, half_life=half_life)
        self.half_life = float(half_life)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, without `device`."""
        return super().config() | {"half_life": self.half_life}

    def estimates(self, context: Row, actions: Actions) -> Estimates:
        """Posterior mean and sd, (K,) each."""
        mean, sd = self._scores(context, actions, self._noise.mean_reward)
        return Estimates(mean, sd, self._noise.sigma, self._noise.count)

    def estimates_batch(self, contexts: Any, actions: Actions) -> Estimates:
        """Posterior mean and sd, (B, K), as two matrix products where no action has features."""
        scores = self._scores_batch(contexts, actions, self._noise.mean_reward)
        if scores is None:
            return super().estimates_batch(contexts, actions)
        return Estimates(*scores, self._noise.sigma, self._noise.count)

    def choose(self, context: Row, actions: Actions, law: Law) -> Vector:
        """The law's probabilities; an array that all actions share takes a shorter way to the same bits."""
        if actions.rows is not None or not isinstance(context, np.ndarray):
            return super().choose(context, actions, law)
        held = self._posteriors
        slots, scaler = self._slots_of(actions, (context,)), self._encoder.scaler(context)
        return self.maths.choose_dense(law, context, scaler, held.columns, held.posterior, self._noise, slots)

    def learn(self, context: Row, actions: Actions, index: int, reward: float) -> float:
        """Count the row into the encoding, then take one step of the drawn action's posterior.

        What there is no room for any more is left out, and counted as ignored: an action, an array, or new columns.
        """
        seen = self._step(joined_one(context, actions, index), actions.ids[index], reward)
        if seen is None:
            return self._noise.mean_reward
        mean = self._count(reward, True, *seen)
        if self.half_life:
            self._forget()
        return mean

    def discount(self, keep: float, action: str | None = None) -> None:
        """A ← keep·A + (1 - keep)·I and Aθ, Aθ1 ← keep times, of one action or of all; then also the noise."""
        self._posteriors.discount(keep, action)
        if action is None:
            self._noise.discount(keep)

    def _step(self, row: Row, action: str, reward: float) -> tuple[float, float, float] | None:
        held, encoder = self._posteriors, self._encoder
        if (room := self._has_room(action)) is None:
            return None
        if isinstance(row, np.ndarray):
            if (scaler := encoder.admit(row, room)) is None:
                return None
            slot = held.admit(action, encoder.size)
            return self.maths.learn_dense(row, scaler, held.columns, held.posterior, slot, reward)
        encoder.observe(row, room)
        slot = held.admit(action, encoder.size)
        return self.maths.ridge_step(encoder.encode(row), held.columns, held.posterior, slot, reward)

    def learn_batch(self, contexts: Any, actions: Actions, indices: Any, rewards: Any) -> Vector:
        """The same; in few calls where no action has features and nothing is forgotten in between."""
        if actions.rows is not None or self.half_life:
            return super().learn_batch(contexts, actions, indices, rewards)
        rows, r = arrays.to_host(contexts), arrays.to_host(rewards)
        slots = np.array([self._admit(x, actions.ids[k]) for x, k in zip(rows, np.asarray(indices), strict=True)])
        taken, held, seen = slots >= 0, self._posteriors, np.zeros((3, len(r)))
        if taken.any():
            scaler = self._encoder.scaler(rows[0])
            seen[:, taken] = self.maths.learn_rows(
                rows[taken], scaler, held.columns, held.posterior, slots[taken], r[taken]
            )
        return np.array([self._count(*event) for event in zip(r.tolist(), taken.tolist(), *seen.tolist(), strict=True)])

    def _admit(self, array: Vector, action: str) -> int:
        """The slot in which an array context is to be learned; -1 where there is no room for it."""
        room = self._has_room(action)
        if room is None or self._encoder.admit(array, room) is None:
            return -1
        return self._posteriors.admit(action, self._encoder.size)

    def _count(self, reward: float, taken: bool, quadratic: float, predicted: float, predicted1: float) -> float:
        """What was expected of a reward; the noise learns from it."""
        centre = self._noise.mean_reward
        mean = centre + predicted - centre * predicted1
        if taken:
            self._noise.add(reward, mean, quadratic)
        return mean

    def _forget(self) -> None:
        every = max(1, round(self.half_life / STEPS))
        if self._noise.count % every == 0:
            factor = 0.5 ** (every / self.half_life)
            self._posteriors.discount(factor)
            self._noise.discount(factor)
