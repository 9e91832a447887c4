"""Policies against each other: who meets which, what the difference is, and which becomes the champion."""

from croupier.experiments.assignment import Assigned, Split
from croupier.experiments.experiment import Experiment
from croupier.experiments.pieces import HOLDOUT

__all__ = ["HOLDOUT", "Assigned", "Experiment", "Split"]
