"""Candidate sets as matrices, built once and updated as the policy learns."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from croupier_policies.base import Actions, Row, State, Vector
from croupier_policies.encoding.candidates import INTERCEPT_ONLY, CandidateEncoder
from croupier_policies.encoding.encoder import Encoder
from croupier_policies.encoding.flat import flat_row
from croupier_policies.encoding.scaler import SparseRow
from croupier_policies.errors import PolicyError
from croupier_policies.factors.tables import RowTable

MAX_CATALOGUES = 16  # matrices in the cache


class _CatalogueMatrix:
    """One candidate set; each column is an item: its features, its bias, its factors."""

    def __init__(self, ids: Sequence[str], features: Vector, items: RowTable) -> None:
        self.matrix = np.zeros((features.shape[0] + items.width, len(ids)))
        self.matrix[: features.shape[0]] = features
        self._features = features.shape[0]
        self._places = {id: place for place, id in enumerate(ids)}
        slots = np.array([items.find(id) for id in ids])
        known = np.flatnonzero(slots >= 0)
        self.matrix[self._features :, known] = items.values[slots[known]].T

    def update_item(self, item: str, row: Vector) -> None:
        """Write the bias and factors of an item, if the set contains it."""
        place = self._places.get(item)
        if place is not None:
            self.matrix[self._features :, place] = row


class CatalogueMatrices:
    """A cache of the matrices of recent candidate sets, with the encoder of item features.

    The matrices are derived from the encoder and the item table: rebuilding one gives the same matrix.
    """

    def __init__(self, encoder: Encoder, rank: int) -> None:
        self.encoder, self._rank = encoder, rank
        self._candidates = CandidateEncoder()
        self._matrices: OrderedDict[Actions, _CatalogueMatrix] = OrderedDict()

    def matrix(self, actions: Actions, items: RowTable) -> Vector:
        """The matrix of these items, (features + 1 + rank, K). Raises PolicyError if their features do not fit."""
        matrix = self._matrices.get(actions)
        if matrix is None:
            features, _ = self._candidates.encode(actions, self.encoder)
            matrix = self._matrices[actions] = _CatalogueMatrix(actions.ids, features, items)
            if len(self._matrices) > MAX_CATALOGUES:
                self._matrices.popitem(last=False)
        return matrix.matrix

    def row(self, features: Row | None) -> SparseRow:
        """The encoded features of one item; only the intercept if it has none, or none that fit."""
        if features is None:
            return INTERCEPT_ONLY
        try:
            return self.encoder.encode(flat_row(features))
        except PolicyError:
            return INTERCEPT_ONLY

    def update_item(self, item: str, row: Vector | None) -> None:
        """Write the bias and factors of an item to every matrix that contains it."""
        if row is not None:
            for matrix in self._matrices.values():
                matrix.update_item(item, row)

    def take_statistics(self, observed: Encoder) -> None:
        """Replace the encoder's statistics by those of another encoder, and clear the cache."""
        self.restore(observed.state())

    def restore(self, state: State) -> None:
        """Replace the encoder's state, and clear the cache."""
        self.encoder.restore(state)
        self.clear()

    def clear(self) -> None:
        """Clear the cache."""
        self._matrices.clear()
