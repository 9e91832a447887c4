"""A linear model with a shared part and a part per action."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from croupier_policies.backends.noise import Noise
from croupier_policies.base import Actions, Finding, RefusedNames, Row, State
from croupier_policies.encoding.candidates import INTERCEPT_ONLY, CandidateEncoder
from croupier_policies.encoding.encoder import Encoder
from croupier_policies.encoding.flat import FlatRow, flat_row
from croupier_policies.exploration.base import Estimates
from croupier_policies.models.base import Model, check_at_least, rewards_without_room
from croupier_policies.models.crossed import SharedPosterior
from croupier_policies.models.posteriors import ActionPosteriors
from croupier_policies.registry import register


@register
class HybridModel(Model):
    """r - r̄ ~ wᵀ(x ⊗ z_a) + δ_aᵀx: for many actions with features z, and for new actions.

    w ~ N(0, I) is shared and δ_a ~ N(0, own·I) is specific to the action, in units of σ. One innovation of variance
    1 + φᵀQφ + xᵀP_a x updates both; their cross-covariance is neglected. x and z are encoded rows with intercepts, so
    that the products include the features themselves. (Li et al. 2010, hybrid LinUCB, in its Bayesian form.)

    Args:
        own: The prior variance of the per-action part, in units of σ². Click rates differ little in these units: with
            100 and with 1000 actions .03 earned more than .1.
        squares: Whether the squares of numbers are features too, in contexts and actions; costs 16 times as much.
        waves: The number of random Fourier features of the context; see `PerActionModel`.
        seed: The seed of the Fourier features.
        half_life: See `Model`.
        max_columns: The largest number of columns of an encoded context, and of an action.
        max_bytes: The memory limit: half for the shared part, 4·(dx·dz)², and half for the per-action parts, 4·K·dx².
        device: See `Model`.

    >>> HybridModel().estimates({"hour": 14.0}, Actions(("a", "b"), ({"price": 1.0}, {"price": 2.0}))).mean.tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "hybrid"

    def __init__(
        self,
        *,
        own: float = 0.03,
        squares: bool = False,
        waves: int = 0,
        seed: int = 0,
        half_life: float = 0.0,
        max_columns: int = 512,
        max_bytes: int = 2**30,
        device: str = "cpu",
    ) -> None:
        super().__init__(device, half_life)
        check_at_least(1e-9, own=own)
        self.own, self.squares, self.max_columns, self.max_bytes = float(own), squares, max_columns, max_bytes
        self.waves, self.seed, self.ignored, self._refused = waves, seed, 0, RefusedNames()
        self._contexts, self._features = Encoder(max_columns, squares, waves, seed), Encoder(max_columns, squares)
        self._posteriors = ActionPosteriors(self.backend, max_bytes // 2, own, self._contexts.size)
        self._crossed = SharedPosterior(self.backend.xp, max_bytes // 2)
        self._crossed.grow(self._contexts.size, self._features.size)
        self._candidates = CandidateEncoder()

    def config(self) -> dict[str, Any]:
        """The constructor's arguments without `device`."""
        names = ("own", "squares", "waves", "seed", "half_life", "max_columns", "max_bytes")
        return {name: getattr(self, name) for name in names}

    def estimates(self, context: Row, actions: Actions) -> Estimates:
        """The sums of both parts' means and variances."""
        xp, posteriors, noise = self.backend.xp, self._posteriors, self._noise
        row, (slots, new_actions) = flat_row(context), posteriors.slots_of(actions)
        self._check(row, actions, new_actions)
        x, (Z, unseen) = self._contexts.encode(row), self._candidates.encode(actions, self._features)
        mean, sd = self.backend.scores([x], posteriors.columns, posteriors.posterior, noise.mean_reward, slots)
        quadratic, more = self.backend.crossed.scores(x, Z, self._crossed.shared, noise.mean_reward)
        length = float(np.sum(x.vals * x.vals)) + x.unseen
        spare = xp.asarray(length * unseen + x.unseen * (Z * Z).sum(axis=0))  # the prior variance of unseen values
        variance = sd * sd + xp.maximum(quadratic, xp.zeros_like(quadratic)) + spare
        return Estimates(mean + more, xp.sqrt(variance), noise.sigma, noise.count)

    def learn(self, context: Row, actions: Actions, index: int, reward: float) -> float:
        """One innovation updates both parts; an event without room is skipped and counted in `ignored`."""
        noise, posteriors, crossed = self._noise, self._posteriors, self._crossed
        row, action = flat_row(context), actions.ids[index]
        features = None if actions.rows is None else flat_row(actions.rows[index])
        if not self._observe(row, features, posteriors.columns_for(action)):
            self.ignored += 1
            self._refused.add(action)
            return math.nan
        crossed.grow(self._contexts.size, self._features.size)
        slot = posteriors.admit(action, self._contexts.size)
        x = self._contexts.encode(row)
        z = INTERCEPT_ONLY if features is None else self._features.encode(features)
        one = self.backend.project(x, posteriors.columns, posteriors.posterior, slot)
        two = self.backend.crossed.project(x, z.dense(self._features.size), crossed.shared)
        quadratic, predicted, predicted1 = (own + shared for own, shared in zip(one[1:], two[1:], strict=True))
        gain = 1.0 / (1.0 + quadratic)
        steps = gain, gain * (reward - predicted), gain * (1.0 - predicted1)
        self.backend.update(posteriors.columns, posteriors.posterior, slot, one.px, *steps)
        self.backend.crossed.update(crossed.shared, two.px, *steps)
        expected = noise.learn(reward, quadratic, predicted, predicted1)
        self._apply_half_life()
        return expected

    def discount(self, retain: float, action: str | None = None) -> None:
        """Discount both parts and the noise toward their priors; if an action is named, only its own part."""
        self._posteriors.discount(retain, action)
        if action is None:
            self._crossed.discount(retain, self.backend)
            self._noise.discount(retain)

    def _observe(self, context: FlatRow, features: FlatRow | None, room: int) -> bool:
        """Observe both rows, or neither if there is no room for one."""
        dx = min(room, self._crossed.columns_for(self._features.size))
        dz = self._crossed.rows_for(min(dx, self._contexts.width_after(context)))
        fits = not isinstance(features, np.ndarray) or self._features.fits(features, min(dz, self.max_columns))
        if dx < self._contexts.size or not fits:
            return False
        if not self._contexts.observe(context, dx):
            return False
        return features is None or self._features.observe(features, dz)

    def _check(self, context: FlatRow, actions: Actions, new_actions: int) -> None:
        """Raises TooLarge if there would be no room to learn."""
        dx, dz = self._contexts.size, self._features.size
        if new_actions:
            self._posteriors.check(len(self._posteriors.slots) + new_actions, self._contexts.width_after(context))
        if isinstance(context, np.ndarray):  # named values without room are only ignored
            dx = self._contexts.width_after(context)
        if actions.rows is not None and isinstance(actions.rows[0], np.ndarray):
            dz = self._features.width_after(actions.rows[0])
        self._crossed.check(dx, dz)

    def findings(self) -> list[Finding]:
        """Those of both encoders, and the events for which there was no memory."""
        found = self._contexts.findings() + self._features.findings("action.")
        return found + rewards_without_room(self.ignored, self._refused, self.max_bytes)

    def state(self) -> State:
        """Encoders, both posteriors and the noise."""
        return {
            "contexts": self._contexts.state(),
            "features": self._features.state(),
            "posteriors": self._posteriors.state(),
            "crossed": self._crossed.state(),
            "noise": self._noise.state(),
            "ignored": self.ignored,
        }

    def restore(self, state: State) -> None:
        """Replace the state by a `state()`."""
        self._contexts.restore(state["contexts"])
        self._features.restore(state["features"])
        self._posteriors.restore(state["posteriors"])
        self._crossed.restore(state["crossed"])
        self._noise, self.ignored, self._refused = Noise(**state["noise"]), state["ignored"], RefusedNames()
