"""What target policies would have earned, from a store."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.base import Estimator
from croupier.evaluation.estimators import named
from croupier.evaluation.intervals import checked_level, normal_fixed_sample
from croupier.evaluation.log import Counts, Progress, Rows, observe
from croupier.evaluation.moments import Moments
from croupier.evaluation.results import Estimate, Evaluated, Evaluation
from croupier.evaluation.source import Source, opened
from croupier.evaluation.targets import Target, resolve
from croupier.evaluation.verdict import RULES, Cause, Refusal, Rules, judge
from croupier_policies import Learner, Policy


def evaluate(
    url: str,
    targets: Sequence[str | Policy | Target],
    *,
    estimators: Sequence[str] = ("ips", "snips", "dr"),
    level: float = 0.95,
    rules: Rules = RULES,
    in_sample: bool = False,
    policy: Policy | None = None,
    learner: Learner | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Estimate, from logged propensities, what target policies would have earned.

    The store is read once, for all targets together. Decisions without a reward are left out and counted.

    Args:
        url: The store; it is read only.
        targets: `logged`, `uniform`, `constant:ACTION`, `snapshot:POSITION`, `snapshot:latest`, `policy:NAME` or
            `policy:NAME:{"json": "arguments"}`; a `Policy`, which starts untaught and learns along the log; or a
            `Target`.
        estimators: Of `ips`, `snips`, `dm`, `dr`, `sndr`.
        level: Of the intervals.
        rules: When the evidence is enough.
        in_sample: Also use rows from which a snapshot has learned; its estimates are then too good, and a note says so.
        policy: The store's policy, where it is none of Croupier's own.
        learner: The reward model for q̂; by default the store's, or a `RiverLearner` where the store has none.
        progress: Called with (position, head) now and then.

    Returns:
        The estimates with intervals, diagnostics and verdicts.

    Raises:
        EvidenceError: The store is empty, a target is not there, or nothing is left to evaluate on.
        InputError: An unknown estimator, a level outside 0 to 1, or a target given twice.
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
    asked = named(estimators)
    with opened(url, policy, learner) as source:
        resolved = distinct(targets, source)
        rows = observe(source, resolved, progress, in_sample)
    return judged(rows, resolved, asked, level, rules, in_sample)


def distinct(targets: Sequence[str | Policy | Target], source: Source) -> list[Target]:
    """The targets of these specifications. Raises InputError where there are none, or one twice."""
    resolved = [resolve(target, source) for target in targets]
    labels = [target.label for target in resolved]
    if not labels or len(set(labels)) != len(labels):
        raise InputError(f"give at least one target, and each under its own label, not {labels}")
    return resolved


def judged(
    rows: Rows, targets: Sequence[Target], estimators: Sequence[Estimator], level: float, rules: Rules, in_sample: bool
) -> Evaluation:
    """Estimates and verdicts from the columns of a log."""
    evaluated = tuple(
        _evaluated(rows, k, target, estimators, level, rules, in_sample) for k, target in enumerate(targets)
    )
    mean = float(rows.reward.sum() / len(rows.reward)) if len(rows.reward) else math.nan
    return Evaluation(rows.counts, mean, evaluated)


def _evaluated(
    rows: Rows, k: int, target: Target, estimators: Sequence[Estimator], level: float, rules: Rules, in_sample: bool
) -> Evaluated:
    diagnostics, columns = rows.diagnostics(k), rows.columns(k)
    notes = target.notes()
    if in_sample and target.learned_upto and rows.counts.seen:
        notes.append(
            f"it has learned from the rewards of {rows.counts.seen:,} of these rows: its estimates are too good"
        )
    verdict = judge(diagnostics, rules).with_refusal(_unexplained(rows.counts))
    estimates = {}
    for estimator in estimators:
        value, error = estimator.estimate(Moments.of(estimator.terms(columns)))
        interval = normal_fixed_sample(value, error, level)
        if estimator.model_only:
            interval = interval._replace(guarantee=f"{interval.guarantee}, without the model's bias")
        own = verdict.with_refusal(_not_finite(value, error))
        estimates[estimator.name] = Estimate(estimator.name, value, error, interval, own)
    return Evaluated(target.label, estimates, diagnostics, verdict, tuple(notes))


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
