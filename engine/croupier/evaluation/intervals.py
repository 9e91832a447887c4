"""Intervals, each named by what it guarantees."""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

from croupier.errors import InputError

NORMAL = "normal, fixed sample"


class Interval(NamedTuple):
    """The set [low, high] that is to cover the value at `level`, under what `guarantee` says."""

    low: float
    high: float
    level: float
    guarantee: str


def checked_level(level: float) -> float:
    """The level itself. Raises InputError unless 0 < level < 1."""
    if not 0 < level < 1:
        raise InputError(f"level {level!r} is not between 0 and 1; 0.95 is usual")
    return level


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
    reach = NormalDist().inv_cdf(1 - (1 - checked_level(level)) / comparisons / 2) * error
    guarantee = NORMAL if comparisons == 1 else f"{NORMAL}, Bonferroni over {comparisons}"
    return Interval(value - reach, value + reach, level, guarantee)
