"""What target policies would have earned, from a store."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.estimators.base import Estimator
from croupier.evaluation.estimators.basic import named
from croupier.evaluation.evidence.accumulator import Tally
from croupier.evaluation.evidence.history import Story
from croupier.evaluation.evidence.verdict import RULES, Cause, Refusal, Rules, Verdict, judge, unseen
from croupier.evaluation.intervals import DEFAULT, Setting, checked_level, methods
from croupier.evaluation.passes.recorder import observe
from croupier.evaluation.passes.resolve import Spec, resolve
from croupier.evaluation.passes.rows import Counts, Progress, Rows, pieces
from croupier.evaluation.passes.source import Source, opened
from croupier.evaluation.passes.targets import Target
from croupier.evaluation.results import Estimate, Evaluated, Evaluation
from croupier_policies import Learner, Policy


def evaluate(
    url: str,
    targets: Sequence[Spec],
    *,
    estimators: Sequence[str] = ("ips", "snips", "dr"),
    intervals: Sequence[str] = DEFAULT,
    level: float = 0.95,
    rules: Rules = RULES,
    in_sample: bool = False,
    segment: str | None = None,
    policy: Policy | None = None,
    learner: Learner | None = None,
    policies: Collection[Policy] = (),
    progress: Progress | None = None,
) -> Evaluation:
    """Estimate, from logged propensities, what target policies would have earned.

    The store is read once, for all targets together, and no more than a batch of it is held. Decisions without a reward
    are left out and counted.

    Args:
        url: The store; it is read only.
        targets: `logged`, `uniform`, `constant:ACTION`, `snapshot:POSITION`, `snapshot:latest`, `policy:NAME` or
            `policy:NAME:{"json": "arguments"}`; a `Policy`, which starts untaught and learns along the log; a function
            (context, actions) -> probabilities; or a `Target`.
        estimators: Of `ips`, `snips`, `dm`, `dr`, `sndr`, `aw-dr`, and with a limit, or `slope` to choose it,
            `ips-clip:10`, `dr-clip:10`, `switch-dr:10`, `dr-os:100`.
        intervals: Of `normal`, `bootstrap`, `bernstein`, `likelihood`, `cressie-read`, `betting-sequence`,
            `bernstein-sequence`, `stitched-sequence`; each is given for the estimators that it applies to.
        level: Of the intervals.
        rules: When the evidence is enough.
        in_sample: Also use rows from which a snapshot has learned; its estimates are then too good, and a note says so.
        segment: A feature of the context: the estimates are also given for each of its values.
        policy: The store's policy, where it is none of Croupier's own.
        learner: The reward model for q̂; by default the store's, or a `RiverLearner` where the store has none.
        policies: Of variants of experiments in the log, where they are none of Croupier's own.
        progress: Called with (position, head) now and then.

    Returns:
        The estimates with intervals, diagnostics and verdicts.

    Raises:
        EvidenceError: The store is empty, a target is not there, or nothing is left to evaluate on.
        InputError: An unknown estimator or interval, a level outside 0 to 1, or a target given twice.
        PolicyFailed: A target gave no distribution.
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
    >>> evaluation["constant:new"].verdict.enough  # forty decisions are not much to go by
    False
    """
    checked_level(level)
    asked, kinds = named(estimators), methods(intervals)
    with opened(url, policy, learner, policies) as source:
        resolved = distinct(targets, source)
        setting = Setting(*source.configuration.reward_range)
        gathered = Gathered([Tally(asked, kinds, setting) for _ in resolved], level)
        counts = observe(source, resolved, gathered.add, progress, in_sample, segment)
    labelled = [(target.label, target.notes(), target.learned_upto) for target in resolved]
    return judged(gathered, labelled, counts, level, rules, in_sample)


class Gathered:
    """A tally and a story for each target, and what the logging policy earned.

    Attributes:
        total: Σ r.
        rows: How many; where others were dropped, how many they stand for.
        copied: Whether any stands for several.
    """

    def __init__(self, tallies: Sequence[Tally], level: float = 0.95) -> None:
        self.parts = [(tally, Story(tally, level)) for tally in tallies]
        self.total, self.rows, self.copied = 0.0, 0.0, False
        self._seen = 0

    def add(self, rows: Rows) -> None:
        """Take in a batch."""
        for piece in pieces(rows, self._seen):
            self._add(piece)
            self._seen += len(piece)

    def _add(self, rows: Rows) -> None:
        copies, self.copied = rows.copies, self.copied or rows.copies is not None
        self.total += float(rows.reward.sum() if copies is None else rows.reward @ copies)
        self.rows += len(rows) if copies is None else float(copies.sum())
        for k, (tally, story) in enumerate(self.parts):
            tally.add(rows.columns(k), rows.outside[k], rows.weight[k], rows.expected(k))
            story.add(rows, k)

    def __add__(self, later: Gathered) -> Gathered:
        for (_, story), (_, other) in zip(self.parts, later.parts, strict=True):
            story.join(other)
        self.total, self.rows = self.total + later.total, self.rows + later.rows
        self.copied = self.copied or later.copied
        return self


def distinct(targets: Sequence[Spec], source: Source) -> list[Target]:
    """The targets of these specifications. Raises InputError where there are none, or one twice."""
    resolved = [resolve(target, source) for target in targets]
    labels = [target.label for target in resolved]
    if not labels or len(set(labels)) != len(labels):
        raise InputError(f"give at least one target, and each under its own label, not {labels}")
    return resolved


def judged(
    gathered: Gathered,
    targets: Sequence[tuple[str, list[str], int]],
    counts: Counts,
    level: float,
    rules: Rules,
    in_sample: bool = False,
) -> Evaluation:
    """Estimates and verdicts from what was gathered of targets: label, notes and how far each had learned."""
    evaluated = []
    for (tally, story), (label, notes, learned_upto) in zip(gathered.parts, targets, strict=True):
        if in_sample and learned_upto and counts.seen:
            notes = [*notes, f"it has learned from the rewards of {counts.seen:,} of these rows: too good to be true"]
        verdict = judge(tally.diagnostics, rules, tally.setting.weight).with_refusal(_unexplained(counts))
        estimates = {each.name: estimated(tally, each, level, verdict, rules) for each in tally.estimators}
        evaluated.append(Evaluated(label, estimates, tally.diagnostics, verdict, tuple(notes), story))
    mean = gathered.total / gathered.rows if gathered.rows else math.nan
    return Evaluation(counts, mean, tuple(evaluated))


def estimated(tally: Tally, estimator: Estimator, level: float, verdict: Verdict, rules: Rules = RULES) -> Estimate:
    """Value, intervals and verdict of one estimator; `verdict` is that of its target."""
    value, error = estimator.estimate(tally.moments[estimator.name])
    own = verdict.with_refusal(_not_finite(value, error))
    if estimator.unnormalised:
        own = own.with_refusal(unseen(tally.diagnostics, rules, tally.setting.weight))
    return Estimate(estimator.name, value, error, tally.intervals(estimator, level), own)


def _unexplained(counts: Counts) -> Refusal | None:
    if not counts.unexplained:
        return None
    return Refusal(
        Cause.UNEXPLAINED,
        f"{counts.unexplained:,} logged propensities are not those of the logging policy",
        "verify the store: its log, its configuration or its policy was changed",
    )


def _not_finite(value: float, error: float) -> Refusal | None:
    if np.isfinite(value) and np.isfinite(error):
        return None
    remedy = "more rows, or another reward model where this one has diverged"
    return Refusal(Cause.NOT_FINITE, "it is not a finite number", remedy)
