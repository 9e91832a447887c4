"""What is gathered of two targets on the same rows, for their difference."""

from __future__ import annotations

import math

import numpy as np

from croupier.evaluation.estimators.base import Estimated, Estimator, standard_error
from croupier.evaluation.estimators.basic import DR
from croupier.evaluation.estimators.moments import Moments
from croupier.evaluation.evidence.curve import Course, Mark
from croupier.evaluation.evidence.diagnostics import Mass
from croupier.evaluation.intervals import Interval, Setting
from croupier.evaluation.intervals.betting import SEQUENCE, Betting
from croupier.evaluation.passes.rows import Rows, pieces


class Pair:
    """Moments of the terms of two targets side by side, how many rows tell them apart, and bets on their difference.

    Args:
        estimator: Of both values.
        first: Which target.
        second: From which it is to be told.
        setting: The reward range.
        level: Of the confidence sequence along the course.
        comparisons: How many pairs there are, whose intervals are to hold together.
    """

    def __init__(
        self,
        estimator: Estimator,
        first: int,
        second: int,
        setting: Setting,
        level: float = 0.95,
        comparisons: int = 1,
    ) -> None:
        self.estimator, self.first, self.second = estimator, first, second
        self.level, self.comparisons = level, comparisons
        width = 2 * estimator.width
        self.moments = Moments(0, np.zeros(width), np.zeros((width, width)))
        self.gains = self.losses = Mass.of(np.empty(0))
        self.distance = self.squares = 0.0
        self.course = Course()
        self._range = setting.low, setting.high
        self._bets: Betting | None = Betting([DR()], Setting())
        self._weight: float | None = 0.0

    def add(self, rows: Rows) -> None:
        """Take in a batch."""
        for piece in pieces(rows, self.moments.count):
            self._add(piece)

    def _add(self, rows: Rows) -> None:
        terms = [self.estimator.terms(rows.columns(k)) for k in (self.first, self.second)]
        self.moments += Moments.of(np.hstack(terms))
        copies = 1.0 if rows.copies is None else rows.copies
        apart = np.abs(rows.w[self.first] - rows.w[self.second]) * copies
        self.gains += Mass.of(apart * rows.scaled)
        self.losses += Mass.of(apart * (1.0 - rows.scaled))
        distance, squares = rows.apart.get((self.first, self.second), (apart, apart**2))
        self.distance, self.squares = self.distance + float(distance.sum()), self.squares + float(squares.sum())
        self._bet(rows)
        self.course.add(lambda: self._mark(float(rows.at[-1])))

    def _mark(self, at: float) -> Mark:
        sequence = self.sequence()
        ends = (math.nan, math.nan) if sequence is None else sequence[:2]
        return Mark(self.moments.count, at, self.difference().value, *ends)

    def _bet(self, rows: Rows) -> None:
        """Bets on (1 + D)/2, which is within 0 to 1 as a value is; D = V₁ − V₂ in units of the reward range.

        Without any bound on the weights, E[w₁·s + w₂·(1 − s)] ≤ 1 + D and E[w₂·s + w₁·(1 − s)] ≤ 1 − D; within a floor
        the terms of the difference itself, w ≤ W, are within 1 + W of 0, as those of DR would be for weights up to W/2.
        """
        if self._bets is None or rows.copies is not None:
            self._bets = None  # how many decisions there were is not known: nothing to divide by
            return
        (w, v), (w2, v2) = ((rows.w[k], rows.v[k]) for k in (self.first, self.second))
        s, (low, high) = rows.scaled, self._range
        own = (v - v2 + (w - w2) * (rows.reward - rows.q)) / (high - low)
        self._bets.place((w * s + w2 * (1.0 - s)) / 2, (w2 * s + w * (1.0 - s)) / 2, (1.0 + own) / 2)
        bounds = [self._weight, rows.weight[self.first], rows.weight[self.second]]
        known = [bound for bound in bounds if bound is not None]
        self._weight = max(known) if len(known) == len(bounds) else None

    @property
    def effective(self) -> float:
        """The effective rows on which the two differ: of |w₁ − w₂| × reward, counted from either end."""
        return min(self.gains.ess, self.losses.ess)

    @property
    def expected(self) -> float:
        """The effective rows that were to be expected: min(s̄, 1 − s̄)·(Σ E|w₁ − w₂|)²/Σ E(w₁ − w₂)².

        s̄ is the mean of s where the two differ, and the expectations are over the actions that could have been drawn;
        where the log does not keep whole distributions, what was seen.
        """
        total = self.gains.total + self.losses.total
        if not total or not self.squares:
            return 0.0
        share = self.gains.total / total
        return min(share, 1.0 - share) * self.distance**2 / self.squares

    def difference(self) -> Estimated:
        """V̂₁ − V̂₂ and its standard error."""
        return paired(self.estimator, self.moments)

    def sequence(self) -> Interval | None:
        """What V₁ − V₂ may be, at every look; None where dropped rows or weights beyond the floor leave none."""
        if self._bets is None:
            return None
        self._bets.bounded(None if self._weight is None else self._weight / 2)
        found = self._bets.interval(DR(), self.moments, self.level, self.comparisons)
        if found is None:
            return None
        span = self._range[1] - self._range[0]
        low, high = ((2.0 * end - 1.0) * span for end in found[:2])
        return found._replace(low=low, high=high, guarantee=found.guarantee.replace(SEQUENCE, PAIRED))


PAIRED = SEQUENCE.replace("(betting)", "(betting on the terms of dr)")


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
