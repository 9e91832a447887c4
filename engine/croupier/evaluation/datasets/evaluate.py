"""What target policies would have earned, from a log that is no store."""

from __future__ import annotations

from collections.abc import Sequence

from croupier.evaluation.compare import comparable, compared, gathering, paired_up
from croupier.evaluation.datasets.base import Dataset
from croupier.evaluation.datasets.parts import evaluate_parts, gather
from croupier.evaluation.datasets.passing import Pass, counting
from croupier.evaluation.evaluate import Gathered, judged
from croupier.evaluation.evidence.accumulator import Tally
from croupier.evaluation.evidence.verdict import RULES, Rules
from croupier.evaluation.intervals import DEFAULT, Setting, methods, uncounted
from croupier.evaluation.passes.resolve import Spec
from croupier.evaluation.passes.rows import Progress
from croupier.evaluation.results import Comparison, Evaluation
from croupier_policies import Learner


def evaluate_dataset(
    dataset: Dataset,
    targets: Sequence[Spec],
    *,
    estimators: Sequence[str] = ("ips", "snips"),
    intervals: Sequence[str] = DEFAULT,
    level: float = 0.95,
    rules: Rules = RULES,
    reward_range: tuple[float, float] = (0.0, 1.0),
    floor: float | None = None,
    segment: str | None = None,
    learner: Learner | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Estimate, from logged columns, what target policies would have earned.

    Args:
        dataset: The log.
        targets: `logged`; `uniform`, where the log says how many candidates there were; `constant:ACTION`;
            `column:P`, the target's probability of the logged action in column P; `column:P:V`, and v̂ in column V.
            Where the log has contexts and candidates also `policy:NAME`, a `Policy`, a function or a `Target`.
        estimators: As for `evaluate`; those with a reward model need contexts and candidates, along which it learns,
            or `column:P:V` targets and q̂ in a column `q`.
        intervals: As for `evaluate`.
        level: Of the intervals.
        rules: When the evidence is enough.
        reward_range: What rewards can be.
        floor: The least propensity with which any action could be drawn; None where none was declared.
        segment: A column, or a feature of the context, by whose values the estimates are also split.
        learner: The reward model for q̂; by default a `RiverLearner`.
        progress: Called with (rows so far, rows in all or 0) now and then.

    Raises:
        EvidenceError: The log holds what cannot be, lacks a column, or has no row that counts.
        InputError: An unknown estimator, interval or target.
        PolicyFailed: A target gave no distribution.

    >>> from croupier.evaluation.datasets import from_frame
    >>> log = from_frame({"reward": [1.0, 0.0] * 200, "propensity": [0.5] * 400, "action": ["a", "b"] * 200})
    >>> evaluate_dataset(log, ["constant:a"])["constant:a"].estimates["snips"].value
    1.0
    """
    part = gather(
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
    )
    return evaluate_parts([part], rules=rules)


def compare_dataset(
    dataset: Dataset,
    targets: Sequence[Spec],
    *,
    estimator: str = "dr",
    level: float = 0.95,
    rules: Rules = RULES,
    reward_range: tuple[float, float] = (0.0, 1.0),
    floor: float | None = None,
    learner: Learner | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Estimate differences between target policies from logged columns; as `compare` does from a store.

    Args:
        dataset: The log.
        targets: Two or more, as for `evaluate_dataset`.
        estimator: Of the differences; `dr` needs contexts and candidates, or q̂ and v̂ in columns.
        level: Of all intervals together.
        rules: When the evidence is enough; for a pair, the weights are |w₁ − w₂|.
        reward_range: What rewards can be.
        floor: The least propensity with which any action could be drawn; None where none was declared.
        learner: The reward model for q̂; by default a `RiverLearner`.
        progress: Called with (rows so far, rows in all or 0) now and then.

    Raises:
        EvidenceError, InputError, PolicyFailed: As for `evaluate_dataset`; InputError also for a single target, or an
            estimator that rests on the reward model alone.

    >>> from croupier.evaluation.datasets import from_frame
    >>> columns = {"reward": [1, 0, 1, 0, 1, 1, 0, 0] * 250, "propensity": [0.5] * 2000, "action": ["a", "b"] * 1000}
    >>> found = compare_dataset(from_frame(columns), ["constant:a", "constant:b"], estimator="snips", floor=0.5)
    >>> found.differences[0].ahead
    'constant:a'
    """
    asked, setting = comparable(estimator, len(targets), level), Setting(*reward_range)
    (own,) = counting(dataset, [asked])
    pairs = paired_up(own, len(targets), setting, level)
    both = [(pair.first, pair.second) for pair in pairs]
    going = Pass(dataset, targets, [asked], setting, floor, learner=learner, pairs=both)
    gathered = Gathered([Tally([own], methods(["normal"]), setting) for _ in going.labels], level)
    counts = going.run(gathering(gathered, pairs), progress)
    known = [(label, going.remarks(k), 0) for k, label in enumerate(going.labels)]
    evaluation = judged(gathered, known, counts, level, rules)
    evaluation = evaluation.with_notes([*going.notes(), *uncounted(["betting-sequence"], gathered.copied)])
    return compared(pairs, evaluation, own, level, rules)
