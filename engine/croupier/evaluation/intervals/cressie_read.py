"""Cressie-Read likelihood: an estimate and an interval from a few sums, given that weights have mean 1."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Self

import numpy as np

from croupier.evaluation.estimators.base import Estimator, EstimatorInputs
from croupier.evaluation.estimators.moments import SampleMoments
from croupier.evaluation.intervals.base import (
    Interval,
    IntervalAccumulator,
    LogBounds,
    Terms,
    error_rate,
    guarantee_text,
)

CRESSIE_READ = "Cressie-Read likelihood, fixed sample"


@dataclass(frozen=True, slots=True)
class WeightSums:
    """Sums over rows: n, Σw, Σw², Σwr, Σw²r, Σw²r², Σr; those of two batches can be added."""

    n: float = 0.0
    w: float = 0.0
    ww: float = 0.0
    wr: float = 0.0
    wwr: float = 0.0
    wwrr: float = 0.0
    r: float = 0.0

    @classmethod
    def of(cls, inputs: EstimatorInputs) -> WeightSums:
        """The sums of one batch."""
        w, r = inputs.w, inputs.r
        x = w * r
        ww, wwr, wwrr = (np.einsum("i,i->", a, b) for a, b in ((w, w), (w, x), (x, x)))
        sums = (w.sum(), ww, x.sum(), wwr, wwrr, r.sum())
        return cls(float(len(w)), *map(float, sums))

    def __add__(self, other: WeightSums) -> WeightSums:
        return WeightSums(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def with_row(self, w: float, r: float) -> WeightSums:
        """The sums with one more row."""
        return self + WeightSums(1.0, w, w * w, w * r, w * w * r, (w * r) ** 2, r)


def cressie_read_value(sums: WeightSums) -> float:
    """V̂ = Σ p·w·r, p as close to uniform as Σ p·w = 1 permits (power −2); an unobserved row may have weight 0 or ∞.

    The missing weight, 1 − Σ p·w where the weights are too small, earns the mean reward.

    Source: Karampatziakis, Langford & Mineiro, "Empirical likelihood for contextual bandits", NeurIPS 2020.

    >>> cressie_read_value(WeightSums(n=4.0, w=2.0, ww=4.0, wr=1.0, wwr=2.0, wwrr=2.0, r=2.0))  # half missing
    0.5
    """
    n = sums.n
    if sums.w < n:
        seen, earned = sums.w / n, sums.wr / n
    else:
        mean, square = sums.w / (1 + n), sums.ww / (1 + n)
        even, slope = (square - mean) / (square - mean**2), (1 - mean) / (square - mean**2)
        seen, earned = ((even * a + slope * b) / (1 + n) for a, b in ((sums.w, sums.ww), (sums.wr, sums.wwr)))
    return earned + max(0.0, 1.0 - seen) * sums.r / n


def cressie_read_fixed_sample(
    sums: WeightSums, low: float, high: float, level: float, comparisons: int = 1
) -> Interval:
    """All V with Σ p = 1, Σ p·w = 1 and Σ p·w·r = V for a p within a divergence of uniform, with one unobserved row.

    The divergence is the F(1, n) quantile, the asymptotic distribution of the likelihood ratio. The unobserved row has
    weight 0 or ∞ and the worst reward, so that the ends allow for weights that did not occur.

    Args:
        sums: The sums over the rows.
        low: The lower bound of rewards.
        high: Their upper bound.
        level: Of the interval, or the simultaneous level of all `comparisons` intervals.
        comparisons: The number of simultaneous intervals (Bonferroni).

    Source: Karampatziakis, Langford & Mineiro, "Empirical likelihood for contextual bandits", NeurIPS 2020.
    """
    slack = _slack(sums, error_rate(level, comparisons))
    lower = min((end for end in _ends(sums, low, 1.0, slack)), default=low)
    upper = max((-end for end in _ends(sums, high, -1.0, slack)), default=high)
    lower, upper = (min(max(end, low), high) for end in (lower, upper))
    return Interval(min(lower, upper), upper, level, CRESSIE_READ)  # equal ends may cross by rounding


def _slack(sums: WeightSums, alpha: float) -> float:
    """−(g + F)/(2(1 + n)), g the divergence under Σ p·w = 1 alone."""
    from scipy.special import stdtrit

    n = sums.n
    quantile = float(stdtrit(n, 1 - alpha / 2)) ** 2  # the F(1, n) quantile is the square of a Student quantile
    if sums.w < n:
        return (-(1 + 1 / n) - quantile) / (2 * (1 + n))
    mean, square = sums.w / (1 + n), sums.ww / (1 + n)
    return (-(1 + n) * (mean - 1) ** 2 / (square - mean**2) - quantile) / (2 * (1 + n))


def _ends(sums: WeightSums, r: float, sign: float, slack: float) -> Iterator[float]:
    """sign × the end, for an unobserved row of reward r and weight ∞, then of weight 0; none where infeasible."""
    n = sums.n
    centre = sign * (r + (sums.wr - sums.w * r) / n)
    spread = (r * sums.w - sums.wr) ** 2 / (n * (1 + n)) - (r * r * sums.ww - 2 * r * sums.wwr + sums.wwrr) / (1 + n)
    yield from _end(centre, spread, slack + 1 / (2 * n))
    row = sums.with_row(0.0, r)
    m = row.n
    w, ww, wr, wwr, wwrr = row.w / m, row.ww / m, sign * row.wr / m, sign * row.wwr / m, row.wwrr / m
    variance = ww - w * w
    if variance > 0:
        slope = (wwr - w * wr) / variance
        spread = slope**2 * variance - (wwrr - wr * wr)
        yield from _end(wr + (1 - w) * slope, spread, slack + (1 - w) ** 2 / variance / 2)


def _end(centre: float, spread: float, room: float) -> Iterator[float]:
    """The end, where the divergence leaves room; by Cauchy and Schwarz the spread is at most 0, but for rounding."""
    if room <= 0:
        yield centre - math.sqrt(2 * min(spread, 0.0) * room)


class CressieRead(IntervalAccumulator):
    """`cressie_read_fixed_sample` for IPS and SNIPS."""

    def __init__(self, estimators: Sequence[Estimator], bounds: LogBounds) -> None:
        self.bounds, self.sums = bounds, WeightSums()

    def add(self, inputs: EstimatorInputs, terms: Terms) -> None:
        """Add a batch."""
        self.sums += WeightSums.of(inputs)

    def interval(
        self, estimator: Estimator, moments: SampleMoments, level: float, comparisons: int = 1
    ) -> Interval | None:
        """The interval of IPS or SNIPS; None for other estimators."""
        if estimator.name not in ("ips", "snips") or not self.sums.n:
            return None
        found = cressie_read_fixed_sample(self.sums, self.bounds.low, self.bounds.high, level, comparisons)
        return found._replace(guarantee=guarantee_text(CRESSIE_READ, estimator, comparisons))

    def __add__(self, later: Self) -> Self:
        self.sums += later.sums
        return self
