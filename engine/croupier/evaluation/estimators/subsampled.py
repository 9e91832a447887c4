"""Rows that stand for several, because others like them were dropped at random."""

from __future__ import annotations

import numpy as np

from croupier.evaluation.estimators.base import Columns, Estimator, ratio
from croupier.evaluation.estimators.moments import Matrix, Moments
from croupier_policies import Vector


class Copied(Estimator):
    """An estimator whose terms z count c = 1/(1 − p_drop) times: f(Σ c·z / Σ c).

    A dropped row was one like its batch's others: the kept ones are weighed up, and their number is Σ c.

    Args:
        inner: The estimator f.
    """

    def __init__(self, inner: Estimator) -> None:
        self.inner, self.name, self.width = inner, inner.name, inner.width + 1
        self.model_only, self.caveat = inner.model_only, inner.caveat
        self.unnormalised, self.stabilised = inner.unnormalised, inner.stabilised

    def terms(self, columns: Columns) -> Matrix:
        """(c, c·z)."""
        copies = np.ones(len(columns.w)) if columns.copies is None else columns.copies
        return np.column_stack([copies, self.inner.terms(columns) * copies[:, None]])

    def values(self, means: Matrix) -> Vector:
        """f of the ratios."""
        return self.inner.values(np.array([ratio(row, means[0]) for row in means[1:]]))

    def gradient(self, mean: Vector) -> Vector:
        """(−∇f·m, ∇f)/c̄, m the ratios."""
        inside = mean[1:] / mean[0]
        slope = self.inner.gradient(inside)
        return np.asarray(np.concatenate([[-float(slope @ inside)], slope]) / mean[0])

    def settled(self, moments: Moments) -> Estimator:
        """Of what the inner estimator settles on; where that is a choice among several, it is made without copies."""
        inner = self.inner.settled(moments.part(slice(1, None)))
        return self if inner is self.inner else Copied(inner)
