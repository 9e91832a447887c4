"""The result of analysing an experiment; `croupier.reports` renders it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.results import Evaluation
from croupier.log.identifiers import shown
from croupier.studies.events import ShadowDecisions
from croupier.studies.statistics.exposure import Events
from croupier.studies.statistics.sample_ratio import SampleRatioTest
from croupier.studies.statistics.sequences import Trajectory
from croupier.studies.statistics.windows import ClosedWindows
from croupier.studies.timeline import Timeline
from croupier_policies import Vector


@dataclass(frozen=True, eq=False)
class Contrast:
    """The effects of one variant against another over time, estimated from closed windows.

    Attributes:
        treatment: The variant.
        control: The variant it is compared with.
        difference: Difference of the mean reward per unit.
        ratio: Ratio of the mean reward per unit.
        per_decision: Difference of the reward per decision.
        per_decision_ratio: Ratio of the reward per decision.
        metrics: Difference of each further metric, per unit.
        corrected_p: P-value of each metric at the last look, with Holm's correction for their number.
        guardrails: Difference of each guardrail's metric, per unit.
        segments: Difference in each segment; the intervals of all segments hold simultaneously.
        fixed_horizon: Difference at the pre-specified time, with a fixed-horizon test; None if none was requested.
    """

    treatment: str
    control: str
    difference: Trajectory
    ratio: Trajectory
    per_decision: Trajectory
    per_decision_ratio: Trajectory
    metrics: Mapping[str, Trajectory] = field(default_factory=dict)
    corrected_p: Mapping[str, float] = field(default_factory=dict)
    guardrails: Mapping[str, Trajectory] = field(default_factory=dict)
    segments: Mapping[str, Trajectory] = field(default_factory=dict)
    fixed_horizon: Trajectory | None = None


class VariantSummary(NamedTuple):
    """A variant's row of a table.

    Attributes:
        variant: Its name.
        policy: Name of the policy that decides for it; empty before its first decision.
        share: Share of the units assigned to it now, or at the end of the experiment.
        units: Number of units assigned to it first.
        closed_windows: Number of those units whose exposure window has closed.
        decisions: Number of decisions in the closed windows.
        reward_per_unit: Mean reward of a closed window; NaN if there is none.
        reward_per_decision: Rewards of the closed windows over their decisions; NaN if there are none.
    """

    variant: str
    policy: str
    share: float
    units: int
    closed_windows: int
    decisions: int
    reward_per_unit: float
    reward_per_decision: float


@dataclass(frozen=True, eq=False)
class Study:
    """The analysis of an experiment; `croupier.reports` renders it.

    Attributes:
        timeline: Its start, weights over time and end.
        variants: A summary of every variant.
        events: Its decisions.
        windows: One closed window per unit.
        looks: Times of the looks, in seconds, shape (looks,).
        contrasts: Every candidate against the champion, and the champion against the hold-out.
        sample_ratio: Sequential test for sample-ratio mismatch, unit by unit in order of assignment.
        assigned_at: Time of each unit's first assignment, in seconds, shape (units,).
        shadows: Decisions of each shadow.
        offline: Off-policy evaluation of the shadows; None if there are none, or no reward.
        level: Confidence level; the intervals of all candidates hold simultaneously.
    """

    timeline: Timeline
    variants: Sequence[VariantSummary]
    events: Events
    windows: ClosedWindows
    looks: Vector
    contrasts: Sequence[Contrast]
    sample_ratio: SampleRatioTest
    assigned_at: Vector
    shadows: Mapping[str, ShadowDecisions]
    offline: Evaluation | None
    level: float

    def contrast(self, variant: str) -> Contrast:
        """A candidate against the champion, or the champion against the hold-out. Raises InputError."""
        found = {one.treatment: one for one in self.contrasts}
        if not isinstance(variant, str) or variant not in found:
            raise InputError(f"there is no contrast of {shown(variant)}; there are {', '.join(map(repr, found))}")
        return found[variant]

    @property
    def mismatch_at(self) -> float | None:
        """Time at which a sample-ratio mismatch was first detected (p ≤ .01); None if none was."""
        alarm = self.sample_ratio.alarm()
        return None if alarm is None else float(self.assigned_at[alarm - 1])

    @property
    def mismatch_p(self) -> float:
        """The anytime-valid p-value of the sample-ratio test at the last unit; 1 before the first."""
        return float(self.sample_ratio.p[-1]) if len(self.sample_ratio.p) else 1.0


def summarize_variants(
    timeline: Timeline, policies: Mapping[str, str], windows: ClosedWindows, sample_ratio: SampleRatioTest
) -> list[VariantSummary]:
    """A row for every variant."""
    found = []
    for k, name in enumerate(timeline.variants):
        own = windows.variant == k
        n, decisions, total = int(own.sum()), int(windows.decisions[own].sum()), float(windows.rewards[own].sum())
        means = (total / n, total / decisions) if n else (np.nan, np.nan)
        share = timeline.entries[-1].shares.get(name, 0.0)
        units = int(sample_ratio.observed[k])
        found.append(VariantSummary(name, policies.get(name, ""), share, units, n, decisions, *means))
    return found
