"""The common base of models with one posterior per action: encoding, memory limits, state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier_policies import arrays
from croupier_policies.backends.array import ArrayBackend
from croupier_policies.backends.noise import Noise
from croupier_policies.base import Actions, Finding, RefusedNames, Row, State
from croupier_policies.encoding.encoder import Encoder
from croupier_policies.encoding.flat import FlatRow
from croupier_policies.encoding.rows import join_rows
from croupier_policies.exploration.base import Array
from croupier_policies.models.base import Model, rewards_without_room
from croupier_policies.models.posteriors import ActionPosteriors


class PerActionModel(Model):
    """One Gaussian posterior of linear coefficients per action, over encoded rows.

    Candidates with features are scored on the context joined with those features.

    Args:
        squares: Whether the squares of numbers are features too. A linear relation is learned faster without them.
        waves: The number of random Fourier features; 64 is a good number for strongly nonlinear relations.
        seed: The seed of the Fourier features.
        half_life: See `Model`.
        max_columns: The largest number of columns of an encoded row.
        max_bytes: The memory limit of the posteriors, which take about 4·K·d² bytes.
        device: See `Model`.
    """

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
        super().__init__(device, half_life)
        self.squares, self.waves, self.seed = squares, waves, seed
        self.max_columns, self.max_bytes = max_columns, max_bytes
        self.ignored, self._refused = 0, RefusedNames()
        self._encoder = Encoder(max_columns, squares, waves, seed)
        self._posteriors = ActionPosteriors(self.backend, max_bytes, columns=self._encoder.size)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments without `device`."""
        names = ("squares", "waves", "seed", "half_life", "max_columns", "max_bytes")
        return {name: getattr(self, name) for name in names}

    def discount(self, retain: float, action: str | None = None) -> None:
        """A ← retain·A + (1 - retain)·I and Aθ, Aθ1 ← retain times, for one action, or for all and the noise."""
        self._posteriors.discount(retain, action)
        if action is None:
            self._noise.discount(retain)

    def state(self) -> State:
        """Encoder, posteriors and noise."""
        return {
            "encoder": self._encoder.state(),
            "posteriors": self._posteriors.state(),
            "noise": self._noise.state(),
            "ignored": self.ignored,
        }

    def restore(self, state: State) -> None:
        """Replace the state by a `state()`."""
        self._encoder.restore(state["encoder"])
        self._posteriors.restore(state["posteriors"])
        self._noise = Noise(**state["noise"])
        self.ignored, self._refused = state["ignored"], RefusedNames()

    def findings(self) -> list[Finding]:
        """Those of the encoder, and the rewards of actions for which there was no memory."""
        return self._encoder.findings() + rewards_without_room(self.ignored, self._refused, self.max_bytes)

    def _scores(self, context: Row, actions: Actions, centre: float) -> tuple[Array, Array]:
        """c + (θ_a - c·θ1_a)ᵀx and √(xᵀA_a⁻¹x) of every candidate, (K,) each, around a centre c."""
        rows, posteriors = join_rows(context, actions), self._posteriors
        slots = self._slots_of(actions, rows)
        encoded = [self._encoder.encode(row) for row in rows]
        return self.backend.scores(encoded, posteriors.columns, posteriors.posterior, centre, slots)

    def _scores_batch(self, contexts: Any, actions: Actions, centre: float) -> tuple[Array, Array] | None:
        """`_scores` of array contexts, (B, n), as two matrix products, (B, K) each; None if actions have features."""
        if actions.rows is not None or self._encoder.width is None:
            return None
        posteriors, first = self._posteriors, arrays.to_host(contexts[0])
        slots = self._slots_of(actions, (first,))
        X = self._encoder.scaler(first).encode_batch(self.backend.xp, contexts, posteriors.columns)
        unseen = self.backend.xp.zeros(X.shape[0], dtype=self.backend.xp.float64)
        by_product = ArrayBackend(self.backend.xp)  # also on a CPU: array operations are faster for a batch
        return by_product.scores_batch(X, unseen, posteriors.columns, posteriors.posterior, centre, slots)

    def _has_room(self, action: str) -> int | None:
        """The number of columns there is memory for once the action is learned; None, and counted, if too few."""
        room = self._posteriors.columns_for(action)
        if room < self._encoder.size:
            self.ignored += 1
            self._refused.add(action)
            return None
        return room

    def _slots_of(self, actions: Actions, rows: Sequence[FlatRow]) -> NDArray[np.int64]:
        """The slots of the actions. Raises TooLarge if there would be no room to learn the new ones."""
        slots, new_actions = self._posteriors.slots_of(actions)
        if new_actions:
            width = max(self._encoder.width_after(row) for row in rows)
            self._posteriors.check(len(self._posteriors.slots) + new_actions, width)
        return slots
