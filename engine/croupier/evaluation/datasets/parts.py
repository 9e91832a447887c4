"""A log that several processes share: each gathers a part of it, and the parts are judged together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from croupier.errors import InputError
from croupier.evaluation.datasets.base import Dataset
from croupier.evaluation.datasets.passing import Pass, counting
from croupier.evaluation.estimators.basic import named
from croupier.evaluation.evaluate import Gathered, judged
from croupier.evaluation.evidence.accumulator import Tally
from croupier.evaluation.evidence.verdict import RULES, Rules
from croupier.evaluation.intervals import DEFAULT, Setting, checked_level, methods, uncounted
from croupier.evaluation.passes.resolve import Spec
from croupier.evaluation.passes.rows import Counts, Progress
from croupier.evaluation.results import Evaluation
from croupier_policies import Learner


@dataclass(frozen=True, eq=False)
class Part:
    """What was gathered of one part of a log: some kilobytes, which can be pickled and sent.

    Attributes:
        gathered: Of every target.
        counts: What became of the decisions.
        targets: By target its label, what a reader should know of it, and 0.
        notes: Of the part as a whole.
        intervals: The kinds that were asked for.
        level: Of the intervals.
        learned: The targets that learned along the log, whose parts are no parts of one pass.
    """

    gathered: Gathered
    counts: Counts
    targets: tuple[tuple[str, list[str], int], ...]
    notes: tuple[str, ...]
    intervals: tuple[str, ...]
    level: float
    learned: tuple[str, ...]


def gather(
    dataset: Dataset,
    targets: Sequence[Spec],
    *,
    estimators: Sequence[str] = ("ips", "snips"),
    intervals: Sequence[str] = DEFAULT,
    level: float = 0.95,
    reward_range: tuple[float, float] = (0.0, 1.0),
    floor: float | None = None,
    segment: str | None = None,
    learner: Learner | None = None,
    progress: Progress | None = None,
    part: int = 0,
) -> Part:
    """Read one part of a log, as `evaluate_dataset` reads all of it.

    Args:
        dataset: The part.
        targets: As for `evaluate_dataset`, as are all arguments but the last; the same for every part.
        estimators: By what they are to be estimated.
        intervals: Their kinds.
        level: Of the intervals.
        reward_range: What rewards can be.
        floor: The least propensity with which any action could be drawn; None where none was declared.
        segment: A column, or a feature of the context, by whose values the estimates are also split.
        learner: The reward model for q̂; by default a `RiverLearner`, which begins anew in every part.
        progress: Called with (rows so far, rows in all or 0) now and then.
        part: The number of this part, from which the bootstrap draws its counts.

    Raises:
        EvidenceError, InputError, PolicyFailed: As for `evaluate_dataset`.

    >>> from croupier.evaluation.datasets import from_frame
    >>> rows = {"reward": [1.0, 0.0] * 200, "propensity": [0.5] * 400, "action": ["a", "b"] * 200}
    >>> parts = [gather(from_frame(rows), ["constant:a"], part=k) for k in range(2)]  # as two processes would
    >>> evaluation = evaluate_parts(parts)
    >>> evaluation.counts.rows, evaluation["constant:a"].estimates["snips"].value
    (800, 1.0)
    """
    checked_level(level)
    asked, setting = named(estimators), Setting(*reward_range, part=part)
    going = Pass(dataset, targets, asked, setting, floor, segment, learner)
    own, kinds = counting(dataset, asked), methods(intervals)
    gathered = Gathered([Tally(own, kinds, setting) for _ in going.labels], level)
    counts = going.run(gathered.add, progress)
    known = tuple((label, going.remarks(k), 0) for k, label in enumerate(going.labels))
    return Part(gathered, counts, known, tuple(going.notes()), tuple(intervals), level, going.learned)


def evaluate_parts(parts: Sequence[Part], *, rules: Rules = RULES) -> Evaluation:
    """The parts of one log, in its order, as one evaluation.

    Points, standard errors, diagnostics and the ends of intervals are those of a single pass, up to rounding; but the
    bootstrap draws other counts, and the course over the log has one mark for each part. The parts are used up.

    Args:
        parts: As `gather` gives them, all with the same arguments.
        rules: When the evidence is enough.

    Raises:
        InputError: The parts do not belong together, a target learns along the log, or an interval cannot be added.
    """
    first = parts[0] if parts else None
    if first is None or any(_asked(each) != _asked(first) for each in parts):
        raise InputError("give at least one part, and all of the same targets, estimators, intervals and level")
    if len(parts) > 1 and first.learned:
        raise InputError(
            f"{', '.join(first.learned)} learns along the log and would begin anew in every part: gather it in one pass"
        )
    gathered, counts = reduce(add, (each.gathered for each in parts)), reduce(_both, (each.counts for each in parts))
    targets = [(label, _once(parts, k), 0) for k, (label, *_) in enumerate(first.targets)]
    evaluation = judged(gathered, targets, counts, first.level, rules)
    notes = dict.fromkeys(note for each in parts for note in each.notes)
    return evaluation.with_notes([*notes, *uncounted(first.intervals, gathered.copied)])


def _asked(part: Part) -> tuple[object, ...]:
    estimators = [each.name for each in part.gathered.parts[0][0].estimators]
    return [label for label, *_ in part.targets], estimators, part.intervals, part.level


def _once(parts: Sequence[Part], k: int) -> list[str]:
    return list(dict.fromkeys(note for each in parts for note in each.targets[k][1]))


def _both(first: Counts, later: Counts) -> Counts:
    statuses = Counter(first.statuses) + Counter(later.statuses)
    sums = [one + other for one, other in zip(first[:5], later[:5], strict=True)]
    return Counts(sums[0], sums[1], sums[2], sums[3], sums[4], dict(statuses))
