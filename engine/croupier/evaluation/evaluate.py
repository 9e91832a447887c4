"""Off-policy evaluation of target policies from a store."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.arguments import CHECKS
from croupier.evaluation.estimators.base import Estimator
from croupier.evaluation.estimators.basic import find_estimators
from croupier.evaluation.evidence.history import EvaluationHistory
from croupier.evaluation.evidence.tally import Tally
from croupier.evaluation.evidence.verdict import RULES, Cause, Refusal, Rules, Verdict, judge, unseen_weights
from croupier.evaluation.intervals import DEFAULT_INTERVALS, LogBounds, checked_level, interval_factories
from croupier.evaluation.passes.recorder import record_decisions
from croupier.evaluation.passes.resolve import TargetSpec, resolve
from croupier.evaluation.passes.rows import Counts, Progress, Rows, growing_chunks
from croupier.evaluation.passes.source import Source, open_source
from croupier.evaluation.passes.targets import Target
from croupier.evaluation.results import Estimate, Evaluation, TargetEvaluation
from croupier.log.arguments import checking
from croupier_policies import Learner, Policy


@checking(CHECKS)
def evaluate(
    url: str,
    targets: Sequence[TargetSpec],
    *,
    estimators: Sequence[str] = ("ips", "snips", "dr"),
    intervals: Sequence[str] = DEFAULT_INTERVALS,
    level: float = 0.95,
    rules: Rules = RULES,
    in_sample: bool = False,
    segment: str | None = None,
    policy: Policy | None = None,
    learner: Learner | None = None,
    policies: Collection[Policy] = (),
    progress: Progress | None = None,
) -> Evaluation:
    """Estimate the value of target policies from logged propensities.

    The store is read once for all targets, in batches. Decisions without a reward are left out and counted.

    Args:
        url: The store; it is read only.
        targets: `logged`, `uniform`, `constant:ACTION`, `snapshot:POSITION`, `snapshot:latest`, `policy:NAME` or
            `policy:NAME:{"json": "arguments"}`; a `Policy`, which starts untrained and learns along the log; a function
            (context, actions) -> probabilities; or a `Target`.
        estimators: Any of `ips`, `snips`, `dm`, `dr`, `sndr`, `aw-dr`, and, with a limit or with `slope` to select
            it from the data, `ips-clip:10`, `dr-clip:10`, `switch-dr:10`, `dr-os:100`.
        intervals: Any of `normal`, `bootstrap`, `bernstein`, `likelihood`, `cressie-read`, `betting-sequence`,
            `bernstein-sequence`, `stitched-sequence`; each is computed for the estimators that it applies to.
        level: The confidence level of the intervals.
        rules: The thresholds of the verdicts.
        in_sample: Also use rows whose rewards a snapshot has learned; its estimates are then biased upwards, which a
            note states.
        segment: A feature of the context; the estimates are also computed for each of its values.
        policy: The store's policy, where it is not one of Croupier's own.
        learner: The reward model for q̂; by default the store's, or a `RiverLearner` where the store has none.
        policies: The policies of experiment variants in the log that are not Croupier's own.
        progress: Called with (position, head) every 256 decisions.

    Returns:
        The estimates with intervals, diagnostics and verdicts.

    Raises:
        EvidenceError: The store is empty, a target does not exist, or no row can be used.
        InputError: An unknown estimator or interval, a level outside 0 to 1, or a target given twice.
        PolicyFailed: A target did not return a probability distribution.
        StoreError: The store cannot be read.

    >>> import tempfile
    >>> from croupier import Engine
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     url = f"sqlite:///{folder}/shop.db"
    ...     with Engine.open(url, seed=7, learner=None) as engine:
    ...         for n in range(40):
    ...             decision = engine.choose({"hour": n % 24}, ["sale", "new"])
    ...             _ = engine.reward(decision.id, float(decision.action == "new"))
    ...     evaluation = evaluate(url, ["logged", "constant:new"])
    >>> evaluation["logged"].estimates["ips"].value == evaluation.mean_reward
    True
    >>> evaluation["constant:new"].verdict.enough  # forty decisions are too few
    False
    """
    checked_level(level)
    chosen, kinds = find_estimators(estimators), interval_factories(intervals)
    with open_source(url, policy, learner, policies) as source:
        resolved = resolve_targets(targets, source)
        bounds = LogBounds(*source.configuration.reward_range)
        accumulator = Accumulator([Tally(chosen, kinds, bounds) for _ in resolved], level)
        counts = record_decisions(source, resolved, accumulator.add, progress, in_sample, segment)
    labelled = [(target.label, target.notes(), target.learned_upto) for target in resolved]
    return build_evaluation(accumulator, labelled, counts, level, rules, in_sample)


class Accumulator:
    """Accumulates a log: a tally and a history for each target, and the rewards of the logging policy.

    Attributes:
        targets: The tally and the history of each target.
        total: Σ c·r, c the subsampling weights.
        rows: Σ c.
        subsampled: Whether any row has a subsampling weight.
    """

    def __init__(self, tallies: Sequence[Tally], level: float = 0.95) -> None:
        self.targets = [(tally, EvaluationHistory(tally, level)) for tally in tallies]
        self.total, self.rows, self.subsampled = 0.0, 0.0, False
        self._seen = 0

    def add(self, rows: Rows) -> None:
        """Add a batch."""
        for chunk in growing_chunks(rows, self._seen):
            self._add(chunk)
            self._seen += len(chunk)

    def _add(self, rows: Rows) -> None:
        subsampling, self.subsampled = rows.subsampling, self.subsampled or rows.subsampling is not None
        self.total += float(rows.reward.sum() if subsampling is None else rows.reward @ subsampling)
        self.rows += len(rows) if subsampling is None else float(subsampling.sum())
        for k, (tally, history) in enumerate(self.targets):
            tally.add(rows.estimator_inputs(k), rows.outside[k], rows.max_weight[k], rows.squares_for(k))
            history.add(rows, k)

    def __add__(self, later: Accumulator) -> Accumulator:
        for (_, history), (_, other) in zip(self.targets, later.targets, strict=True):
            history.merge(other)
        self.total, self.rows = self.total + later.total, self.rows + later.rows
        self.subsampled = self.subsampled or later.subsampled
        return self


def resolve_targets(targets: Sequence[TargetSpec], source: Source) -> list[Target]:
    """The targets of these specifications. Raises InputError where there is none, or one is given twice."""
    resolved = [resolve(target, source) for target in targets]
    labels = [target.label for target in resolved]
    if not labels or len(set(labels)) != len(labels):
        raise InputError(f"give at least one target, and every target only once, not {labels}")
    return resolved


def build_evaluation(
    accumulator: Accumulator,
    targets: Sequence[tuple[str, list[str], int]],
    counts: Counts,
    level: float,
    rules: Rules,
    in_sample: bool = False,
) -> Evaluation:
    """Estimates and verdicts from an accumulator; `targets` gives the label, notes and `learned_upto` of each."""
    evaluated = []
    for (tally, history), (label, notes, learned_upto) in zip(accumulator.targets, targets, strict=True):
        if in_sample and learned_upto and counts.in_sample:
            notes = [*notes, f"it has learned from the rewards of {counts.in_sample:,} of these rows: biased upwards"]
        verdict = judge(tally.diagnostics, rules, tally.bounds.max_weight).with_refusal(_propensity_mismatch(counts))
        verdict = verdict.with_refusal(_invalid_rows(counts, rules))
        estimates = {each.name: build_estimate(tally, each, level, verdict, rules) for each in tally.estimators}
        evaluated.append(TargetEvaluation(label, estimates, tally.diagnostics, verdict, tuple(notes), history))
    mean = accumulator.total / accumulator.rows if accumulator.rows else math.nan
    return Evaluation(counts, mean, tuple(evaluated))


def build_estimate(
    tally: Tally, estimator: Estimator, level: float, verdict: Verdict, rules: Rules = RULES
) -> Estimate:
    """Value, intervals and verdict of one estimator; `verdict` is the verdict on its target."""
    value, error = estimator.estimate(tally.moments[estimator.name])
    own = verdict.with_refusal(_not_finite(value, error))
    if estimator.unnormalised:
        own = own.with_refusal(unseen_weights(tally.diagnostics, rules, tally.bounds.max_weight))
    return Estimate(estimator.name, value, error, tally.intervals(estimator, level), own)


def _propensity_mismatch(counts: Counts) -> Refusal | None:
    if not counts.propensity_mismatches:
        return None
    return Refusal(
        Cause.PROPENSITY_MISMATCH,
        f"{counts.propensity_mismatches:,} logged propensities differ from those of the logging policy",
        "verify the store: its log, its configuration or its policy has changed",
    )


def _invalid_rows(counts: Counts, rules: Rules) -> Refusal | None:
    """A refusal where so many rows were left out that the others may not stand for the log; never for a single row."""
    if counts.invalid < 2 or counts.invalid <= rules.invalid * counts.decisions:
        return None
    return Refusal(
        Cause.INVALID_ROWS,
        f"{counts.invalid:,} of {counts.decisions:,} rows are invalid and were left out",
        "correct them: the notes name the first of each kind",
    )


def _not_finite(value: float, error: float) -> Refusal | None:
    if np.isfinite(value) and np.isfinite(error):
        return None
    remedy = "more rows, or another reward model if this one has diverged"
    return Refusal(Cause.NOT_FINITE, "the estimate is not a finite number", remedy)
