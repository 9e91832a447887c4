"""Off-policy evaluation and comparison of target policies from a data set."""

from __future__ import annotations

from collections.abc import Sequence

from croupier.evaluation.arguments import CHECKS
from croupier.evaluation.compare import all_pairs, build_comparison, comparison_estimator, comparison_sink
from croupier.evaluation.datasets.base import Dataset
from croupier.evaluation.datasets.dataset_pass import DatasetPass, subsampled_estimators
from croupier.evaluation.datasets.partitions import check_actions, evaluate_partition, merge_partitions
from croupier.evaluation.evaluate import Accumulator, build_evaluation
from croupier.evaluation.evidence.tally import Tally
from croupier.evaluation.evidence.verdict import RULES, Rules
from croupier.evaluation.intervals import DEFAULT_INTERVALS, LogBounds, interval_factories, unavailable_with_subsampling
from croupier.evaluation.passes.resolve import TargetSpec
from croupier.evaluation.passes.rows import Progress
from croupier.evaluation.results import Comparison, Evaluation
from croupier.log.arguments import checking
from croupier_policies import Learner


@checking(CHECKS)
def evaluate_dataset(
    dataset: Dataset,
    targets: Sequence[TargetSpec],
    *,
    estimators: Sequence[str] = ("ips", "snips"),
    intervals: Sequence[str] = DEFAULT_INTERVALS,
    level: float = 0.95,
    rules: Rules = RULES,
    reward_range: tuple[float, float] = (0.0, 1.0),
    floor: float | None = None,
    segment: str | None = None,
    learner: Learner | None = None,
    progress: Progress | None = None,
    strict: bool = False,
) -> Evaluation:
    """Estimate the value of target policies from logged columns.

    Args:
        dataset: The log.
        targets: `logged`; `uniform`, where the number of candidates is known; `constant:ACTION`; `column:P`, with
            the target's probability of the logged action in column P; `column:P:V`, with v̂ in column V as well. Where
            the log has contexts and candidates also `policy:NAME`, a `Policy`, a function or a `Target`.
        estimators: As for `evaluate`; those with a reward model need contexts and candidates, along which it learns,
            or `column:P:V` targets and q̂ in a column `q`.
        intervals: As for `evaluate`.
        level: The level of the intervals.
        rules: The thresholds of the verdicts.
        reward_range: The bounds of rewards.
        floor: The least propensity of any candidate; None where none was declared.
        segment: A column, or a feature of the context, by whose values the estimates are also segmented.
        learner: The reward model for q̂; by default a `RiverLearner`.
        progress: Called with (rows read, number of rows or 0) after each batch.
        strict: Refuse a log with any invalid row. By default these are left out and counted by reason in the notes, and
            more than `rules.invalid` of them refuse every estimate.

    Raises:
        EvidenceError: The log is invalid, lacks a column, or has no usable row.
        InputError: An unknown estimator, interval or target.
        PolicyFailed: A target did not return a probability distribution.

    >>> from croupier.evaluation.datasets import from_frame
    >>> log = from_frame({"reward": [1.0, 0.0] * 200, "propensity": [0.5] * 400, "action": ["a", "b"] * 200})
    >>> evaluate_dataset(log, ["constant:a"])["constant:a"].estimates["snips"].value
    1.0
    """
    part = evaluate_partition(
        dataset,
        targets,
        estimators=estimators,
        intervals=intervals,
        level=level,
        reward_range=reward_range,
        floor=floor,
        segment=segment,
        learner=learner,
        progress=progress,
        strict=strict,
    )
    return merge_partitions([part], rules=rules)


@checking(CHECKS)
def compare_dataset(
    dataset: Dataset,
    targets: Sequence[TargetSpec],
    *,
    estimator: str = "dr",
    level: float = 0.95,
    rules: Rules = RULES,
    reward_range: tuple[float, float] = (0.0, 1.0),
    floor: float | None = None,
    segment: str | None = None,
    learner: Learner | None = None,
    progress: Progress | None = None,
    strict: bool = False,
) -> Comparison:
    """Estimate differences between target policies from logged columns, as `compare` does from a store.

    Args:
        dataset: The log.
        targets: Two or more, as for `evaluate_dataset`.
        estimator: The estimator of the differences; `dr` needs contexts and candidates, or q̂ and v̂ in columns.
        level: The simultaneous level of all intervals.
        rules: The thresholds of the verdicts; for a pair, the weights are |w₁ − w₂|.
        reward_range: The bounds of rewards.
        floor: The least propensity of any candidate; None where none was declared.
        segment: As for `evaluate_dataset`; the differences are those of the whole log.
        learner: The reward model for q̂; by default a `RiverLearner`.
        progress: Called with (rows read, number of rows or 0) after each batch.
        strict: Refuse a log with any invalid row. By default these are left out and counted by reason in the notes, and
            more than `rules.invalid` of them refuse every estimate.

    Raises:
        EvidenceError, InputError, PolicyFailed: As for `evaluate_dataset`; InputError also for a single target, or an
            estimator that uses only the reward model.

    >>> from croupier.evaluation.datasets import from_frame
    >>> columns = {"reward": [1, 0, 1, 0, 1, 1, 0, 0] * 250, "propensity": [0.5] * 2000, "action": ["a", "b"] * 1000}
    >>> found = compare_dataset(from_frame(columns), ["constant:a", "constant:b"], estimator="snips", floor=0.5)
    >>> found.differences[0].better
    'constant:a'
    """
    requested, bounds = comparison_estimator(estimator, len(targets), level), LogBounds(*reward_range)
    (estimators_used,) = subsampled_estimators(dataset, [requested])
    pairs = all_pairs(estimators_used, len(targets), bounds, level)
    both = [(pair.first, pair.second) for pair in pairs]
    log_pass = DatasetPass(dataset, targets, [requested], bounds, floor, segment, learner, both, strict)
    accumulator = Accumulator(
        [Tally([estimators_used], interval_factories(["normal"]), bounds) for _ in log_pass.labels], level
    )
    counts = log_pass.run(comparison_sink(accumulator, pairs), progress)
    target_notes = [(label, log_pass.target_notes(k), 0) for k, label in enumerate(log_pass.labels)]
    evaluation = build_evaluation(accumulator, target_notes, counts, level, rules)
    check_actions(evaluation, log_pass.actions)
    evaluation = evaluation.with_notes(
        [*log_pass.notes(), *unavailable_with_subsampling(["betting-sequence"], accumulator.subsampled)]
    )
    return build_comparison(pairs, evaluation, estimators_used, level, rules)
