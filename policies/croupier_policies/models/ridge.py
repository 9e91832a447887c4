"""One centred ridge posterior per action."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from croupier_policies import arrays
from croupier_policies.backends.base import DenseRidge
from croupier_policies.base import Actions, Row, State, Vector
from croupier_policies.encoding.flat import FlatRow
from croupier_policies.encoding.rows import join_row
from croupier_policies.exploration.base import Estimates, Law
from croupier_policies.models.per_action import PerActionModel
from croupier_policies.registry import register


@register
class RidgeModel(PerActionModel):
    """Two ridge regressions per action over encoded rows: on the reward and on the constant 1.

    A_a = I + Σ xxᵀ, θ_a = A_a⁻¹ Σ r·x, θ1_a = A_a⁻¹ Σ x; mean_a = r̄ + (θ_a - r̄·θ1_a)ᵀx, sd_a = √(xᵀA_a⁻¹x):
    equivalent to regressing on r - r̄ with the current r̄.

    Args:
        squares: See `PerActionModel`.
        waves: See `PerActionModel`.
        seed: See `PerActionModel`.
        half_life: See `Model`.
        max_columns: See `PerActionModel`.
        max_bytes: See `PerActionModel`.
        device: See `Model`.

    >>> RidgeModel().estimates({"hour": 14.0}, Actions(("a", "b"))).mean.tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "ridge"

    _dense: DenseRidge | None = None  # set once an array was learned, until one of its arrays is reallocated

    def estimates(self, context: Row, actions: Actions) -> Estimates:
        """Posterior mean and sd, (K,) each."""
        mean, sd = self._scores(context, actions, self._noise.mean_reward)
        return Estimates(mean, sd, self._noise.sigma, self._noise.count)

    def estimates_batch(self, contexts: Any, actions: Actions) -> Estimates:
        """Posterior mean and sd, (B, K), as two matrix products if no action has features."""
        scores = self._scores_batch(contexts, actions, self._noise.mean_reward)
        if scores is None:
            return super().estimates_batch(contexts, actions)
        return Estimates(*scores, self._noise.sigma, self._noise.count)

    def choose(self, context: Row, actions: Actions, law: Law) -> Vector:
        """The law's probabilities; an array shared by all actions takes a faster path with bitwise equal results."""
        if actions.rows is not None or not isinstance(context, np.ndarray):
            return super().choose(context, actions, law)
        slots, dense = self._slots_of(actions, (context,)), self._dense
        if dense is None or context.shape[0] != self._encoder.width:
            dense = self._build_dense(context)
        return dense.choose(law, context, slots)

    def learn(self, context: Row, actions: Actions, index: int, reward: float) -> float:
        """Observe the row, then take one step of the drawn action's posterior.

        An action, an array or new columns for which there is no room are skipped and counted in `ignored`.
        """
        row, action = join_row(context, actions, index), actions.ids[index]
        if isinstance(row, np.ndarray):
            expected = self._learn_array(row, action, reward)
        else:
            expected = self._learn_fields(row, action, reward)
        if expected is None:
            return math.nan
        self._apply_half_life()
        return expected

    def learn_batch(self, contexts: Any, actions: Actions, indices: Any, rewards: Any) -> Vector:
        """As `Model.learn_batch`; in few calls if no action has features and there is no half-life."""
        if actions.rows is not None or self.half_life:
            return super().learn_batch(contexts, actions, indices, rewards)
        rows, r = arrays.to_host(contexts), arrays.to_host(rewards)
        slots = np.array(
            [self._admit(x, actions.ids[k]) for x, k in zip(rows, np.asarray(indices).tolist(), strict=True)]
        )
        if self._dense is None:
            return np.full(len(r), math.nan)  # there was room for none of them
        return self._dense.learn_rows(rows, slots, r)

    def restore(self, state: State) -> None:
        """Replace the state by a `state()`."""
        super().restore(state)
        self._dense = None

    def _learn_array(self, array: Vector, action: str, reward: float) -> float | None:
        slot = self._admit(array, action)
        return None if slot < 0 or self._dense is None else self._dense.learn(array, slot, reward)

    def _admit(self, array: Vector, action: str) -> int:
        """The slot in which to learn an array; -1 if there is no room for it."""
        posteriors = self._posteriors
        if self._dense is not None and array.shape[0] == self._encoder.width and action in posteriors.slots:
            return posteriors.slots[action]
        room = self._has_room(action)
        if room is None or self._encoder.admit(array, room) is None:
            return -1
        slot = posteriors.admit(action, self._encoder.size)
        self._dense = self._build_dense(array)
        return slot

    def _build_dense(self, array: Vector) -> DenseRidge:
        posteriors = self._posteriors
        return self.backend.dense_ridge(
            self._encoder.scaler(array), posteriors.columns, posteriors.posterior, self._noise
        )

    def _learn_fields(self, row: FlatRow, action: str, reward: float) -> float | None:
        posteriors, encoder, self._dense = self._posteriors, self._encoder, None
        if (room := self._has_room(action)) is None:
            return None
        encoder.observe(row, room)
        slot = posteriors.admit(action, encoder.size)
        seen = self.backend.ridge_step(encoder.encode(row), posteriors.columns, posteriors.posterior, slot, reward)
        return self._noise.learn(reward, *seen)
