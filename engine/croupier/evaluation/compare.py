"""Which of several target policies would have earned most, on the same rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations

from croupier.errors import InputError
from croupier.evaluation.estimators.base import Estimator
from croupier.evaluation.estimators.basic import named
from croupier.evaluation.evaluate import Gathered, distinct, judged
from croupier.evaluation.evidence.accumulator import Tally
from croupier.evaluation.evidence.verdict import RULES, Cause, Refusal, Rules, Verdict
from croupier.evaluation.intervals import Setting, checked_level, methods, normal_fixed_sample
from croupier.evaluation.pairs import Pair
from croupier.evaluation.passes.recorder import observe
from croupier.evaluation.passes.resolve import Spec
from croupier.evaluation.passes.rows import Progress, Rows, Sink
from croupier.evaluation.passes.source import opened
from croupier.evaluation.results import Comparison, Difference, Evaluation
from croupier_policies import Learner, Policy


def compare(
    url: str,
    targets: Sequence[Spec],
    *,
    estimator: str = "dr",
    level: float = 0.95,
    rules: Rules = RULES,
    in_sample: bool = False,
    policy: Policy | None = None,
    learner: Learner | None = None,
    policies: Collection[Policy] = (),
    progress: Progress | None = None,
) -> Comparison:
    """Estimate the differences between target policies on the same rows, and say whether one is ahead.

    Paired: what varies alike in both targets cancels, so a difference is often known far better than either value.
    Every pair is compared, because the leader is found by looking; the intervals of all m pairs hold together
    (Bonferroni). Each difference has an interval for one look, and a confidence sequence for whoever keeps looking:
    on the terms of `dr` whatever the estimator, narrow where the logging policy declares a floor.

    Args:
        url: The store; it is read only.
        targets: Two or more, as for `evaluate`.
        estimator: Of the differences.
        level: Of all intervals together.
        rules: When the evidence is enough; for a pair, the weights are |w₁ − w₂|.
        in_sample: Also use rows from which a snapshot has learned.
        policy: The store's policy, where it is none of Croupier's own.
        learner: The reward model for q̂; by default the store's, or a `RiverLearner` where the store has none.
        policies: Of variants of experiments in the log, where they are none of Croupier's own.
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
    asked = comparable(estimator, len(targets), level)
    with opened(url, policy, learner, policies) as source:
        resolved = distinct(targets, source)
        setting = Setting(*source.configuration.reward_range)
        gathered = Gathered([Tally([asked], methods(["normal"]), setting) for _ in resolved], level)
        pairs = paired_up(asked, len(resolved), setting, level)
        both = [(pair.first, pair.second) for pair in pairs]
        counts = observe(source, resolved, gathering(gathered, pairs), progress, in_sample, pairs=both)
    labelled = [(target.label, target.notes(), target.learned_upto) for target in resolved]
    evaluation = judged(gathered, labelled, counts, level, rules, in_sample)
    return compared(pairs, evaluation, asked, level, rules)


def comparable(estimator: str, targets: int, level: float) -> Estimator:
    """The estimator of this name. Raises InputError where differences by it cannot be had, or there are none."""
    checked_level(level)
    (asked,) = named([estimator])
    if asked.model_only:
        raise InputError(
            f"differences by {estimator} rest on the reward model alone, which no log vouches for; take dr"
        )
    if targets < 2:
        raise InputError(f"give at least two targets to compare, not {targets}")
    return asked


def paired_up(estimator: Estimator, targets: int, setting: Setting, level: float) -> list[Pair]:
    """Every pair of so many targets."""
    both = list(combinations(range(targets), 2))
    return [Pair(estimator, first, second, setting, level, len(both)) for first, second in both]


def gathering(gathered: Gathered, pairs: Sequence[Pair]) -> Sink:
    """Takes in a batch for the targets and for their pairs."""

    def add(rows: Rows) -> None:
        gathered.add(rows)
        for pair in pairs:
            pair.add(rows)

    return add


def compared(
    pairs: Sequence[Pair], evaluation: Evaluation, estimator: Estimator, level: float, rules: Rules
) -> Comparison:
    """Differences and leader from what was gathered of every pair and the evaluation of the targets."""
    differences = tuple(_difference(pair, evaluation, level, len(pairs), rules) for pair in pairs)
    values = {
        each.label: each.estimates[estimator.name].value
        for each in evaluation.targets
        if each.estimates[estimator.name].verdict.enough
    }
    leader = max(values, key=values.__getitem__) if values else None
    against = [_against(each, leader) for each in differences if leader in (each.first, each.second)]
    reasons = [reason for reason in against if reason] if values else ["every target is refused"]
    lasting = not reasons and all(
        each.ahead_any_time == leader for each in differences if leader in (each.first, each.second)
    )
    reason = "; ".join(reasons) or _for(lasting)
    return Comparison(evaluation, estimator.name, differences, leader, not reasons, lasting, reason)


def _difference(pair: Pair, evaluation: Evaluation, level: float, pairs: int, rules: Rules) -> Difference:
    first, second = (evaluation.targets[k] for k in (pair.first, pair.second))
    value, error = pair.difference()
    refusals = [
        refusal._replace(reason=f"{each.label}: {refusal.reason}")
        for each in (first, second)
        for refusal in each.estimates[pair.estimator.name].verdict.refusals
    ]
    verdict = Verdict(tuple(refusals)).with_refusal(_alike(pair, rules))
    interval, effective = normal_fixed_sample(value, error, level, pairs), min(pair.effective, pair.expected)
    return Difference(
        first.label, second.label, value, error, interval, pair.sequence(), effective, verdict, pair.course
    )


def _alike(pair: Pair, rules: Rules) -> Refusal | None:
    """A refusal where too few rows, seen or expected, tell the two apart."""
    effective = min(pair.effective, pair.expected)
    if effective >= rules.ess:
        return None
    told = "differ" if pair.effective <= pair.expected else "were to be expected to differ"
    return Refusal(
        Cause.THIN,
        f"the two {told} on {effective:.0f} effective rows, and an interval needs {rules.ess:.0f}",
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


def _for(lasting: bool) -> str:
    """What speaks for a leader that is ahead."""
    if lasting:
        return "every difference to it is significant, however often you have looked"
    return "every difference to it is significant at this one look, and not yet for one who has kept looking"
