"""Agreement of shadows with the logged actions over time, and off-policy estimates of what they would have earned."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from croupier.evaluation.results import Estimate, Evaluation
from croupier.studies.events import ShadowDecisions
from croupier.studies.results import Study
from croupier_policies import Vector

MAX_BLOCKS, MIN_BLOCK_SIZE = 40, 25  # points of an agreement curve, and decisions averaged in each


class Agreement(NamedTuple):
    """The share of decisions at which a shadow would have drawn the logged action, in blocks of equal size.

    Attributes:
        at: Time of the last decision of each block, in seconds, shape (blocks,).
        share: Share of agreeing decisions within the block, shape (blocks,).
    """

    at: Vector
    share: Vector


def agreement(decisions: ShadowDecisions) -> Agreement:
    """The agreement of a shadow over time, in blocks of equal numbers of decisions."""
    count = int(np.clip(len(decisions.at) // MIN_BLOCK_SIZE, 1, MAX_BLOCKS))
    blocks = np.array_split(np.arange(len(decisions.at)), count) if len(decisions.at) else []
    at = np.array([decisions.at[block[-1]] for block in blocks])
    return Agreement(at, np.array([decisions.agrees[block].mean() for block in blocks]))


class ShadowSummary(NamedTuple):
    """A shadow's row of a table.

    Attributes:
        name: The shadow.
        decisions: Number of decisions at which it was evaluated.
        first: Agreement over the first fifth of them.
        last: Agreement over the last fifth of them.
        offline: Off-policy estimate of its reward per decision; None if no decision has a reward.
    """

    name: str
    decisions: int
    first: float
    last: float
    offline: Estimate | None


def summarize_shadows(study: Study) -> list[ShadowSummary]:
    """A row for every shadow that was evaluated at least once."""
    found = []
    for k, (name, decisions) in enumerate(study.shadows.items()):
        if n := len(decisions.at):
            fifth = max(n // 5, 1)
            first, last = float(decisions.agrees[:fifth].mean()), float(decisions.agrees[-fifth:].mean())
            found.append(ShadowSummary(name, n, first, last, _estimate(study.offline, k)))
    return found


def logged_estimate(study: Study) -> Estimate | None:
    """The estimate for the logging policies on the same decisions; None if no decision has a reward."""
    return None if study.offline is None else study.offline["logged"].estimates["snips"]


def _estimate(offline: Evaluation | None, k: int) -> Estimate | None:
    return None if offline is None else offline[f"column:shadow {k}"].estimates["snips"]
