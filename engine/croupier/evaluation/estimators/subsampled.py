"""Estimators of a log from which rows were dropped at random."""

from __future__ import annotations

import numpy as np

from croupier.evaluation.estimators.base import Estimator, EstimatorInputs, ratio
from croupier.evaluation.estimators.moments import Matrix, SampleMoments
from croupier_policies import Vector


class Subsampled(Estimator):
    """An estimator whose terms z are weighted by the subsampling weights c = 1/(1 − p_drop): f(Σ c·z / Σ c).

    A row is retained with probability 1 − p_drop, so Σ c estimates the number of rows before subsampling.

    Args:
        inner: The estimator f.
    """

    def __init__(self, inner: Estimator) -> None:
        self.inner, self.name, self.width = inner, inner.name, inner.width + 1
        self.model_only, self.caveat = inner.model_only, inner.caveat
        self.unnormalised, self.stabilised = inner.unnormalised, inner.stabilised

    def terms(self, inputs: EstimatorInputs) -> Matrix:
        """(c, c·z)."""
        subsampling = np.ones(len(inputs.w)) if inputs.subsampling is None else inputs.subsampling
        return np.column_stack([subsampling, self.inner.terms(inputs) * subsampling[:, None]])

    def values(self, means: Matrix) -> Vector:
        """f of the ratios of the means."""
        return self.inner.values(np.array([ratio(row, means[0]) for row in means[1:]]))

    def gradient(self, mean: Vector) -> Vector:
        """(−∇f·m, ∇f)/c̄, m the ratios."""
        inside = mean[1:] / mean[0]
        slope = self.inner.gradient(inside)
        return np.asarray(np.concatenate([[-float(slope @ inside)], slope]) / mean[0])

    def select_candidate(self, moments: SampleMoments) -> Estimator:
        """The selected candidate of the inner estimator; the selection does not use the subsampling weights."""
        inner = self.inner.select_candidate(moments.select(slice(1, None)))
        return self if inner is self.inner else Subsampled(inner)
