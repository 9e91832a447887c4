"""One pass over a data set: batches of the columns that estimators need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.datasets.base import Batch, Dataset, UnreadableRound, refuse
from croupier.evaluation.datasets.column_targets import (
    ColumnTarget,
    find_column,
    numeric_column,
    parse_columns,
    resolve_column_target,
)
from croupier.evaluation.datasets.columns import to_labels
from croupier.evaluation.datasets.replay import Replay, ReplayedBatch
from croupier.evaluation.datasets.usable import usable_rows
from croupier.evaluation.datasets.validate import Validator
from croupier.evaluation.estimators.base import Estimator
from croupier.evaluation.estimators.subsampled import Subsampled
from croupier.evaluation.intervals import LogBounds
from croupier.evaluation.passes.resolve import TargetSpec
from croupier.evaluation.passes.rows import Counts, Progress, Rows, Sink
from croupier.evaluation.passes.status import DecisionStatus
from croupier.evaluation.passes.targets import LearningTarget, Target
from croupier.log.segments import NONE, segment
from croupier_policies import Learner, RiverLearner, Vector

UNMODELLED = ("ips", "snips", "ips-clip")
SOME_ACTIONS = 50
#: The attributes of a batch whose roles have other names.
_ATTRIBUTES = {"p_drop": "subsampling"}
#: Of one target: weights, v̂, probability outside the support, upper bound of the weights, expected squared weights.
Measures: TypeAlias = tuple[Vector, Vector, Vector, float | None, Vector | None]


class DatasetPass:
    """Reads a data set once, and passes the columns of every target to a sink.

    Args:
        dataset: The log.
        specs: The specifications of the targets.
        estimators: The estimators, some of which need a reward model.
        bounds: The bounds of rewards.
        floor: The least propensity of any candidate; None where none was declared.
        segment: A column, or a feature of the context, by which rows are segmented.
        learner: The reward model; by default a `RiverLearner`.
        pairs: The pairs of targets to compare.
        strict: Whether an invalid row is refused, instead of being left out and counted.

    Attributes:
        actions: Some of the actions of the log, where a target names one.

    Raises:
        EvidenceError, InputError: A target does not exist, or is given twice.
    """

    def __init__(
        self,
        dataset: Dataset,
        specs: Sequence[TargetSpec],
        estimators: Sequence[Estimator],
        bounds: LogBounds,
        floor: float | None = None,
        segment: str | None = None,
        learner: Learner | None = None,
        pairs: Sequence[tuple[int, int]] = (),
        strict: bool = False,
    ) -> None:
        if not isinstance(dataset, Dataset):
            raise InputError(f"the log is a {type(dataset).__name__}; give a Dataset, as from_path and from_frame do")
        if isinstance(specs, str):
            raise InputError(f"the targets are a single string; give a list, [{specs!r}]")
        self.dataset, self.bounds, self.floor, self.segment = dataset, bounds, floor, segment
        self.strict, self.actions, self._features = strict, set[str](), set[str]()
        self.validator = Validator(bounds.low, bounds.high, floor)
        self.needs_model = any(each.name.partition(":")[0] not in UNMODELLED for each in estimators)
        has_model_columns = any(
            isinstance(spec, str) and spec.startswith("column:") and spec.count(":") > 1 for spec in specs
        )
        train_model = self.needs_model and not has_model_columns
        self.targets = [resolve_column_target(spec, train_model) for spec in specs]
        self.labels = [each.label for each in self.targets]
        if not specs or len(set(self.labels)) != len(self.labels):
            raise InputError(f"give at least one target, and every target only once, not {self.labels}")
        if has_model_columns and any(isinstance(each, Target) for each in self.targets) and self.needs_model:
            raise InputError(
                "column:P:V has q̂ in a column, and the other targets learn a reward model along the log, so that their "
                "estimates would not be comparable; evaluate it by itself, or with other column targets"
            )
        columns = [each for each in self.targets if isinstance(each, ColumnTarget)]
        self._probabilities = [name for each in columns for name in each.probabilities]
        self._named = [name for each in columns for name in each.estimates]
        self._estimates = [*self._named] if self.needs_model else []
        self._names_action = any(each.label.startswith("constant:") for each in columns)
        model = (learner or RiverLearner.for_range((bounds.low, bounds.high))) if train_model else None
        self.replayed_targets = [k for k, each in enumerate(self.targets) if isinstance(each, Target)]
        place = {k: n for n, k in enumerate(self.replayed_targets)}
        self.pairs = [pair for pair in pairs if all(k in place for k in pair)]
        replayed_targets = [each for each in self.targets if isinstance(each, Target)]
        both = [(place[first], place[second]) for first, second in self.pairs]
        self.replay = Replay(replayed_targets, model, bounds, both)
        if self.needs_model and model is None:
            self._estimates.append("q")

    def run(self, sink: Sink, progress: Progress | None = None) -> Counts:
        """Read the log to its end. Invalid rows are left out and counted by reason, or refused where `strict`.

        Raises:
            EvidenceError: The log lacks a column or a feature, has no usable row, or, where `strict`, an invalid one.
            PolicyFailed: A target did not return a probability distribution.
        """
        statuses, rows = Counter[str](), 0
        for batch in self.dataset.batches():
            usable = usable_rows(batch, statuses)
            kept, replayed = self._valid(usable, statuses)
            if self.strict:
                refuse(self.dataset.left_out)
            self.validator.observe(kept)
            if len(kept):
                sink(self._rows(kept, replayed))
            rows += len(kept)
            if progress is not None:
                progress(statuses.total(), self.dataset.size)
        if self.strict:
            refuse(self.dataset.left_out)  # lines after the last row
        skipped = self.dataset.left_out
        if not rows:
            kinds = {skipped.describe(reason): count for reason, count in skipped.items()} | dict(+statuses)
            raise EvidenceError(f"no row of {self.dataset.name} can be used; left out: {kinds}")
        if self.segment is not None:
            self._check_segment(self.segment)
        decisions = statuses.total()
        return Counts(decisions + skipped.total(), rows, decisions - rows, 0, 0, dict(+statuses), skipped.invalid)

    def _valid(self, usable: Batch, statuses: Counter[str]) -> tuple[Batch, ReplayedBatch]:
        """The rows that every target can use, and their measures; the others are no longer among the statuses."""
        for name in self._named:
            find_column(usable, name)
        batch, wrong = parse_columns(usable, self._probabilities, self._estimates)
        batch = self.dataset.leave_out(batch, {**self.validator.invalid(batch), **wrong})
        replayed = self.replay.batch(batch)
        batch = self.dataset.leave_out(batch, replayed.unreadable)
        if usable.status is None:
            statuses[DecisionStatus.OBSERVED.value] -= len(usable) - len(batch)
        elif len(batch) < len(usable) and batch.status is not None:
            statuses.subtract(usable.status.tolist())
            statuses.update(batch.status.tolist())
        return batch, replayed

    def notes(self) -> list[str]:
        """Notes on the whole log, after the pass."""
        lines = self.dataset.left_out.notes()
        if self.replay.needed:
            lines.append(
                "policies and the reward model learned each reward right after its decision, because the log has no "
                "arrival times"
            )
        return [*lines, *self.dataset.notes, *self.validator.notes()]

    def _check_segment(self, name: str) -> None:
        """Raises EvidenceError where no context has the feature."""
        if self._features and name not in self._features:
            known = ", ".join(map(repr, sorted(self._features)[:20]))
            raise EvidenceError(f"no context has the feature {name!r}, and no column its name; there are {known}")

    def _segments(self, batch: Batch, name: str) -> tuple[str, ...]:
        """The value of a column, or else of a feature of the context, in every row. Raises EvidenceError."""
        role = next((role for role, column in self.dataset.roles.items() if column == name), None)
        column = batch.others.get(name, None if role is None else getattr(batch, _ATTRIBUTES.get(role, role), None))
        if column is None and batch.rounds is not None:
            contexts = [None if isinstance(each, UnreadableRound) else each.decision.context for each in batch.rounds()]
            known = [each if isinstance(each, dict) else {} for each in contexts]
            self._features.update(*known)
            return tuple(segment(each, name) for each in known)
        if column is None:
            present = ", ".join([*self.dataset.roles.values(), *batch.others]) or "none"
            raise EvidenceError(f"there is no column {name!r} to segment by; there are {present}")
        return tuple(label or NONE for label in to_labels(column, name).tolist())

    @property
    def learned(self) -> tuple[str, ...]:
        """The targets that learn along the log."""
        return tuple(each.label for each in self.targets if isinstance(each, LearningTarget))

    def target_notes(self, k: int) -> list[str]:
        """Notes on one target, after the pass."""
        target = self.targets[k]
        return target.notes() if isinstance(target, Target) else []

    def _rows(self, batch: Batch, replayed: ReplayedBatch) -> Rows:
        n, low = len(batch), self.bounds.low
        self._count_actions(batch)
        own = "q" in self._estimates
        q = numeric_column(batch, "q") if own else replayed.q
        measures = [
            self._from_columns(each, batch, q)
            if isinstance(each, ColumnTarget)
            else self._from_replay(self.replayed_targets.index(k), replayed)
            for k, each in enumerate(self.targets)
        ]
        w, v, outside, max_weight, squares = zip(*measures, strict=True)
        return Rows(
            reward=batch.reward,
            scaled=(batch.reward - low) / (self.bounds.high - low),
            q=q,
            at=np.arange(n, dtype=np.float64) if batch.at is None else _known_times(batch.at),
            segments=() if self.segment is None else self._segments(batch, self.segment),
            w=w,
            v=v,
            outside=outside,
            max_weight=max_weight,
            subsampling=batch.subsampling,
            expected_squares=squares,
            expected_distances=_expected_distances(self.pairs, replayed),
        )

    def _count_actions(self, batch: Batch) -> None:
        """Remember some of the actions of the log, to be named where a target's action is not among them."""
        if self._names_action and batch.action is not None and len(self.actions) < SOME_ACTIONS:
            self.actions.update(batch.action[:1000].tolist())

    def _from_columns(self, target: ColumnTarget, batch: Batch, q: Vector) -> Measures:
        n, p = len(batch), target.probability(batch)
        v = target.value(batch, q) if self.needs_model else np.full(n, self.bounds.low)
        max_weight = float(p.max(initial=0.0)) / self.floor if self.floor else None
        return p / batch.propensity, v, np.zeros(n), max_weight, None

    def _from_replay(self, place: int, replayed: ReplayedBatch) -> Measures:
        w, v, outside, squares = np.ascontiguousarray(replayed.targets[place].T)
        max_weight = float(replayed.max_probability[place]) / self.floor if self.floor else None
        return w, v, outside, max_weight, None if np.isnan(squares).any() else squares


def subsampled_estimators(dataset: Dataset, estimators: Sequence[Estimator]) -> list[Estimator]:
    """The estimators, with subsampling weights where rows of the log may have been dropped."""
    return [Subsampled(each) for each in estimators] if dataset.subsampled else list(estimators)


def _known_times(at: Vector) -> Vector:
    """The times, each unknown one as the last that is known before it, or 0."""
    known = np.isfinite(at)
    if known.all():
        return at
    last = np.maximum.accumulate(np.where(known, np.arange(len(at)), -1))
    return np.where(last < 0, 0.0, at[last])


def _expected_distances(
    pairs: Sequence[tuple[int, int]], replayed: ReplayedBatch
) -> dict[tuple[int, int], tuple[Vector, Vector]]:
    """The expected distances of pairs, where the logging policy's probabilities are known."""
    found = zip(pairs, replayed.pairs, strict=True)
    return {pair: (each[:, 0], each[:, 1]) for pair, each in found if not np.isnan(each).any()}
