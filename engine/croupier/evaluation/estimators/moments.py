"""First and second moments of rows, accumulated batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from croupier_policies import Vector

Matrix: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class SampleMoments:
    """Count, total and scatter of rows x ∈ ℝᵏ; those of two batches can be added.

    scatter = Σ (x − x̄)(x − x̄)ᵀ. Two batches: S = S₁ + S₂ + (n₁n₂/n)·(x̄₁ − x̄₂)(x̄₁ − x̄₂)ᵀ (Chan, Golub & LeVeque, 1983).

    Attributes:
        count: The number of rows, n.
        total: Σ x, shape (k,); unlike the mean, a total of integers is exact.
        scatter: Shape (k, k).

    >>> both = SampleMoments.of(np.array([[1.0], [2.0]])) + SampleMoments.of(np.array([[6.0]]))
    >>> both.mean.tolist(), both.covariance.tolist()
    ([3.0], [[7.0]])
    """

    count: int
    total: Vector
    scatter: Matrix

    @classmethod
    def of(cls, rows: Matrix) -> SampleMoments:
        """The moments of one batch, shape (n, k)."""
        columns = np.ascontiguousarray(rows.T)  # along a contiguous axis numpy sums pairwise, which is more accurate
        total = columns.sum(axis=1)
        centred = columns - total[:, None] / max(len(rows), 1)
        scatter = np.einsum("ik,jk->ij", centred, centred)  # the threads of BLAS would wait longer than this takes
        return cls(len(rows), total, scatter)

    def __add__(self, other: SampleMoments) -> SampleMoments:
        count = self.count + other.count
        if not self.count or not other.count:
            return self if self.count else other
        difference = self.mean - other.mean
        between = np.outer(difference, difference) * (self.count * other.count / count)
        return SampleMoments(count, self.total + other.total, self.scatter + other.scatter + between)

    def select(self, columns: slice) -> SampleMoments:
        """The moments of some of the columns."""
        return SampleMoments(self.count, self.total[columns], self.scatter[columns, columns])

    @property
    def mean(self) -> Vector:
        """x̄, shape (k,); NaN without rows."""
        return self.total / self.count if self.count else np.full_like(self.total, np.nan)

    @property
    def covariance(self) -> Matrix:
        """Σ (x − x̄)(x − x̄)ᵀ/(n − 1), shape (k, k); NaN with fewer than two rows."""
        return self.scatter / (self.count - 1) if self.count > 1 else np.full_like(self.scatter, np.nan)
