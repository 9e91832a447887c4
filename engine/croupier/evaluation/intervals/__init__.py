"""Intervals, each named by what it guarantees."""

from croupier.evaluation.intervals.base import Gathering, Interval, Method, Setting, checked_level
from croupier.evaluation.intervals.bernstein import bernstein_fixed_sample
from croupier.evaluation.intervals.cressie_read import WeightSums, cressie_read_fixed_sample, cressie_read_value
from croupier.evaluation.intervals.likelihood import likelihood_fixed_sample, likelihood_value
from croupier.evaluation.intervals.methods import DEFAULT, INTERVALS, methods, uncounted
from croupier.evaluation.intervals.normal import clopper_pearson_fixed_sample, normal_fixed_sample

__all__ = [
    "DEFAULT",
    "INTERVALS",
    "Gathering",
    "Interval",
    "Method",
    "Setting",
    "WeightSums",
    "bernstein_fixed_sample",
    "checked_level",
    "clopper_pearson_fixed_sample",
    "cressie_read_fixed_sample",
    "cressie_read_value",
    "likelihood_fixed_sample",
    "likelihood_value",
    "methods",
    "normal_fixed_sample",
    "uncounted",
]
