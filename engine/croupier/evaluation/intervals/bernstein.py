"""An interval for bounded terms that is valid at every sample size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

from croupier.evaluation.estimators.base import Estimator
from croupier.evaluation.estimators.moments import SampleMoments
from croupier.evaluation.intervals.base import (
    Interval,
    IntervalAccumulator,
    LogBounds,
    checked_level,
    error_rate,
    guarantee_text,
)

BERNSTEIN = "empirical Bernstein, fixed sample, any number of independent rows"


def bernstein_fixed_sample(
    mean: float, variance: float, n: int, span: float, level: float, comparisons: int = 1
) -> Interval:
    """z̄ ± [√(2·S²·ln(4/α)/n) + 7·span·ln(4/α)/(3(n − 1))], α = (1 − level)/comparisons.

    For n independent terms within a range of width `span` it is valid at every n, not only asymptotically.

    Args:
        mean: z̄, in units of reward.
        variance: S², the sample variance of the terms, with n − 1.
        n: The number of rows, at least 2.
        span: The width of the range of the terms.
        level: Of the interval, or the simultaneous level of all `comparisons` intervals.
        comparisons: The number of simultaneous intervals (Bonferroni).

    Source: Maurer & Pontil, "Empirical Bernstein bounds and sample variance penalization", COLT 2009, theorem 4.

    >>> low, high, *_ = bernstein_fixed_sample(0.5, 0.25, 10_000, 1.0, 0.95)
    >>> round(low, 4), round(high, 4)
    (0.4842, 0.5158)
    """
    checked_level(level)
    log = math.log(4 / error_rate(level, comparisons))
    reach = math.sqrt(2 * variance * log / n) + 7 * span * log / (3 * (n - 1)) if n > 1 else math.inf
    return Interval(mean - reach, mean + reach, level, BERNSTEIN)


class Bernstein(IntervalAccumulator):
    """`bernstein_fixed_sample` of the estimators whose terms are bounded under a declared floor: IPS and DR."""

    def __init__(self, estimators: Sequence[Estimator], bounds: LogBounds) -> None:
        self.bounds = bounds

    def interval(
        self, estimator: Estimator, moments: SampleMoments, level: float, comparisons: int = 1
    ) -> Interval | None:
        """None for other estimators, and without a declared floor."""
        bounds = term_bounds(estimator.name, self.bounds)
        if bounds is None or moments.count < 2:
            return None
        mean, variance = moments.mean[-1], moments.covariance[-1, -1]  # the last term: c precedes it in subsampled logs
        below, above = bounds
        found = bernstein_fixed_sample(float(mean), float(variance), moments.count, above - below, level, comparisons)
        return clip_to_range(found, self.bounds)._replace(guarantee=guarantee_text(BERNSTEIN, estimator, comparisons))

    def __add__(self, later: Self) -> Self:
        return self


def term_bounds(name: str, bounds: LogBounds) -> tuple[float, float] | None:
    """The bounds of every term of an estimator, in units of reward; None where it is unbounded.

    With w ≤ W and all of r, q̂, v̂ within [low, high]: w·r is between min(0, W·low) and max(0, W·high), and
    v̂ + w·(r − q̂) is within W·(high − low) of the range.

    >>> term_bounds("ips", LogBounds(0.0, 1.0, 20.0)), term_bounds("dr", LogBounds(0.0, 1.0, 20.0))
    ((0.0, 20.0), (-20.0, 21.0))
    """
    low, high, max_weight, _ = bounds
    if max_weight is None:
        return None
    if name == "ips":
        return min(0.0, max_weight * low), max(0.0, max_weight * high)
    span = high - low
    return (low - max_weight * span, high + max_weight * span) if name == "dr" else None


def clip_to_range(interval: Interval, bounds: LogBounds) -> Interval:
    """The interval clipped to the reward range, which always contains the value."""
    low, high = (float(min(max(end, bounds.low), bounds.high)) for end in interval[:2])
    return interval._replace(low=low, high=high)
