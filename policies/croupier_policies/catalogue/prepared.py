"""Catalogues as matrices, made once and kept in step with what is learned."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from croupier_policies.base import Actions, Row, State, Vector
from croupier_policies.catalogue.candidates import PLAIN, Candidates
from croupier_policies.encoding.encoder import Encoder
from croupier_policies.encoding.scaler import Encoded
from croupier_policies.errors import PolicyError
from croupier_policies.factors.tables import Table

KEPT = 16  # catalogues at hand


class _Prepared:
    """One set of items: an item in each column, its features, its bias, its factors."""

    def __init__(self, ids: Sequence[str], features: Vector, items: Table) -> None:
        self.matrix = np.zeros((features.shape[0] + items.width, len(ids)))
        self.matrix[: features.shape[0]] = features
        self._features = features.shape[0]
        self._places = {id: place for place, id in enumerate(ids)}
        slots = np.array([items.find(id) for id in ids])
        known = np.flatnonzero(slots >= 0)
        self.matrix[self._features :, known] = items.values[slots[known]].T

    def learned(self, item: str, row: Vector) -> None:
        """Write an item's own numbers, if it is here."""
        place = self._places.get(item)
        if place is not None:
            self.matrix[self._features :, place] = row


class Shelf:
    """The matrices of the sets last asked about, with the encoder of items' features. It holds nothing of its own.

    Whatever is here follows from the state and the items: a matrix made anew is the same.
    """

    def __init__(self, encoder: Encoder, rank: int) -> None:
        self.encoder, self._rank = encoder, rank
        self._candidates = Candidates()
        self._prepared: OrderedDict[Actions, _Prepared] = OrderedDict()

    def matrix(self, actions: Actions, items: Table) -> Vector:
        """Of these items, (features + 1 + rank, K). Raises PolicyError where their features do not fit."""
        held = self._prepared.get(actions)
        if held is None:
            features, _ = self._candidates.encoded(actions, self.encoder)
            held = self._prepared[actions] = _Prepared(actions.ids, features, items)
            if len(self._prepared) > KEPT:
                self._prepared.popitem(last=False)
        return held.matrix

    def row(self, features: Row | None) -> Encoded:
        """The vector of one item's features; the intercept alone where it has none, or none that fit."""
        if features is None:
            return PLAIN
        try:
            return self.encoder.encode(features)
        except PolicyError:
            return PLAIN

    def learned(self, item: str, row: Vector | None) -> None:
        """Bring an item's own numbers to every matrix it is in."""
        if row is not None:
            for prepared in self._prepared.values():
                prepared.learned(item, row)

    def encode_by(self, observed: Encoder) -> None:
        """Take over the statistics of another encoder; every matrix is made anew when it is asked for."""
        self.restore(observed.state())

    def restore(self, state: State) -> None:
        """Go on with an encoder's state."""
        self.encoder.restore(state)
        self.clear()

    def clear(self) -> None:
        """Let every matrix be made anew when it is asked for."""
        self._prepared.clear()
