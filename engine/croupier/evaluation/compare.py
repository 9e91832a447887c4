"""Which of several target policies would have earned most, on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.base import Estimated, Estimator, standard_error
from croupier.evaluation.diagnostics import Mass
from croupier.evaluation.estimators import named
from croupier.evaluation.evaluate import distinct, judged
from croupier.evaluation.intervals import checked_level, normal_fixed_sample
from croupier.evaluation.log import Progress, Rows, observe
from croupier.evaluation.moments import Moments
from croupier.evaluation.results import Comparison, Difference, Evaluation
from croupier.evaluation.source import opened
from croupier.evaluation.targets import Target
from croupier.evaluation.verdict import RULES, Cause, Refusal, Rules, Verdict
from croupier_policies import Learner, Policy


def compare(
    url: str,
    targets: Sequence[str | Policy | Target],
    *,
    estimator: str = "dr",
    level: float = 0.95,
    rules: Rules = RULES,
    in_sample: bool = False,
    policy: Policy | None = None,
    learner: Learner | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Estimate the differences between target policies on the same rows, and say whether one is ahead.

    Paired: what varies alike in both targets cancels, so a difference is often known far better than either value.
    Every pair is compared, because the leader is found by looking; the intervals of all m pairs hold together
    (Bonferroni).

    Args:
        url: The store; it is read only.
        targets: Two or more, as for `evaluate`.
        estimator: Of the differences.
        level: Of all intervals together.
        rules: When the evidence is enough; for a pair, the weights are |w₁ − w₂|.
        in_sample: Also use rows from which a snapshot has learned.
        policy: The store's policy, where it is none of Croupier's own.
        learner: The reward model for q̂; by default the store's, or a `RiverLearner` where the store has none.
        progress: Called with (position, head) now and then.

    Raises:
        EvidenceError, InputError, PolicyFailed, StoreError: As for `evaluate`; InputError also for a single
            target, or an estimator that rests on the reward model alone.

    >>> import tempfile
    >>> from croupier import Engine, UniformPolicy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     url = f"sqlite:///{folder}/shop.db"
    ...     with Engine.open(url, policy=UniformPolicy(), seed=7, learner=None) as engine:
    ...         for n in range(2000):
    ...             decision = engine.choose({}, ["sale", "new"])
    ...             _ = engine.reward(decision.id, float((n % 3 == 0) == (decision.action == "new")))
    ...     comparison = compare(url, ["constant:sale", "constant:new"], estimator="snips")
    >>> comparison.leader, comparison.carried
    ('constant:sale', True)
    """
    checked_level(level)
    (asked,) = named([estimator])
    if asked.model_only:
        raise InputError(
            f"differences by {estimator} rest on the reward model alone, which no log vouches for; take dr"
        )
    if len(targets) < 2:
        raise InputError(f"give at least two targets to compare, not {len(targets)}")
    with opened(url, policy, learner) as source:
        resolved = distinct(targets, source)
        rows = observe(source, resolved, progress, in_sample)
    evaluation = judged(rows, resolved, [asked], level, rules, in_sample)
    return compared(rows, evaluation, asked, level, rules)


def compared(rows: Rows, evaluation: Evaluation, estimator: Estimator, level: float, rules: Rules) -> Comparison:
    """Differences and leader from the columns of a log and the evaluation of its targets."""
    pairs = list(combinations(range(len(evaluation.targets)), 2))
    differences = tuple(_difference(rows, evaluation, estimator, pair, level, len(pairs), rules) for pair in pairs)
    values = {
        each.label: each.estimates[estimator.name].value
        for each in evaluation.targets
        if each.estimates[estimator.name].verdict.enough
    }
    leader = max(values, key=values.__getitem__) if values else None
    against = [_against(each, leader) for each in differences if leader in (each.first, each.second)]
    reasons = [reason for reason in against if reason]
    if leader is None:
        reasons = ["every target is refused"]
    reason = "; ".join(reasons) or "every difference to it is significant"
    return Comparison(evaluation, estimator.name, differences, leader, not reasons, reason)


def _difference(
    rows: Rows,
    evaluation: Evaluation,
    estimator: Estimator,
    pair: tuple[int, int],
    level: float,
    pairs: int,
    rules: Rules,
) -> Difference:
    first, second = (evaluation.targets[k] for k in pair)
    value, error = paired(estimator, Moments.of(np.hstack([estimator.terms(rows.columns(k)) for k in pair])))
    apart = np.abs(rows.w[pair[0]] - rows.w[pair[1]])
    effective = min(Mass.of(apart * rows.scaled).ess, Mass.of(apart * (1.0 - rows.scaled)).ess)
    refusals = [
        refusal._replace(reason=f"{each.label}: {refusal.reason}")
        for each in (first, second)
        for refusal in each.estimates[estimator.name].verdict.refusals
    ]
    verdict = Verdict(tuple(refusals)).with_refusal(_alike(effective, rules))
    interval = normal_fixed_sample(value, error, level, pairs)
    return Difference(first.label, second.label, value, error, interval, effective, verdict)


def paired(estimator: Estimator, moments: Moments) -> Estimated:
    """V̂₁ − V̂₂ and its standard error on the same rows.

    Args:
        estimator: Of both values.
        moments: Of the terms of the first target with those of the second beside them, shape (n, 2k).
    """
    first, second = np.split(moments.mean, 2)
    gradient = np.concatenate([estimator.gradient(first), -estimator.gradient(second)])
    return Estimated(estimator.value(first) - estimator.value(second), standard_error(gradient, moments))


def _alike(effective: float, rules: Rules) -> Refusal | None:
    if effective >= rules.ess:
        return None
    return Refusal(
        Cause.THIN,
        f"the two differ on {effective:.0f} effective rows, and an interval needs {rules.ess:.0f}",
        "more rewarded decisions, or targets that differ more",
    )


def _against(difference: Difference, leader: str | None) -> str | None:
    """What keeps a leader from being ahead in this pair; None where it is."""
    if difference.ahead == leader:
        return None
    other = difference.second if difference.first == leader else difference.first
    if not difference.verdict.enough:
        return f"the difference to {other} is {difference.verdict}"
    return f"the difference to {other} could be 0"
