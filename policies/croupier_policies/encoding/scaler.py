"""Running means and variances of numbers, and the encoding of array rows with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies.base import Vector
from croupier_policies.kernels import encoding as dense_kernels
from croupier_policies.reference import ridge as reference
from croupier_policies.reference.constants import MAX_ABSOLUTE_VALUE


class SparseRow(NamedTuple):
    """A sparse vector: ascending columns, their values, and the squared norm outside the columns known so far."""

    cols: NDArray[np.int64]
    vals: Vector
    unseen: float

    def dense(self, columns: int) -> Vector:
        """The dense vector, (columns,)."""
        vector = np.zeros(columns)
        vector[self.cols] = self.vals
        return vector


class Scaler(NamedTuple):
    """Statistics of array rows as the compiled kernels take them: moments, Fourier frequencies, columns."""

    mean: Vector  # (n,)
    m2: Vector  # (n,)
    rows: NDArray[np.int64]  # (1,), the number of rows observed
    waves: Vector  # (n + 1, F)
    cols: NDArray[np.int64]

    def encode(self, x: Vector) -> SparseRow:
        """The encoded row of an array."""
        vals = np.empty(self.cols.shape[0])
        dense_kernels.encode(x, self.mean, self.m2, self.rows[0], self.waves, vals)
        return SparseRow(self.cols, vals, 0.0)

    def encode_rows(self, X: Vector, columns: int) -> Vector:
        """The encoded rows of many arrays, (K, n), as columns: (columns, K)."""
        out = np.zeros((columns, X.shape[0]))
        dense_kernels.encode_rows(X, *self, out)
        return out

    def encode_batch(self, xp: Any, X: Any, columns: int) -> Any:
        """The encoded rows of a batch of arrays, (B, n) to (B, columns), on the device."""
        mean, m2, waves = (xp.asarray(array) for array in (self.mean, self.m2, self.waves))
        squares = self.cols.shape[0] > waves.shape[1] + mean.shape[0] + 1
        X = xp.asarray(X, dtype=xp.float64)
        encoded = reference.encode_dense(xp, X, mean, m2, int(self.rows[0]), waves, squares)
        first, rest = 1 + waves.shape[1], self.cols.shape[0] - 1 - waves.shape[1]
        start = int(self.cols[first]) if rest else first
        dense = xp.zeros((X.shape[0], columns), dtype=xp.float64)
        dense[:, :first] = encoded[:, :first]
        dense[:, start : start + rest] = encoded[:, first:]
        return dense

    def observe_rows(self, X: Vector, columns: int) -> Vector:
        """Observe and encode arrays in order, (B, n); the encoded row of each, (B, columns)."""
        vals, dense = np.empty((X.shape[0], self.cols.shape[0])), np.zeros((X.shape[0], columns))
        dense_kernels.observe_rows(X, self.mean, self.m2, self.rows, self.waves, vals)
        dense[:, self.cols] = vals
        return dense

    def observe(self, x: Vector) -> None:
        """Update the moments with an array."""
        dense_kernels.observe(x, self.mean, self.m2, self.rows)


@dataclass(slots=True)
class RunningMoments:
    """Running moments of one named number, and the first of its columns."""

    column: int
    count: int = 0
    mean: float = 0.0
    m2: float = 0.0

    def add(self, value: float) -> None:
        """Update the moments by Welford's algorithm."""
        value = min(max(float(value), -MAX_ABSOLUTE_VALUE), MAX_ABSOLUTE_VALUE)
        self.count += 1
        delta = value - self.mean
        self.mean += delta / self.count
        self.m2 += delta * (value - self.mean)

    def z(self, value: float) -> float | None:
        """clip((value - mean) / sd, ±3) / 2; None while the variance is 0."""
        variance = self.m2 / self.count
        if not variance > 0.0:
            return None
        return min(max((float(value) - self.mean) / math.sqrt(variance), -3.0), 3.0) / 2.0
