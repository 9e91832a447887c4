"""A logistic posterior per action, for rewards of 0 or 1."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from croupier_policies.base import Actions, Row
from croupier_policies.encoding.rows import join_row
from croupier_policies.exploration.base import Array, Estimates
from croupier_policies.models.per_action import PerActionModel
from croupier_policies.registry import register


@register
class LogisticModel(PerActionModel):
    """E[r] = 1 / (1 + exp(-b - θ_aᵀx)) with θ_a ~ N(0, I), learned by one Newton step per reward (online Laplace).

    With p the estimate before the reward and w = p(1 - p), A_a ← A_a + w·xxᵀ and θ_a ← θ_a + A_a⁻¹x(r - p); b is the
    logit of the running mean reward. The sd of an estimate is w·√(xᵀA_a⁻¹x)/σ. (Chapelle & Li 2011, "An empirical
    evaluation of Thompson sampling", algorithm 3, with a full covariance.)

    Args:
        squares: See `PerActionModel`.
        waves: See `PerActionModel`.
        seed: See `PerActionModel`.
        half_life: See `Model`.
        max_columns: See `PerActionModel`.
        max_bytes: See `PerActionModel`.
        device: See `Model`.

    >>> LogisticModel().estimates({"hour": 14.0}, Actions(("a", "b"))).mean.tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "logistic"

    def estimates(self, context: Row, actions: Actions) -> Estimates:
        """Mean and sd, (K,) each."""
        return self._rates(*self._scores(context, actions, 0.0))

    def estimates_batch(self, contexts: Any, actions: Actions) -> Estimates:
        """Mean and sd, (B, K)."""
        scores = self._scores_batch(contexts, actions, 0.0)
        return super().estimates_batch(contexts, actions) if scores is None else self._rates(*scores)

    def _rates(self, logit: Array, sd: Array) -> Estimates:
        mean = 1.0 / (1.0 + self.backend.xp.exp(-(self._base + logit)))
        sigma = self._noise.sigma
        return Estimates(mean, mean * (1.0 - mean) * sd / sigma, sigma, self._noise.count)

    @property
    def _base(self) -> float:
        """The logit of the mean reward, with half a success and half a failure as prior observations."""
        n, mean = self._noise.count, self._noise.mean_reward
        rate = (n * mean + 0.5) / (n + 1.0)
        return math.log(rate / (1.0 - rate))

    def learn(self, context: Row, actions: Actions, index: int, reward: float) -> float:
        """One Newton step; an event for which there is no room is skipped and counted in `ignored`."""
        posteriors, encoder, action = self._posteriors, self._encoder, actions.ids[index]
        row, room = join_row(context, actions, index), self._has_room(action)
        if room is None or not encoder.observe(row, room):
            return math.nan
        slot = posteriors.admit(action, encoder.size)
        px, quadratic, logit, _ = self.backend.project(
            encoder.encode(row), posteriors.columns, posteriors.posterior, slot
        )
        mean = 1.0 / (1.0 + math.exp(-max(self._base + logit, -700.0)))
        weight = mean * (1.0 - mean)
        gain = 1.0 / (1.0 + weight * quadratic)
        self.backend.update(
            posteriors.columns, posteriors.posterior, slot, px, weight * gain, gain * (reward - mean), 0.0
        )
        self._noise.add(reward, mean, weight * quadratic)
        self._apply_half_life()
        return mean
