"""What the analysis of an experiment gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from croupier.evaluation.results import Evaluation
from croupier.studies.events import Shadowed
from croupier.studies.statistics.exposure import Events
from croupier.studies.statistics.mismatch import Mismatch
from croupier.studies.statistics.sequences import Course
from croupier.studies.statistics.windows import Windows
from croupier.studies.timeline import Story
from croupier_policies import Vector


@dataclass(frozen=True, eq=False)
class Contrast:
    """One variant against another, over time; rewards and metrics are of closed windows.

    Attributes:
        treatment: The variant.
        control: What it is compared with.
        difference: Of the mean reward of a unit.
        ratio: Of the same.
        per_decision: Difference of the reward per decision.
        per_decision_ratio: Ratio of the same.
        metrics: Difference of each further metric, per unit; their last p-values are in `corrected`.
        corrected: P-values of the metrics at the last look, by Holm's correction for their number.
        guardrails: Difference of each guardrail's metric, per unit.
        segments: Difference in each segment; the intervals of all hold together.
        fixed: Difference at the one look that was asked for; None where none was.
    """

    treatment: str
    control: str
    difference: Course
    ratio: Course
    per_decision: Course
    per_decision_ratio: Course
    metrics: Mapping[str, Course] = field(default_factory=dict)
    corrected: Mapping[str, float] = field(default_factory=dict)
    guardrails: Mapping[str, Course] = field(default_factory=dict)
    segments: Mapping[str, Course] = field(default_factory=dict)
    fixed: Course | None = None


class Arm(NamedTuple):
    """A variant, as far as its windows have closed.

    Attributes:
        variant: Its name.
        policy: The name of the policy that decided for it; empty before its first decision.
        share: Of the units, now; at the end, where it has ended.
        met: Units that met it first.
        closed: Those whose window has closed.
        decisions: Of the closed windows.
        reward: Mean reward of a closed window; NaN where there is none.
        per_decision: Their rewards over their decisions; likewise.
    """

    variant: str
    policy: str
    share: float
    met: int
    closed: int
    decisions: int
    reward: float
    per_decision: float


@dataclass(frozen=True, eq=False)
class Study:
    """What the log says of an experiment; `croupier.reports` renders it.

    Attributes:
        story: Its start, weights and end.
        arms: Every variant.
        events: Its decisions.
        windows: One closed window per unit.
        looks: Times of the looks, in seconds, shape (looks,).
        contrasts: Every candidate against the champion, and the champion against the hold-out.
        mismatch: Whether units met the variants as was meant; unit by unit as they came, at the times in `came`.
        came: When each unit first met a variant, in seconds, shape (units,).
        shadows: What each shadow said.
        offline: What each shadow would have earned, by its weights; None where there is none, or no reward.
        level: Of the intervals; those of all candidates hold together.
    """

    story: Story
    arms: Sequence[Arm]
    events: Events
    windows: Windows
    looks: Vector
    contrasts: Sequence[Contrast]
    mismatch: Mismatch
    came: Vector
    shadows: Mapping[str, Shadowed]
    offline: Evaluation | None
    level: float

    def contrast(self, variant: str) -> Contrast:
        """That of a candidate; that of the champion is against the hold-out. Raises KeyError."""
        return {one.treatment: one for one in self.contrasts}[variant]

    @property
    def doubted(self) -> float | None:
        """When it was first to be doubted (p ≤ .01) that units meet the variants as was meant; None if it is not."""
        alarm = self.mismatch.alarm()
        return None if alarm is None else float(self.came[alarm - 1])

    @property
    def mismatch_p(self) -> float:
        """The always-valid p-value of the split, at the last unit; 1 before the first."""
        return float(self.mismatch.p[-1]) if len(self.mismatch.p) else 1.0


def arms(story: Story, policies: Mapping[str, str], windows: Windows, mismatch: Mismatch) -> list[Arm]:
    """A row for every variant."""
    found = []
    for k, name in enumerate(story.variants):
        own = windows.variant == k
        n, decisions, total = int(own.sum()), int(windows.decisions[own].sum()), float(windows.rewards[own].sum())
        means = (total / n, total / decisions) if n else (np.nan, np.nan)
        share = story.turns[-1].shares.get(name, 0.0)
        found.append(Arm(name, policies.get(name, ""), share, int(mismatch.observed[k]), n, decisions, *means))
    return found
