"""Policies against each other: who meets which, what the difference is, and which becomes the champion."""

from croupier.runtime.experiment import Experiment
from croupier.state.experiment.assignment import Assignment, Split
from croupier.state.experiment.buckets import HOLDOUT

__all__ = ["HOLDOUT", "Assignment", "Experiment", "Split"]
