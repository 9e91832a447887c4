"""Policies against each other: who meets which, what the difference is, and which becomes the champion."""

from croupier.experiments.assignment import Assigned, Split
from croupier.experiments.pieces import HOLDOUT
from croupier.experiments.promotion import Action, Evidence, Rule, Ruling

__all__ = ["HOLDOUT", "Action", "Assigned", "Evidence", "Rule", "Ruling", "Split"]
