"""Bounds of counts over simulated runs: a correct implementation exceeds them once in a thousand."""

from scipy.stats import binom


def largest_count(runs: int, rate: float) -> int:
    """The 99.9 % quantile of a binomial count of `runs` trials that occur at `rate`."""
    return int(binom.isf(0.001, runs, rate))
