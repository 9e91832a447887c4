"""Confidence intervals and sequences, each named by its guarantee."""

from croupier.evaluation.intervals.base import Interval, IntervalAccumulator, IntervalFactory, LogBounds, checked_level
from croupier.evaluation.intervals.bernstein import bernstein_fixed_sample
from croupier.evaluation.intervals.cressie_read import WeightSums, cressie_read_fixed_sample, cressie_read_value
from croupier.evaluation.intervals.kinds import (
    DEFAULT_INTERVALS,
    INTERVALS,
    interval_factories,
    unavailable_with_subsampling,
)
from croupier.evaluation.intervals.likelihood import likelihood_fixed_sample, likelihood_value
from croupier.evaluation.intervals.normal import clopper_pearson_fixed_sample, normal_fixed_sample

__all__ = [
    "DEFAULT_INTERVALS",
    "INTERVALS",
    "Interval",
    "IntervalAccumulator",
    "IntervalFactory",
    "LogBounds",
    "WeightSums",
    "bernstein_fixed_sample",
    "checked_level",
    "clopper_pearson_fixed_sample",
    "cressie_read_fixed_sample",
    "cressie_read_value",
    "interval_factories",
    "likelihood_fixed_sample",
    "likelihood_value",
    "normal_fixed_sample",
    "unavailable_with_subsampling",
]
