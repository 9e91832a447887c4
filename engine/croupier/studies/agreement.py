"""How far shadows agree with what was shown, over time, and what they would have earned."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from croupier.evaluation.results import Estimate, Evaluation
from croupier.studies.events import Shadowed
from croupier.studies.results import Study
from croupier_policies import Vector

BLOCKS, LEAST = 40, 25  # at most so many points of a curve, each of at least so many decisions


class Agreement(NamedTuple):
    """The share of decisions at which a shadow drew what was shown.

    Attributes:
        at: Time of the last decision of each block, shape (blocks,).
        share: Within the block, shape (blocks,).
    """

    at: Vector
    share: Vector


def agreement(said: Shadowed) -> Agreement:
    """In blocks of equal numbers of decisions."""
    blocks = int(np.clip(len(said.at) // LEAST, 1, BLOCKS))
    parts = np.array_split(np.arange(len(said.at)), blocks) if len(said.at) else []
    at = np.array([said.at[part[-1]] for part in parts])
    return Agreement(at, np.array([said.agrees[part].mean() for part in parts]))


class Shadow(NamedTuple):
    """A shadow in a table: agreement at its first and last decisions (a fifth each), and what it would have earned.

    `offline` is None where no decision has a reward.
    """

    name: str
    decisions: int
    first: float
    last: float
    offline: Estimate | None


def shadows(study: Study) -> list[Shadow]:
    """Every shadow that was asked at all."""
    found = []
    for k, (name, said) in enumerate(study.shadows.items()):
        if n := len(said.at):
            fifth = max(n // 5, 1)
            first, last = float(said.agrees[:fifth].mean()), float(said.agrees[-fifth:].mean())
            found.append(Shadow(name, n, first, last, _estimate(study.offline, k)))
    return found


def earned(study: Study) -> Estimate | None:
    """What was earned on the same decisions by whoever decided."""
    return None if study.offline is None else study.offline["logged"].estimates["snips"]


def _estimate(offline: Evaluation | None, k: int) -> Estimate | None:
    return None if offline is None else offline[f"column:shadow {k}"].estimates["snips"]
