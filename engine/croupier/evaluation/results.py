"""The results of evaluations and comparisons: data, rendered by `croupier.reports`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import nan
from typing import NamedTuple

from croupier.evaluation.evidence.curve import Course
from croupier.evaluation.evidence.diagnostics import Diagnostics
from croupier.evaluation.evidence.history import Story
from croupier.evaluation.evidence.verdict import Verdict
from croupier.evaluation.intervals import Interval
from croupier.evaluation.passes.rows import Counts
from croupier.evaluation.passes.status import told as statuses


class Estimate(NamedTuple):
    """What one estimator says of one target, in units of reward. Not to be used where the verdict refuses it.

    Attributes:
        estimator: Its name.
        value: V̂.
        error: Its standard error.
        intervals: By kind, in the order asked for; those that apply to the estimator.
        verdict: Whether the evidence is enough.
    """

    estimator: str
    value: float
    error: float
    intervals: dict[str, Interval]
    verdict: Verdict

    @property
    def interval(self) -> Interval:
        """The first of its intervals; one without ends where none of the kinds asked for applies."""
        return next(iter(self.intervals.values()), Interval(nan, nan, nan, "no interval of the kinds asked for"))


@dataclass(frozen=True, eq=False)
class Evaluated:
    """One target: its estimates by estimator, what they rest on, whether that is enough, and how it came about."""

    label: str
    estimates: dict[str, Estimate]
    diagnostics: Diagnostics
    verdict: Verdict
    notes: tuple[str, ...]
    story: Story


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `evaluate` found; `croupier.reports` renders it.

    Attributes:
        counts: The decisions of the log, and which of them were evaluated on.
        mean_reward: What the logging policy earned on those rows.
        targets: In the order in which they were asked for.
        notes: Remarks on the log as a whole.
    """

    counts: Counts
    mean_reward: float
    targets: tuple[Evaluated, ...]
    notes: tuple[str, ...] = ()

    def with_notes(self, notes: Iterable[str]) -> Evaluation:
        """The same with remarks on the log as a whole."""
        return replace(self, notes=tuple(notes))

    def __getitem__(self, label: str) -> Evaluated:
        """The target of this label. Raises KeyError."""
        found = {target.label: target for target in self.targets}
        return found[label]


class Difference(NamedTuple):
    """What `first` would have earned over `second` on the same rows, in units of reward per decision.

    Attributes:
        first: One target.
        second: The other.
        value: V̂₁ − V̂₂.
        error: Its standard error.
        interval: Of the difference, for one look; it holds together with those of the other pairs.
        sequence: Of the difference, for every look, likewise; None where the log leaves none.
        effective_rows: On how many rows the two differ: the lesser of the seen and the expected.
        verdict: Whether the evidence is enough.
        course: How the difference came about.
    """

    first: str
    second: str
    value: float
    error: float
    interval: Interval
    sequence: Interval | None
    effective_rows: float
    verdict: Verdict
    course: Course

    @property
    def ahead(self) -> str | None:
        """Whichever of the two the evidence puts ahead, at this one look; None where it does not say."""
        return self._ahead(self.interval)

    @property
    def ahead_any_time(self) -> str | None:
        """Whichever of the two is ahead for one who has been watching; None where the evidence does not say."""
        return self._ahead(self.sequence)

    def _ahead(self, interval: Interval | None) -> str | None:
        if interval is None or not self.verdict.enough or interval.low <= 0.0 <= interval.high:
            return None
        return self.first if interval.low > 0.0 else self.second


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found; `croupier.reports` renders it.

    Attributes:
        evaluation: Of every target, by the estimator that the differences use.
        estimator: Its name.
        differences: One for each pair of targets; their intervals hold together, at the level.
        leader: The highest estimate among those not refused; None where all are.
        carried: Whether the evidence puts the leader ahead of every other target, at one look.
        carried_any_time: Whether it also does for one who looks again and again, and stops when they like.
        reason: Why it does, or what stands against it.
    """

    evaluation: Evaluation
    estimator: str
    differences: tuple[Difference, ...]
    leader: str | None
    carried: bool
    carried_any_time: bool
    reason: str


def remarks(evaluation: Evaluation) -> list[str]:
    """What a reader must know of the log as a whole."""
    return [*left_out(evaluation.counts), *evaluation.notes]


def left_out(counts: Counts) -> list[str]:
    """What a reader must know of decisions that were not evaluated on."""
    lines = statuses(counts.statuses, counts.decisions)
    if counts.seen and counts.rows + counts.unrewarded + counts.seen == counts.decisions:
        lines.append(f"{counts.seen:,} rows are left out for all targets: a snapshot had learned from their rewards")
    return lines
