"""Evaluation of a log by several processes: each reads one partition, and the results are merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.arguments import CHECKS
from croupier.evaluation.datasets.base import Dataset
from croupier.evaluation.datasets.dataset_pass import DatasetPass, subsampled_estimators
from croupier.evaluation.estimators.basic import find_estimators
from croupier.evaluation.evaluate import Accumulator, build_evaluation
from croupier.evaluation.evidence.tally import Tally
from croupier.evaluation.evidence.verdict import RULES, Rules
from croupier.evaluation.intervals import (
    DEFAULT_INTERVALS,
    LogBounds,
    checked_level,
    interval_factories,
    unavailable_with_subsampling,
)
from croupier.evaluation.passes.resolve import TargetSpec
from croupier.evaluation.passes.rows import Counts, Progress
from croupier.evaluation.results import Evaluation
from croupier.log.arguments import checking
from croupier_policies import Learner


@dataclass(frozen=True, eq=False)
class PartitionResult:
    """The sums over one partition of a log: some kilobytes, which can be pickled and sent.

    Attributes:
        accumulator: The sums of every target.
        counts: The number of decisions.
        targets: By target its label, the notes on it, and 0.
        notes: Notes on the partition as a whole.
        intervals: The requested kinds of interval.
        level: The level of the intervals.
        learned: The targets that learned along the partition, whose results cannot be merged.
        actions: Some of the actions of the partition.
    """

    accumulator: Accumulator
    counts: Counts
    targets: tuple[tuple[str, list[str], int], ...]
    notes: tuple[str, ...]
    intervals: tuple[str, ...]
    level: float
    learned: tuple[str, ...]
    actions: frozenset[str] = frozenset()


@checking(CHECKS)
def evaluate_partition(
    dataset: Dataset,
    targets: Sequence[TargetSpec],
    *,
    estimators: Sequence[str] = ("ips", "snips"),
    intervals: Sequence[str] = DEFAULT_INTERVALS,
    level: float = 0.95,
    reward_range: tuple[float, float] = (0.0, 1.0),
    floor: float | None = None,
    segment: str | None = None,
    learner: Learner | None = None,
    progress: Progress | None = None,
    partition: int = 0,
    strict: bool = False,
) -> PartitionResult:
    """Read one partition of a log, as `evaluate_dataset` reads a whole one.

    Args:
        dataset: The partition.
        targets: As for `evaluate_dataset`. All arguments but the last must be the same for every partition.
        estimators: The names of the estimators.
        intervals: The kinds of interval.
        level: The level of the intervals.
        reward_range: The bounds of rewards.
        floor: The least propensity of any candidate; None where none was declared.
        segment: A column, or a feature of the context, by whose values the estimates are also segmented.
        learner: The reward model for q̂; by default a `RiverLearner`. It starts untrained in every partition.
        progress: Called with (rows read, number of rows or 0) after each batch.
        partition: The number of this partition, which seeds the bootstrap.
        strict: Whether an invalid row is refused, instead of being left out and counted.

    Raises:
        EvidenceError, InputError, PolicyFailed: As for `evaluate_dataset`.

    >>> from croupier.evaluation.datasets import from_frame
    >>> rows = {"reward": [1.0, 0.0] * 200, "propensity": [0.5] * 400, "action": ["a", "b"] * 200}
    >>> results = [evaluate_partition(from_frame(rows), ["constant:a"], partition=k) for k in (0, 1)]
    >>> evaluation = merge_partitions(results)
    >>> evaluation.counts.rows, evaluation["constant:a"].estimates["snips"].value
    (800, 1.0)
    """
    checked_level(level)
    requested, bounds = find_estimators(estimators), LogBounds(*reward_range, partition=partition)
    log_pass = DatasetPass(dataset, targets, requested, bounds, floor, segment, learner, strict=strict)
    estimators_used, kinds = subsampled_estimators(dataset, requested), interval_factories(intervals)
    accumulator = Accumulator([Tally(estimators_used, kinds, bounds) for _ in log_pass.labels], level)
    counts = log_pass.run(accumulator.add, progress)
    target_notes = tuple((label, log_pass.target_notes(k), 0) for k, label in enumerate(log_pass.labels))
    return PartitionResult(
        accumulator,
        counts,
        target_notes,
        tuple(log_pass.notes()),
        tuple(intervals),
        level,
        log_pass.learned,
        frozenset(log_pass.actions),
    )


def merge_partitions(results: Sequence[PartitionResult], *, rules: Rules = RULES) -> Evaluation:
    """Merge the partitions of one log, given in the order of the log, into one evaluation.

    Estimates, standard errors, diagnostics and intervals are those of a single pass, up to rounding; but the bootstrap
    draws other counts, and the curve along the log has one point for each partition. The results are modified.

    Args:
        results: Those of `evaluate_partition`, all with the same arguments.
        rules: The thresholds of the verdicts.

    Raises:
        InputError: The arguments differ, a target learns along the log, or an interval cannot be merged.
    """
    first = results[0] if results else None
    if first is None or any(_arguments(each) != _arguments(first) for each in results):
        raise InputError("give at least one partition, all with the same targets, estimators, intervals and level")
    if len(results) > 1 and first.learned:
        raise InputError(
            f"{', '.join(first.learned)} learns along the log and would start untrained in every partition; "
            "evaluate it in one pass"
        )
    accumulator, counts = (
        reduce(add, (each.accumulator for each in results)),
        reduce(_add_counts, (each.counts for each in results)),
    )
    targets = [(label, _merged_notes(results, k), 0) for k, (label, *_) in enumerate(first.targets)]
    evaluation = build_evaluation(accumulator, targets, counts, first.level, rules)
    check_actions(evaluation, frozenset().union(*(each.actions for each in results)))
    notes = dict.fromkeys(note for each in results for note in each.notes)
    return evaluation.with_notes([*notes, *unavailable_with_subsampling(first.intervals, accumulator.subsampled)])


def check_actions(evaluation: Evaluation, actions: Collection[str]) -> None:
    """Raises EvidenceError where the action of a `constant:ACTION` target is in no row.

    Args:
        evaluation: Of the whole log.
        actions: Some of the actions of the log; empty where no target of columns names an action.
    """
    for target in evaluation.targets if actions else ():
        kind, _, action = target.label.partition(":")
        if kind == "constant" and not target.diagnostics.weights.total:
            some = ", ".join(map(repr, sorted(actions)[:20]))
            raise EvidenceError(f"no row has the action {action!r}, so the log has no evidence on it; there are {some}")


def _arguments(result: PartitionResult) -> tuple[object, ...]:
    estimators = [each.name for each in result.accumulator.targets[0][0].estimators]
    return [label for label, *_ in result.targets], estimators, result.intervals, result.level


def _merged_notes(results: Sequence[PartitionResult], k: int) -> list[str]:
    return list(dict.fromkeys(note for each in results for note in each.targets[k][1]))


def _add_counts(first: Counts, later: Counts) -> Counts:
    statuses = Counter(first.statuses) + Counter(later.statuses)
    sums = [one + other for one, other in zip(first[:5], later[:5], strict=True)]
    return Counts(sums[0], sums[1], sums[2], sums[3], sums[4], dict(statuses), first.invalid + later.invalid)
