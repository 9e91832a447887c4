"""The normal interval, and its exact relative for counts."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Self

from croupier.evaluation.estimators.base import Estimator
from croupier.evaluation.estimators.moments import Moments
from croupier.evaluation.intervals.base import Gathering, Interval, Setting, checked_level, miss, named_guarantee

NORMAL = "normal, fixed sample"


def normal_fixed_sample(value: float, error: float, level: float, comparisons: int = 1) -> Interval:
    """V̂ ± z·error, z the (1 + level*)/2 quantile of the standard normal, level* = 1 − (1 − level)/comparisons.

    It holds for one look, at a number of rows that was fixed without looking; a look at every row is wrong far more
    often than 1 − level. Where the logging policy adapts it also needs the variance of the terms to settle (Hadad et
    al., "Confidence intervals for policy evaluation in adaptive experiments", PNAS 2021).

    Args:
        value: V̂, in units of reward.
        error: Its standard error.
        level: Of the interval, or of all `comparisons` intervals together.
        comparisons: m, how many intervals are to hold at once (Bonferroni).

    >>> low, high, *_ = normal_fixed_sample(0.5, 0.1, 0.95)
    >>> round(low, 3), round(high, 3)
    (0.304, 0.696)
    """
    reach = NormalDist().inv_cdf(1 - miss(level, comparisons) / 2) * error
    guarantee = NORMAL if comparisons == 1 else f"{NORMAL}, Bonferroni over {comparisons}"
    return Interval(value - reach, value + reach, level, guarantee)


class Normal(Gathering):
    """`normal_fixed_sample` of every estimator: all it needs are the moments."""

    counts_copies = True

    def __init__(self, estimators: Sequence[Estimator], setting: Setting) -> None:
        self.setting = setting

    def interval(self, estimator: Estimator, moments: Moments, level: float, comparisons: int = 1) -> Interval:
        """From value and standard error."""
        value, error = estimator.estimate(moments)
        found = normal_fixed_sample(value, error, level, comparisons)
        return found._replace(guarantee=named_guarantee(NORMAL, estimator, comparisons))

    def __add__(self, later: Self) -> Self:
        return self


def clopper_pearson_fixed_sample(
    total: float, n: float, largest: float, level: float, low: float = 0.0, high: float = 1.0
) -> Interval:
    """The exact binomial interval, as if the mean of w·s were that of n/w_max draws with Σ w·s/w_max successes.

    Exact where every weight is w_max or 0 and s is 0 or 1, s = (r − low)/(high − low); wide elsewhere, and not to be
    relied on where the largest weight has not been seen yet.

    Args:
        total: Σ w·s.
        n: Rows.
        largest: w_max, the largest weight.
        level: Of the interval.
        low: The least reward.
        high: The greatest.

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
