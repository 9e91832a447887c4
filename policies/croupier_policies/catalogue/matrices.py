"""Catalogues as matrices, made once and kept in step with what is learned."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from croupier_policies.base import Actions, Row, State, Vector
from croupier_policies.encoding.candidates import INTERCEPT_ONLY, CandidateEncoder
from croupier_policies.encoding.encoder import Encoder
from croupier_policies.encoding.scaler import SparseRow
from croupier_policies.errors import PolicyError
from croupier_policies.factors.tables import RowTable

MAX_CATALOGUES = 16  # catalogues at hand


class _CatalogueMatrix:
    """One set of items: an item in each column, its features, its bias, its factors."""

    def __init__(self, ids: Sequence[str], features: Vector, items: RowTable) -> None:
        self.matrix = np.zeros((features.shape[0] + items.width, len(ids)))
        self.matrix[: features.shape[0]] = features
        self._features = features.shape[0]
        self._places = {id: place for place, id in enumerate(ids)}
        slots = np.array([items.find(id) for id in ids])
        known = np.flatnonzero(slots >= 0)
        self.matrix[self._features :, known] = items.values[slots[known]].T

    def update_item(self, item: str, row: Vector) -> None:
        """Write an item's own numbers, if it is here."""
        place = self._places.get(item)
        if place is not None:
            self.matrix[self._features :, place] = row


class CatalogueMatrices:
    """The matrices of the sets last asked about, with the encoder of items' features. It holds nothing of its own.

    Whatever is here follows from the state and the items: a matrix made anew is the same.
    """

    def __init__(self, encoder: Encoder, rank: int) -> None:
        self.encoder, self._rank = encoder, rank
        self._candidates = CandidateEncoder()
        self._matrices: OrderedDict[Actions, _CatalogueMatrix] = OrderedDict()

    def matrix(self, actions: Actions, items: RowTable) -> Vector:
        """Of these items, (features + 1 + rank, K). Raises PolicyError where their features do not fit."""
        held = self._matrices.get(actions)
        if held is None:
            features, _ = self._candidates.encode(actions, self.encoder)
            held = self._matrices[actions] = _CatalogueMatrix(actions.ids, features, items)
            if len(self._matrices) > MAX_CATALOGUES:
                self._matrices.popitem(last=False)
        return held.matrix

    def row(self, features: Row | None) -> SparseRow:
        """The vector of one item's features; the intercept alone where it has none, or none that fit."""
        if features is None:
            return INTERCEPT_ONLY
        try:
            return self.encoder.encode(features)
        except PolicyError:
            return INTERCEPT_ONLY

    def update_item(self, item: str, row: Vector | None) -> None:
        """Bring an item's own numbers to every matrix it is in."""
        if row is not None:
            for matrix in self._matrices.values():
                matrix.update_item(item, row)

    def take_statistics(self, observed: Encoder) -> None:
        """Take over the statistics of another encoder; every matrix is made anew when it is asked for."""
        self.restore(observed.state())

    def restore(self, state: State) -> None:
        """Go on with an encoder's state."""
        self.encoder.restore(state)
        self.clear()

    def clear(self) -> None:
        """Let every matrix be made anew when it is asked for."""
        self._matrices.clear()
