"""What is gathered of two targets on the same rows, for their difference."""

from __future__ import annotations

import numpy as np

from croupier.evaluation.base import Estimated, Estimator, standard_error
from croupier.evaluation.diagnostics import Mass
from croupier.evaluation.log import Rows
from croupier.evaluation.moments import Moments


class Pair:
    """Moments of the terms of two targets side by side, and how many rows tell them apart.

    Args:
        estimator: Of both values.
        first: Which target.
        second: From which it is to be told.
    """

    def __init__(self, estimator: Estimator, first: int, second: int) -> None:
        self.estimator, self.first, self.second = estimator, first, second
        width = 2 * estimator.width
        self.moments = Moments(0, np.zeros(width), np.zeros((width, width)))
        self.gains = self.losses = Mass.of(np.empty(0))

    def add(self, rows: Rows) -> None:
        """Take in a batch."""
        terms = [self.estimator.terms(rows.columns(k)) for k in (self.first, self.second)]
        self.moments += Moments.of(np.hstack(terms))
        apart = np.abs(rows.w[self.first] - rows.w[self.second])
        self.gains += Mass.of(apart * rows.scaled)
        self.losses += Mass.of(apart * (1.0 - rows.scaled))

    @property
    def effective(self) -> float:
        """The effective rows on which the two differ: of |w₁ − w₂| × reward, counted from either end."""
        return min(self.gains.ess, self.losses.ess)

    def difference(self) -> Estimated:
        """V̂₁ − V̂₂ and its standard error."""
        return paired(self.estimator, self.moments)


def paired(estimator: Estimator, moments: Moments) -> Estimated:
    """V̂₁ − V̂₂ and its standard error on the same rows.

    Args:
        estimator: Of both values.
        moments: Of the terms of the first target with those of the second beside them, shape (n, 2k).
    """
    k = estimator.width
    chosen = [estimator.settled(moments.part(slice(start, start + k))) for start in (0, k)]
    means = np.split(moments.mean, 2)
    first, second = (each.value(mean) for each, mean in zip(chosen, means, strict=True))
    slopes = [each.gradient(mean) for each, mean in zip(chosen, means, strict=True)]
    return Estimated(first - second, standard_error(np.concatenate([slopes[0], -slopes[1]]), moments))
