"""What models with a posterior for every action share: encoding, memory, and how an event comes in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier_policies import arrays
from croupier_policies.backends.array import ArrayBackend
from croupier_policies.backends.noise import Noise
from croupier_policies.base import Actions, Row, State
from croupier_policies.encoding.encoder import Encoder
from croupier_policies.encoding.rows import join_rows
from croupier_policies.exploration.base import Array
from croupier_policies.models.base import Model
from croupier_policies.models.posteriors import ActionPosteriors


class PerActionModel(Model):
    """A Gaussian posterior of linear coefficients for every action, over encoded rows.

    Candidates with features of their own are scored on the context and those features together.

    Args:
        squares: Whether a number's square is a feature beside it. What is linear anyway is learned sooner without.
        waves: How many random Fourier features to add; 64 suit what is far from linear.
        seed: What the waves are drawn from.
        half_life: See `Model`.
        max_columns: The most columns an encoded row may have.
        max_bytes: The most memory the posteriors may take; they take about 4·K·d² bytes.
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
        self.ignored = 0
        self._encoder = Encoder(max_columns, squares, waves, seed)
        self._posteriors = ActionPosteriors(self.backend, max_bytes, columns=self._encoder.size)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, without `device`."""
        names = ("squares", "waves", "seed", "half_life", "max_columns", "max_bytes")
        return {name: getattr(self, name) for name in names}

    def discount(self, retain: float, action: str | None = None) -> None:
        """A ← retain·A + (1 - retain)·I and Aθ, Aθ1 ← retain times, of one action or of all; then also the noise."""
        self._posteriors.discount(retain, action)
        if action is None:
            self._noise.discount(retain)

    def state(self) -> State:
        """Encoding, posteriors and noise."""
        return {
            "encoder": self._encoder.state(),
            "posteriors": self._posteriors.state(),
            "noise": self._noise.state(),
            "ignored": self.ignored,
        }

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        self._encoder.restore(state["encoder"])
        self._posteriors.restore(state["posteriors"])
        self._noise = Noise(**state["noise"])
        self.ignored = state["ignored"]

    def _scores(self, context: Row, actions: Actions, centre: float) -> tuple[Array, Array]:
        """c + (θ_a - c·θ1_a)ᵀx and √(xᵀA_a⁻¹x) of every candidate, (K,) each, around a centre c."""
        rows, posteriors = join_rows(context, actions), self._posteriors
        slots = self._slots_of(actions, rows)
        encoded = [self._encoder.encode(row) for row in rows]
        return self.backend.scores(encoded, posteriors.columns, posteriors.posterior, centre, slots)

    def _scores_batch(self, contexts: Any, actions: Actions, centre: float) -> tuple[Array, Array] | None:
        """The same for array contexts (B, n), (B, K) each, as two matrix products; None where there is no such way."""
        if actions.rows is not None or self._encoder.width is None:
            return None
        posteriors, first = self._posteriors, arrays.to_host(contexts[0])
        slots = self._slots_of(actions, (first,))
        X = self._encoder.scaler(first).encode_batch(self.backend.xp, contexts, posteriors.columns)
        unseen = self.backend.xp.zeros(X.shape[0], dtype=self.backend.xp.float64)
        by_product = ArrayBackend(self.backend.xp)  # also on a CPU: a batch is what whole arrays are for
        return by_product.scores_batch(X, unseen, posteriors.columns, posteriors.posterior, centre, slots)

    def _has_room(self, action: str) -> int | None:
        """For how many columns there is memory once the action is learned; None, and counted, where too little."""
        room = self._posteriors.columns_for(action)
        if room < self._encoder.size:
            self.ignored += 1
            return None
        return room

    def _slots_of(self, actions: Actions, rows: Sequence[Row]) -> NDArray[np.int64]:
        """Raises TooLarge where there would be no room to learn the newcomers among them."""
        slots, newcomers = self._posteriors.slots_of(actions)
        if newcomers:
            width = max(self._encoder.width_after(row) for row in rows)
            self._posteriors.check(len(self._posteriors.slots) + newcomers, width)
        return slots
