"""Candidate features encoded as one matrix."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from croupier_policies.base import Actions, Vector
from croupier_policies.encoding.encoder import Encoder
from croupier_policies.encoding.flat import flat_row
from croupier_policies.encoding.scaler import SparseRow

INTERCEPT_ONLY = SparseRow(np.zeros(1, np.int64), np.ones(1), 0.0)  # the row of an action without features
MAX_SETS = 16  # candidate sets whose stacked features are cached


class CandidateEncoder:
    """Encodes all candidates at once; array features are stacked once per candidate set, not once per event."""

    def __init__(self) -> None:
        self._matrices: OrderedDict[Actions, Vector | None] = OrderedDict()

    def encode(self, actions: Actions, encoder: Encoder) -> tuple[Vector, Vector]:
        """z of every candidate, (dz, K), and its squared norm outside the known columns, (K,)."""
        count, dz = len(actions), encoder.size
        if actions.rows is None:
            return np.repeat(INTERCEPT_ONLY.dense(dz)[:, None], count, axis=1), np.zeros(count)
        matrix = self._matrix_of(actions)
        if matrix is not None:
            return encoder.scaler(matrix[0]).encode_rows(matrix, dz), np.zeros(count)
        rows = [encoder.encode(flat_row(row)) for row in actions.rows]
        matrix_of_rows = np.ascontiguousarray(np.stack([z.dense(dz) for z in rows], axis=1))
        return matrix_of_rows, np.array([z.unseen for z in rows])

    def _matrix_of(self, actions: Actions) -> Vector | None:
        """The candidates' features, (K, n), if all are arrays of one width; else None."""
        if actions not in self._matrices:
            rows: Sequence[Any] = actions.rows or ()
            stackable = {getattr(row, "shape", None) for row in rows} == {getattr(rows[0], "shape", ())}
            self._matrices[actions] = np.stack(rows) if stackable else None
            if len(self._matrices) > MAX_SETS:
                self._matrices.popitem(last=False)
        return self._matrices[actions]
