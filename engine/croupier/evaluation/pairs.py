"""Accumulates the difference between two targets on the same rows."""

from __future__ import annotations

import math

import numpy as np

from croupier.evaluation.estimators.base import Estimator, PointEstimate, standard_error
from croupier.evaluation.estimators.basic import DR
from croupier.evaluation.estimators.moments import SampleMoments
from croupier.evaluation.evidence.curve import CurvePoint, EstimateCurve
from croupier.evaluation.evidence.diagnostics import WeightSummary
from croupier.evaluation.intervals import Interval, LogBounds
from croupier.evaluation.intervals.betting import SEQUENCE, Betting
from croupier.evaluation.passes.rows import Rows, growing_chunks


class PairAccumulator:
    """Joint moments of the terms of two targets, the effective sample size of their difference, and bets on it.

    Args:
        estimator: The estimator of both values.
        first: The index of one target.
        second: The index of the other.
        bounds: The bounds of rewards.
        level: The level of the confidence sequence.
        comparisons: The number of pairs, whose intervals hold simultaneously.
    """

    def __init__(
        self,
        estimator: Estimator,
        first: int,
        second: int,
        bounds: LogBounds,
        level: float = 0.95,
        comparisons: int = 1,
    ) -> None:
        self.estimator, self.first, self.second = estimator, first, second
        self.level, self.comparisons = level, comparisons
        width = 2 * estimator.width
        self.moments = SampleMoments(0, np.zeros(width), np.zeros((width, width)))
        self.gains = self.losses = WeightSummary.of(np.empty(0))
        self.expected_distance = self.expected_squared_distance = 0.0
        self.curve = EstimateCurve()
        self._range = bounds.low, bounds.high
        self._bets: Betting | None = Betting([DR()], LogBounds())
        self._max_weight: float | None = 0.0

    def add(self, rows: Rows) -> None:
        """Add a batch."""
        for chunk in growing_chunks(rows, self.moments.count):
            self._add(chunk)

    def _add(self, rows: Rows) -> None:
        terms = [self.estimator.terms(rows.estimator_inputs(k)) for k in (self.first, self.second)]
        self.moments += SampleMoments.of(np.hstack(terms))
        subsampling = 1.0 if rows.subsampling is None else rows.subsampling
        apart = np.abs(rows.w[self.first] - rows.w[self.second]) * subsampling
        self.gains += WeightSummary.of(apart * rows.scaled)
        self.losses += WeightSummary.of(apart * (1.0 - rows.scaled))
        distance, squares = rows.expected_distances.get((self.first, self.second), (apart, apart**2))
        self.expected_distance += float(distance.sum())
        self.expected_squared_distance += float(squares.sum())
        self._bet(rows)
        self.curve.add(lambda: self._point(float(rows.at[-1])))

    def _point(self, at: float) -> CurvePoint:
        sequence = self.sequence()
        ends = (math.nan, math.nan) if sequence is None else sequence[:2]
        return CurvePoint(self.moments.count, at, self.difference().value, *ends)

    def _bet(self, rows: Rows) -> None:
        """Bet on (1 + D)/2, which lies in [0, 1] as a value does; D = V₁ − V₂ in units of the reward range.

        Without a bound on the weights, E[w₁·s + w₂·(1 − s)] ≤ 1 + D and E[w₂·s + w₁·(1 − s)] ≤ 1 − D. With w ≤ W under
        a floor, the terms of the difference itself lie within 1 + W of 0, as those of DR do for weights up to W/2.
        """
        if self._bets is None or rows.subsampling is not None:
            self._bets = None  # the number of decisions, by which the sequence divides, is only estimated
            return
        (w, v), (w2, v2) = ((rows.w[k], rows.v[k]) for k in (self.first, self.second))
        s, (low, high) = rows.scaled, self._range
        own = (v - v2 + (w - w2) * (rows.reward - rows.q)) / (high - low)
        self._bets.place((w * s + w2 * (1.0 - s)) / 2, (w2 * s + w * (1.0 - s)) / 2, (1.0 + own) / 2)
        bounds = [self._max_weight, rows.max_weight[self.first], rows.max_weight[self.second]]
        known = [bound for bound in bounds if bound is not None]
        self._max_weight = max(known) if len(known) == len(bounds) else None

    @property
    def ess(self) -> float:
        """The effective sample size of |w₁ − w₂|·s or |w₁ − w₂|·(1 − s), whichever is smaller."""
        return min(self.gains.ess, self.losses.ess)

    @property
    def expected_ess(self) -> float:
        """The expected effective sample size, min(s̄, 1 − s̄)·(Σ E|w₁ − w₂|)²/Σ E(w₁ − w₂)².

        s̄ is the mean of s weighted by |w₁ − w₂|, and the expectations are over the actions that could have been drawn.
        Where the log does not keep whole distributions, the observed weights stand in for their expectations.
        """
        total = self.gains.total + self.losses.total
        if not total or not self.expected_squared_distance:
            return 0.0
        share = self.gains.total / total
        return min(share, 1.0 - share) * self.expected_distance**2 / self.expected_squared_distance

    def difference(self) -> PointEstimate:
        """V̂₁ − V̂₂ and its standard error."""
        return paired_difference(self.estimator, self.moments)

    def sequence(self) -> Interval | None:
        """The confidence sequence of V₁ − V₂; None where rows were subsampled or weights exceed the declared bound."""
        if self._bets is None:
            return None
        self._bets.set_max_weight(None if self._max_weight is None else self._max_weight / 2)
        found = self._bets.interval(DR(), self.moments, self.level, self.comparisons)
        if found is None:
            return None
        span = self._range[1] - self._range[0]
        low, high = ((2.0 * end - 1.0) * span for end in found[:2])
        return found._replace(low=low, high=high, guarantee=found.guarantee.replace(SEQUENCE, PAIRED_SEQUENCE))


PAIRED_SEQUENCE = SEQUENCE.replace("(betting)", "(betting on the terms of dr)")


def paired_difference(estimator: Estimator, moments: SampleMoments) -> PointEstimate:
    """V̂₁ − V̂₂ and its standard error on the same rows.

    Args:
        estimator: The estimator of both values.
        moments: Of n rows that hold the k terms of the first target, then those of the second.
    """
    k = estimator.width
    selected = [estimator.select_candidate(moments.select(slice(start, start + k))) for start in (0, k)]
    means = np.split(moments.mean, 2)
    first, second = (each.value(mean) for each, mean in zip(selected, means, strict=True))
    slopes = [each.gradient(mean) for each, mean in zip(selected, means, strict=True)]
    return PointEstimate(first - second, standard_error(np.concatenate([slopes[0], -slopes[1]]), moments))
