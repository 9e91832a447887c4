"""SLOPE: how far to shrink, chosen from the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from croupier.evaluation.estimators.base import Columns, Estimator
from croupier.evaluation.estimators.moments import Matrix, Moments
from croupier.evaluation.estimators.shrinkage import Shrunk
from croupier_policies import Vector

#: Limits among which SLOPE chooses unless told otherwise.
GRID = (10.0, 50.0, 100.0, 500.0, 1000.0, 5000.0, 10000.0, math.inf)
WIDENING = math.sqrt(6.0) - 1.0
SURE = 0.95  # one-sided level of the widths


class Picked(Estimator):
    """One of several terms of a row: V̂ = z̄ₖ."""

    def __init__(self, name: str, width: int, index: int) -> None:
        self.name, self.width, self.index = name, width, index

    def terms(self, columns: Columns) -> Matrix:
        """None of its own: it reads those of the `Slope` that picked it."""
        raise TypeError("a picked estimator reads the terms of its `Slope`: ask that for them")

    def values(self, means: Matrix) -> Vector:
        """The k-th."""
        return np.asarray(means[self.index])

    def gradient(self, mean: Vector) -> Vector:
        """1 at k."""
        return np.asarray(np.eye(self.width)[self.index])


class Slope(Estimator):
    """Lepski's principle: the most shrunk estimate that still agrees with every less shrunk one.

    Ordered by falling width cnf, the choice is the last i for which |V̂_j − V̂_i| ≤ cnf_i + (√6 − 1)·cnf_j for all j < i
    and so for all before it; cnf is Student's one-sided 95 % width. With `GRID` and from the same numbers it chooses as
    the Open Bandit Pipeline does.

    Args:
        make: The estimator of a limit.
        grid: The limits to choose from.

    Source: Su, Srinath & Krishnamurthy, "Adaptive estimator selection for off-policy evaluation", ICML 2020; in the
    order of Tucker & Lee, "Improved estimator selection for off-policy evaluation", 2021.
    """

    caveat = "without the bias of shrinking, and as if the limit had not been chosen"

    def __init__(self, make: Callable[[float], Shrunk], grid: Sequence[float] = GRID) -> None:
        self.candidates = [make(limit) for limit in grid]
        self.width, self.name = len(self.candidates), f"{self.candidates[0].family}:slope"

    def terms(self, columns: Columns) -> Matrix:
        """Those of every candidate, side by side."""
        return np.hstack([each.terms(columns) for each in self.candidates])

    def settled(self, moments: Moments) -> Estimator:
        """The chosen candidate."""
        return Picked(self.name, self.width, slope(moments.mean, widths(moments)))

    def values(self, means: Matrix) -> Vector:
        """Of a choice that the means alone do not settle."""
        raise TypeError("a choice needs moments: ask `settled` first")

    def gradient(self, mean: Vector) -> Vector:
        """Of a choice that the means alone do not settle."""
        raise TypeError("a choice needs moments: ask `settled` first")


def widths(moments: Moments) -> Vector:
    """Student's one-sided widths t·sd/√n of each term, shape (k,)."""
    from scipy.special import stdtrit

    quantile = float(stdtrit(max(moments.count - 1, 1), SURE))
    return np.asarray(quantile * np.sqrt(np.diag(moments.covariance) / max(moments.count, 1)))


def slope(values: Vector, cnf: Vector) -> int:
    """Which of several estimates to take: see `Slope`.

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
