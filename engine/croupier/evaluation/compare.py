"""Differences between target policies, estimated on the same rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations

from croupier.errors import InputError
from croupier.evaluation.arguments import CHECKS
from croupier.evaluation.estimators.base import Estimator
from croupier.evaluation.estimators.basic import find_estimators
from croupier.evaluation.evaluate import Accumulator, build_evaluation, resolve_targets
from croupier.evaluation.evidence.tally import Tally
from croupier.evaluation.evidence.verdict import RULES, Cause, Refusal, Rules, Verdict
from croupier.evaluation.intervals import LogBounds, checked_level, interval_factories, normal_fixed_sample
from croupier.evaluation.pairs import PairAccumulator
from croupier.evaluation.passes.recorder import record_decisions
from croupier.evaluation.passes.resolve import TargetSpec
from croupier.evaluation.passes.rows import Progress, Rows, Sink
from croupier.evaluation.passes.source import open_source
from croupier.evaluation.results import Comparison, Difference, Evaluation
from croupier.log.arguments import checking
from croupier_policies import Learner, Policy


@checking(CHECKS)
def compare(
    url: str,
    targets: Sequence[TargetSpec],
    *,
    estimator: str = "dr",
    level: float = 0.95,
    rules: Rules = RULES,
    in_sample: bool = False,
    segment: str | None = None,
    policy: Policy | None = None,
    learner: Learner | None = None,
    policies: Collection[Policy] = (),
    progress: Progress | None = None,
) -> Comparison:
    """Estimate the differences between target policies on the same rows, and test whether one of them is better.

    The differences are paired: variation that both targets share cancels, so a difference is often known far more
    precisely than either value. Every pair is compared, because the leader is chosen from the data; the intervals of
    all m pairs hold simultaneously (Bonferroni). Each difference has a fixed-sample confidence interval and an
    anytime-valid confidence sequence. The sequence uses the terms of `dr` whatever the estimator, and is narrow where
    the logging policy declares a floor.

    Args:
        url: The store; it is read only.
        targets: Two or more, as for `evaluate`.
        estimator: The estimator of the differences.
        level: The simultaneous level of all intervals.
        rules: The thresholds of the verdicts; for a pair, the weights are |w₁ − w₂|.
        in_sample: Also use rows whose rewards a snapshot has learned.
        segment: A feature of the context; the estimates of every target are also computed for each of its values.
        policy: The store's policy, where it is not one of Croupier's own.
        learner: The reward model for q̂; by default the store's, or a `RiverLearner` where the store has none.
        policies: The policies of experiment variants in the log that are not Croupier's own.
        progress: Called with (position, head) every 256 decisions.

    Raises:
        EvidenceError, InputError, PolicyFailed, StoreError: As for `evaluate`; InputError also for a single
            target, or an estimator that uses only the reward model.

    >>> import tempfile
    >>> from croupier import Engine, UniformPolicy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     url = f"sqlite:///{folder}/shop.db"
    ...     with Engine.open(url, policy=UniformPolicy(), seed=7, learner=None) as engine:
    ...         for n in range(2000):
    ...             decision = engine.choose({}, ["sale", "new"])
    ...             _ = engine.reward(decision.id, float((n % 3 == 0) == (decision.action == "new")))
    ...     comparison = compare(url, ["constant:sale", "constant:new"], estimator="snips")
    >>> comparison.leader, comparison.significant
    ('constant:sale', True)
    """
    chosen = comparison_estimator(estimator, len(targets), level)
    with open_source(url, policy, learner, policies) as source:
        resolved = resolve_targets(targets, source)
        bounds = LogBounds(*source.configuration.reward_range)
        accumulator = Accumulator([Tally([chosen], interval_factories(["normal"]), bounds) for _ in resolved], level)
        pairs = all_pairs(chosen, len(resolved), bounds, level)
        both = [(pair.first, pair.second) for pair in pairs]
        counts = record_decisions(
            source, resolved, comparison_sink(accumulator, pairs), progress, in_sample, segment, both
        )
    labelled = [(target.label, target.notes(), target.learned_upto) for target in resolved]
    evaluation = build_evaluation(accumulator, labelled, counts, level, rules, in_sample)
    return build_comparison(pairs, evaluation, chosen, level, rules)


def comparison_estimator(estimator: str, targets: int, level: float) -> Estimator:
    """The estimator of this name. Raises InputError where it is model-only, or there is only one target."""
    checked_level(level)
    (chosen,) = find_estimators([estimator])
    if chosen.model_only:
        raise InputError(
            f"{estimator} uses only the reward model, whose bias no interval covers, so a difference could appear "
            "significant without evidence from the log; use dr"
        )
    if targets < 2:
        raise InputError(f"give at least two targets to compare, not {targets}")
    return chosen


def all_pairs(estimator: Estimator, targets: int, bounds: LogBounds, level: float) -> list[PairAccumulator]:
    """An accumulator for each pair of targets."""
    both = list(combinations(range(targets), 2))
    return [PairAccumulator(estimator, first, second, bounds, level, len(both)) for first, second in both]


def comparison_sink(accumulator: Accumulator, pairs: Sequence[PairAccumulator]) -> Sink:
    """A sink that adds each batch to the targets and to their pairs."""

    def add(rows: Rows) -> None:
        accumulator.add(rows)
        for pair in pairs:
            pair.add(rows)

    return add


def build_comparison(
    pairs: Sequence[PairAccumulator], evaluation: Evaluation, estimator: Estimator, level: float, rules: Rules
) -> Comparison:
    """Differences and leader, from the accumulated pairs and the evaluation of the targets."""
    differences = tuple(_difference(pair, evaluation, level, len(pairs), rules) for pair in pairs)
    values = {
        each.label: each.estimates[estimator.name].value
        for each in evaluation.targets
        if each.estimates[estimator.name].verdict.enough
    }
    leader = max(values, key=values.__getitem__) if values else None
    objections = [_objection(each, leader) for each in differences if leader in (each.first, each.second)]
    reasons = [reason for reason in objections if reason] if values else ["every target is refused"]
    anytime = not reasons and all(
        each.better_anytime == leader for each in differences if leader in (each.first, each.second)
    )
    reason = "; ".join(reasons) or _significance(anytime)
    return Comparison(evaluation, estimator.name, differences, leader, not reasons, anytime, reason)


def _difference(pair: PairAccumulator, evaluation: Evaluation, level: float, pairs: int, rules: Rules) -> Difference:
    first, second = (evaluation.targets[k] for k in (pair.first, pair.second))
    value, error = pair.difference()
    refusals = [
        refusal._replace(reason=f"{each.label}: {refusal.reason}")
        for each in (first, second)
        for refusal in each.estimates[pair.estimator.name].verdict.refusals
    ]
    verdict = Verdict(tuple(refusals)).with_refusal(_low_ess(pair, rules))
    interval, effective = normal_fixed_sample(value, error, level, pairs), min(pair.ess, pair.expected_ess)
    return Difference(
        first.label, second.label, value, error, interval, pair.sequence(), effective, verdict, pair.curve
    )


def _low_ess(pair: PairAccumulator, rules: Rules) -> Refusal | None:
    """A refusal where the effective sample size of the difference, observed or expected, is too small."""
    effective = min(pair.ess, pair.expected_ess)
    if effective >= rules.ess:
        return None
    kind = "effective" if pair.ess <= pair.expected_ess else "expected effective"
    return Refusal(
        Cause.LOW_ESS,
        f"{kind} sample size of the difference is {effective:.0f}; at least {rules.ess:.0f} is required",
        "more rewarded decisions, or targets that differ more often",
    )


def _objection(difference: Difference, leader: str | None) -> str | None:
    """Why the leader is not significantly better in this pair; None where it is."""
    if difference.better == leader:
        return None
    other = difference.second if difference.first == leader else difference.first
    if not difference.verdict.enough:
        return f"the difference to {other} is {difference.verdict}"
    return f"the confidence interval of the difference to {other} contains 0"


def _significance(anytime: bool) -> str:
    """Under which intervals every difference to the leader is significant."""
    if anytime:
        return "every difference to it is significant by its confidence sequence (anytime-valid)"
    return "every difference to it is significant by its fixed-sample CI, and not yet by its confidence sequence"
