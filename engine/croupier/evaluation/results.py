"""The results of evaluations and comparisons: data, rendered by `croupier.reports`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import nan
from typing import NamedTuple

from croupier.errors import InputError
from croupier.evaluation.evidence.curve import EstimateCurve
from croupier.evaluation.evidence.diagnostics import Diagnostics
from croupier.evaluation.evidence.history import EvaluationHistory
from croupier.evaluation.evidence.verdict import Verdict
from croupier.evaluation.intervals import Interval
from croupier.evaluation.passes.rows import Counts
from croupier.evaluation.passes.status import status_notes
from croupier.log.identifiers import shown


class Estimate(NamedTuple):
    """The estimate of one target by one estimator, in units of reward; not to be used where the verdict refuses it.

    Attributes:
        estimator: The estimator's name.
        value: V̂.
        error: Its standard error.
        intervals: By kind, in the order requested; those that apply to the estimator.
        verdict: Whether the evidence is sufficient.
    """

    estimator: str
    value: float
    error: float
    intervals: dict[str, Interval]
    verdict: Verdict

    @property
    def interval(self) -> Interval:
        """The first of its intervals; one with NaN ends where none of the requested kinds applies."""
        return next(
            iter(self.intervals.values()), Interval(nan, nan, nan, "no requested interval applies to this estimator")
        )


@dataclass(frozen=True, eq=False)
class TargetEvaluation:
    """One target: its estimates by estimator, the diagnostics, the verdict, notes, and the history along the log."""

    label: str
    estimates: dict[str, Estimate]
    diagnostics: Diagnostics
    verdict: Verdict
    notes: tuple[str, ...]
    history: EvaluationHistory


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of `evaluate`; `croupier.reports` renders it.

    Attributes:
        counts: The number of decisions in the log, and how many of them were used.
        mean_reward: The mean reward of the logging policy on the rows used.
        targets: In the order in which they were given.
        notes: Notes on the log as a whole.
    """

    counts: Counts
    mean_reward: float
    targets: tuple[TargetEvaluation, ...]
    notes: tuple[str, ...] = ()

    def with_notes(self, notes: Iterable[str]) -> Evaluation:
        """A copy with these notes on the log as a whole."""
        return replace(self, notes=tuple(notes))

    def __getitem__(self, label: str) -> TargetEvaluation:
        """The target of this label. Raises InputError where there is none."""
        found = {target.label: target for target in self.targets}
        if not isinstance(label, str) or label not in found:
            raise InputError(f"there is no target {shown(label)}; there are {', '.join(map(repr, found))}")
        return found[label]


class Difference(NamedTuple):
    """The difference between the values of two targets on the same rows, in units of reward per decision.

    Attributes:
        first: The label of one target.
        second: The label of the other.
        value: V̂₁ − V̂₂.
        error: Its standard error.
        interval: The fixed-sample confidence interval of the difference, simultaneous over all pairs.
        sequence: The anytime-valid confidence sequence of the difference, simultaneous over all pairs; None where the
            log does not permit one.
        effective_sample_size: Of the rows on which the two differ; the smaller of the observed and the expected one.
        verdict: Whether the evidence is sufficient.
        curve: The difference along the log.
    """

    first: str
    second: str
    value: float
    error: float
    interval: Interval
    sequence: Interval | None
    effective_sample_size: float
    verdict: Verdict
    curve: EstimateCurve

    @property
    def better(self) -> str | None:
        """The target that is significantly better by the fixed-sample interval; None where neither is."""
        return self._better(self.interval)

    @property
    def better_anytime(self) -> str | None:
        """The target that is significantly better by the confidence sequence; None where neither is."""
        return self._better(self.sequence)

    def _better(self, interval: Interval | None) -> str | None:
        if interval is None or not self.verdict.enough or interval.low <= 0.0 <= interval.high:
            return None
        return self.first if interval.low > 0.0 else self.second


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of `compare`; `croupier.reports` renders it.

    Attributes:
        evaluation: The evaluation of every target by the estimator of the differences.
        estimator: The estimator's name.
        differences: One for each pair of targets; their intervals hold simultaneously.
        leader: The target with the highest estimate among those not refused; None where all are refused.
        significant: Whether the leader is significantly better than every other target by the fixed-sample intervals.
        significant_anytime: Whether it is so by the confidence sequences, which permit optional stopping.
        reason: Why the leader is significantly better, or why not.
    """

    evaluation: Evaluation
    estimator: str
    differences: tuple[Difference, ...]
    leader: str | None
    significant: bool
    significant_anytime: bool
    reason: str


def log_notes(evaluation: Evaluation) -> list[str]:
    """Notes on the log as a whole: decisions that were left out, then the notes of the evaluation."""
    return [*exclusion_notes(evaluation.counts), *evaluation.notes]


def exclusion_notes(counts: Counts) -> list[str]:
    """A note for each kind of decision that was left out, or whose reward needs a remark."""
    lines = status_notes(counts.statuses, counts.decisions)
    if counts.in_sample and counts.rows + counts.unrewarded + counts.in_sample == counts.decisions:
        lines.append(
            f"{counts.in_sample:,} rows are left out for all targets, because a snapshot had learned from their rewards"
        )
    return lines
