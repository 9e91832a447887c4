"""An interval for bounded terms that needs no approximation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

from croupier.evaluation.estimators.base import Estimator
from croupier.evaluation.estimators.moments import Moments
from croupier.evaluation.intervals.base import Gathering, Interval, Setting, checked_level, miss, named_guarantee

BERNSTEIN = "empirical Bernstein, fixed sample, any number of independent rows"


def bernstein_fixed_sample(
    mean: float, variance: float, n: int, span: float, level: float, comparisons: int = 1
) -> Interval:
    """z̄ ± [√(2·S²·ln(4/α)/n) + 7·span·ln(4/α)/(3(n − 1))], α = (1 − level)/comparisons.

    For n independent terms within a range of width `span` it covers at every n, not only in the limit.

    Args:
        mean: z̄, in units of reward.
        variance: S², the sample variance of the terms, with n − 1.
        n: Rows, at least 2.
        span: The width of the range that no term can leave.
        level: Of the interval, or of all `comparisons` intervals together.
        comparisons: How many intervals are to hold at once (Bonferroni).

    Source: Maurer & Pontil, "Empirical Bernstein bounds and sample variance penalization", COLT 2009, theorem 4.

    >>> low, high, *_ = bernstein_fixed_sample(0.5, 0.25, 10_000, 1.0, 0.95)
    >>> round(low, 4), round(high, 4)
    (0.4842, 0.5158)
    """
    checked_level(level)
    log = math.log(4 / miss(level, comparisons))
    reach = math.sqrt(2 * variance * log / n) + 7 * span * log / (3 * (n - 1)) if n > 1 else math.inf
    return Interval(mean - reach, mean + reach, level, BERNSTEIN)


class Bernstein(Gathering):
    """`bernstein_fixed_sample` of the estimators whose terms a declared floor bounds: IPS and DR."""

    def __init__(self, estimators: Sequence[Estimator], setting: Setting) -> None:
        self.setting = setting

    def interval(self, estimator: Estimator, moments: Moments, level: float, comparisons: int = 1) -> Interval | None:
        """None for other estimators, and without a declared floor."""
        bounds = term_bounds(estimator.name, self.setting)
        if bounds is None or moments.count < 2:
            return None
        mean, variance = (
            moments.mean[-1],
            moments.covariance[-1, -1],
        )  # behind ones, where rows may be dropped
        below, above = bounds
        found = bernstein_fixed_sample(float(mean), float(variance), moments.count, above - below, level, comparisons)
        return within(found, self.setting)._replace(guarantee=named_guarantee(BERNSTEIN, estimator, comparisons))

    def __add__(self, later: Self) -> Self:
        return self


def term_bounds(name: str, setting: Setting) -> tuple[float, float] | None:
    """Between what values every term of an estimator is, in units of reward; None where nothing bounds it.

    With w ≤ W and all of r, q̂, v̂ within [low, high]: w·r between min(0, W·low) and max(0, W·high), and v̂ + w·(r − q̂)
    within W·(high − low) of the range.

    >>> term_bounds("ips", Setting(0.0, 1.0, 20.0)), term_bounds("dr", Setting(0.0, 1.0, 20.0))
    ((0.0, 20.0), (-20.0, 21.0))
    """
    low, high, weight, _ = setting
    if weight is None:
        return None
    if name == "ips":
        return min(0.0, weight * low), max(0.0, weight * high)
    span = high - low
    return (low - weight * span, high + weight * span) if name == "dr" else None


def within(interval: Interval, setting: Setting) -> Interval:
    """The part of an interval that lies within the reward range, where the value is in any case."""
    low, high = (float(min(max(end, setting.low), setting.high)) for end in interval[:2])
    return interval._replace(low=low, high=high)
