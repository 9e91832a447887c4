"""SLOPE: selects the amount of shrinkage from the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from croupier.evaluation.estimators.base import Estimator, EstimatorInputs
from croupier.evaluation.estimators.moments import Matrix, SampleMoments
from croupier.evaluation.estimators.shrinkage import ShrinkageEstimator
from croupier_policies import Vector

#: The limits among which SLOPE selects by default.
GRID = (10.0, 50.0, 100.0, 500.0, 1000.0, 5000.0, 10000.0, math.inf)
WIDENING = math.sqrt(6.0) - 1.0
WIDTH_LEVEL = 0.95  # the one-sided level of the widths


class SelectedCandidate(Estimator):
    """One of several terms of a row: V̂ = z̄ₖ."""

    def __init__(self, name: str, width: int, index: int) -> None:
        self.name, self.width, self.index = name, width, index

    def terms(self, inputs: EstimatorInputs) -> Matrix:
        """It has none of its own: it uses those of the `Slope` that selected it."""
        raise TypeError("a selected candidate has no terms of its own; call `terms` of its `Slope`")

    def values(self, means: Matrix) -> Vector:
        """The k-th."""
        return np.asarray(means[self.index])

    def gradient(self, mean: Vector) -> Vector:
        """1 at k."""
        return np.asarray(np.eye(self.width)[self.index])


class Slope(Estimator):
    """Lepski's principle: the estimate with the most shrinkage that is consistent with every less shrunk one.

    In descending order of width cnf, it selects the last i for which |V̂_j − V̂_i| ≤ cnf_i + (√6 − 1)·cnf_j for all j < i
    and so for all before it; cnf is Student's one-sided 95 % width. With `GRID` and the same numbers it
    selects as the Open Bandit Pipeline does.

    Args:
        factory: Makes the estimator of a limit.
        grid: The limits to select from.

    Source: Su, Srinath & Krishnamurthy, "Adaptive estimator selection for off-policy evaluation", ICML 2020; in the
    order of Tucker & Lee, "Improved estimator selection for off-policy evaluation", 2021.
    """

    caveat = "without the bias of shrinkage, and as if the limit had been fixed beforehand"

    def __init__(self, factory: Callable[[float], ShrinkageEstimator], grid: Sequence[float] = GRID) -> None:
        self.candidates = [factory(limit) for limit in grid]
        self.width, self.name = len(self.candidates), f"{self.candidates[0].family}:slope"

    def terms(self, inputs: EstimatorInputs) -> Matrix:
        """The terms of all candidates, concatenated."""
        return np.hstack([each.terms(inputs) for each in self.candidates])

    def select_candidate(self, moments: SampleMoments) -> Estimator:
        """The selected candidate."""
        return SelectedCandidate(self.name, self.width, slope(moments.mean, widths(moments)))

    def values(self, means: Matrix) -> Vector:
        """Raises TypeError: the means alone do not determine the candidate."""
        raise TypeError("the candidate depends on the moments; call `select_candidate` first")

    def gradient(self, mean: Vector) -> Vector:
        """Raises TypeError: the means alone do not determine the candidate."""
        raise TypeError("the candidate depends on the moments; call `select_candidate` first")


def widths(moments: SampleMoments) -> Vector:
    """Student's one-sided widths t·sd/√n of each term, shape (k,)."""
    from scipy.special import stdtrit

    quantile = float(stdtrit(max(moments.count - 1, 1), WIDTH_LEVEL))
    return np.asarray(quantile * np.sqrt(np.diag(moments.covariance) / max(moments.count, 1)))


def slope(values: Vector, cnf: Vector) -> int:
    """The index of the estimate that SLOPE selects: see `Slope`.

    Args:
        values: V̂, shape (k,).
        cnf: The width of each, shape (k,).

    >>> slope(np.array([0.5, 0.48, 0.2]), np.array([0.1, 0.05, 0.01]))
    1
    """
    order = np.argsort(cnf)[::-1]
    for count, i in enumerate(order):
        before = order[:count]
        if not (np.abs(values[before] - values[i]) <= cnf[i] + WIDENING * cnf[before]).all():
            return int(order[count - 1])
    return int(order[-1])
