"""Experiments: assignment of units to policies, estimation of the difference, and promotion of the better policy."""

from croupier.runtime.experiment import Experiment
from croupier.state.experiment.assignment import Assignment, Split
from croupier.state.experiment.buckets import HOLDOUT

__all__ = ["HOLDOUT", "Assignment", "Experiment", "Split"]
