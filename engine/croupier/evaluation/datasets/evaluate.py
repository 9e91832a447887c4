"""What target policies would have earned, from logged columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.base import Estimator
from croupier.evaluation.copies import Copied
from croupier.evaluation.datasets.base import Batch, Dataset
from croupier.evaluation.datasets.validate import Validator
from croupier.evaluation.estimators import named
from croupier.evaluation.evaluate import Gathered, judged
from croupier.evaluation.intervals import DEFAULT, Setting, checked_level, methods
from croupier.evaluation.log import Counts, Progress, Rows
from croupier.evaluation.results import Evaluation
from croupier.evaluation.tally import Tally
from croupier.evaluation.verdict import RULES, Rules
from croupier_policies import Vector

UNMODELLED = ("ips", "snips", "ips-clip")


class Asked(NamedTuple):
    """A target policy on columns: its name, π(a|x) of the logged action, v̂(x), and the most that π can be."""

    label: str
    probability: Callable[[Batch], Vector]
    value: Callable[[Batch], Vector]


def evaluate_dataset(
    dataset: Dataset,
    targets: Sequence[str],
    *,
    estimators: Sequence[str] = ("ips", "snips"),
    intervals: Sequence[str] = DEFAULT,
    level: float = 0.95,
    rules: Rules = RULES,
    reward_range: tuple[float, float] = (0.0, 1.0),
    floor: float | None = None,
    segment: str | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Estimate, from logged columns, what target policies would have earned.

    Args:
        dataset: The log.
        targets: `logged`; `uniform`, where the log says how many candidates there were; `constant:ACTION`;
            `column:P`, the target's probability of the logged action in column P; `column:P:V`, and v̂ in column V.
        estimators: As for `evaluate`; those with a reward model need `column:P:V` targets and q̂ in a column `q`.
        intervals: As for `evaluate`.
        level: Of the intervals.
        rules: When the evidence is enough.
        reward_range: What rewards can be.
        floor: The least propensity with which any action could be drawn; None where none was declared.
        segment: A column by whose values the estimates are also split.
        progress: Called with (rows so far, rows in all or 0) now and then.

    Raises:
        EvidenceError: The log holds what cannot be, lacks a column, or has no row.
        InputError: An unknown estimator, interval or target.

    >>> from croupier.evaluation.datasets import from_frame
    >>> log = from_frame({"reward": [1.0, 0.0] * 200, "propensity": [0.5] * 400, "action": ["a", "b"] * 200})
    >>> evaluate_dataset(log, ["constant:a"])["constant:a"].estimates["snips"].value
    1.0
    """
    checked_level(level)
    asked, found = named(estimators), [_asked(target) for target in targets]
    setting, look = Setting(*reward_range), Validator(*reward_range, floor)
    gathered: Gathered | None = None
    rows = 0
    for batch in dataset.batches():
        look.look(batch)
        if gathered is None:
            own = [Copied(each) for each in asked] if batch.copies is not None else asked
            gathered = Gathered([Tally(own, methods(intervals), setting) for _ in found])
        gathered.add(_rows(batch, found, asked, setting, floor, segment))
        rows += len(batch)
        if progress is not None:
            progress(rows, dataset.size)
    if gathered is None:
        raise EvidenceError(f"no row of {dataset.name} can be evaluated on; left out: {dict(dataset.left_out)}")
    counts = Counts(rows + dataset.left_out.total(), rows, dataset.left_out["no outcome"], 0, 0)
    notes = [f"{count:,} rows are left out: {reason}" for reason, count in dataset.left_out.items()]
    evaluation = judged(gathered, [(each.label, [], 0) for each in found], counts, level, rules)
    return evaluation.with_notes([*notes, *dataset.notes, *look.notes()])


def _asked(target: str) -> Asked:
    kind, _, rest = target.partition(":")
    if target == "logged":
        return Asked(target, lambda batch: batch.propensity, _no_model)
    if target == "uniform":
        return Asked(target, _even, _no_model)
    if kind == "constant" and rest:
        return Asked(target, lambda batch: _is(batch, rest), _no_model)
    if kind == "column" and rest:
        probability, _, value = rest.partition(":")
        return Asked(
            f"column:{probability}",
            lambda batch: column(batch, probability),
            (lambda batch: column(batch, value)) if value else _no_model,
        )
    raise InputError(
        f"{target!r} is no target for columns; give logged, uniform, constant:ACTION, column:P or column:P:V"
    )


def _rows(
    batch: Batch,
    asked: Sequence[Asked],
    estimators: Sequence[Estimator],
    setting: Setting,
    floor: float | None,
    segment: str | None,
) -> Rows:
    modelled = any(each.name.partition(":")[0] not in UNMODELLED for each in estimators)
    q = column(batch, "q") if modelled else np.zeros(len(batch))
    copies = np.ones(len(batch)) if batch.copies is None else batch.copies
    probabilities = [each.probability(batch) for each in asked]
    segments = () if segment is None else tuple(np.asarray(_present(batch, segment)).astype(str))
    return Rows(
        reward=batch.reward,
        scaled=(batch.reward - setting.low) / (setting.high - setting.low),
        q=q,
        at=np.arange(len(batch), dtype=np.float64) if batch.at is None else batch.at,
        segments=segments,
        w=tuple(p / batch.propensity for p in probabilities),
        v=tuple(each.value(batch) if modelled else np.zeros(len(batch)) for each in asked),
        outside=tuple(np.zeros(len(batch)) for _ in asked),
        weight=tuple(float(p.max(initial=0.0)) / floor if floor else None for p in probabilities),
        copies=copies if batch.copies is not None else None,
    )


def column(batch: Batch, name: str) -> Vector:
    """A numeric column that is none of the roles. Raises EvidenceError where there is none of this name."""
    return np.asarray(_present(batch, name), dtype=np.float64)


def _present(batch: Batch, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    if name not in batch.others:
        kept = ", ".join(batch.others) or "none beside those with a role"
        raise EvidenceError(f"there is no column {name!r}; there are {kept}")
    return batch.others[name]


def _even(batch: Batch) -> Vector:
    if batch.candidates is None:
        raise EvidenceError("the log does not say how many candidates there were: give the number, candidates=K")
    return 1.0 / batch.candidates


def _is(batch: Batch, action: str) -> Vector:
    if batch.action is None:
        raise EvidenceError("the log does not say which action was shown: name its column")
    return np.asarray(batch.action == action, dtype=np.float64)


def _no_model(batch: Batch) -> Vector:
    raise InputError("there is no reward model for this target: give column:P:V, or take ips and snips")
