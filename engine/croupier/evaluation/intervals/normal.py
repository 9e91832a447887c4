"""The normal interval, and the exact binomial interval."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
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

NORMAL = "normal, fixed sample"


def normal_fixed_sample(value: float, error: float, level: float, comparisons: int = 1) -> Interval:
    """V̂ ± z·error, z the (1 + level*)/2 quantile of the standard normal, level* = 1 − (1 − level)/comparisons.

    It is valid for one analysis at a sample size fixed beforehand; if it is inspected at every row, its error rate is
    far above 1 − level. Where the logging policy adapts, the variance of the terms must also converge (Hadad et al.,
    "Confidence intervals for policy evaluation in adaptive experiments", PNAS 2021).

    Args:
        value: V̂, in units of reward.
        error: Its standard error.
        level: Of the interval, or the simultaneous level of all `comparisons` intervals.
        comparisons: m, the number of simultaneous intervals (Bonferroni).

    >>> low, high, *_ = normal_fixed_sample(0.5, 0.1, 0.95)
    >>> round(low, 3), round(high, 3)
    (0.304, 0.696)
    """
    reach = NormalDist().inv_cdf(1 - error_rate(level, comparisons) / 2) * error
    guarantee = NORMAL if comparisons == 1 else f"{NORMAL}, Bonferroni over {comparisons}"
    return Interval(value - reach, value + reach, level, guarantee)


class Normal(IntervalAccumulator):
    """`normal_fixed_sample` of every estimator, from the moments alone."""

    supports_subsampling = True

    def __init__(self, estimators: Sequence[Estimator], bounds: LogBounds) -> None:
        self.bounds = bounds

    def interval(self, estimator: Estimator, moments: SampleMoments, level: float, comparisons: int = 1) -> Interval:
        """The interval from value and standard error."""
        value, error = estimator.estimate(moments)
        found = normal_fixed_sample(value, error, level, comparisons)
        return found._replace(guarantee=guarantee_text(NORMAL, estimator, comparisons))

    def __add__(self, later: Self) -> Self:
        return self


def clopper_pearson_fixed_sample(
    total: float, n: float, largest: float, level: float, low: float = 0.0, high: float = 1.0
) -> Interval:
    """The exact binomial interval for n/w_max trials with Σ w·s/w_max successes.

    Exact where every weight is w_max or 0 and s is 0 or 1, s = (r − low)/(high − low); otherwise wide, and unreliable
    where the largest possible weight has not been observed.

    Args:
        total: Σ w·s.
        n: The number of rows.
        largest: w_max, the largest weight.
        level: The level of the interval.
        low: The lower bound of rewards.
        high: Their upper bound.

    Source: Clopper & Pearson, Biometrika 1934.

    >>> low, high, *_ = clopper_pearson_fixed_sample(5.0, 10.0, 1.0, 0.95)
    >>> round(low, 4), round(high, 4)
    (0.1871, 0.8129)
    """
    from scipy.special import betaincinv

    hits, draws, tail = total / largest, n / largest, (1 - checked_level(level)) / 2
    ends = (
        float(betaincinv(hits, draws - hits + 1, tail)) if hits > 0 else 0.0,
        float(betaincinv(hits + 1, draws - hits, 1 - tail)) if hits < draws else 1.0,
    )
    lower, upper = (low + (high - low) * end for end in ends)
    return Interval(lower, upper, level, "Clopper-Pearson, fixed sample")
