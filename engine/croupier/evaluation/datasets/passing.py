"""One pass over a log from elsewhere: batches of the columns that estimators need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.datasets.asked import Asked, asked, column, present
from croupier.evaluation.datasets.base import Batch, Dataset
from croupier.evaluation.datasets.counted import counted
from croupier.evaluation.datasets.replay import Replay, Replayed
from croupier.evaluation.datasets.validate import Validator
from croupier.evaluation.estimators.base import Estimator
from croupier.evaluation.estimators.subsampled import Copied
from croupier.evaluation.intervals import Setting
from croupier.evaluation.passes.resolve import Spec
from croupier.evaluation.passes.rows import Counts, Progress, Rows, Sink
from croupier.evaluation.passes.targets import Learned, Target
from croupier_policies import Learner, RiverLearner, Vector

UNMODELLED = ("ips", "snips", "ips-clip")
#: Of one target: weights, v̂, probability off the support, the largest weight there can be, expected squared weights.
Measures: TypeAlias = tuple[Vector, Vector, Vector, float | None, Vector | None]


class Pass:
    """What is made of a log while it goes by.

    Args:
        dataset: The log.
        specs: Of the targets.
        estimators: By what they are to be estimated; some need a reward model.
        setting: The reward range.
        floor: The least propensity with which any action could be drawn; None where none was declared.
        segment: A column by which rows are told apart.
        learner: The reward model, where it is not to be a `RiverLearner`.
        pairs: Which targets are to be compared.

    Raises:
        EvidenceError, InputError: A target is not there, or given twice.
    """

    def __init__(
        self,
        dataset: Dataset,
        specs: Sequence[Spec],
        estimators: Sequence[Estimator],
        setting: Setting,
        floor: float | None = None,
        segment: str | None = None,
        learner: Learner | None = None,
        pairs: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.dataset, self.setting, self.floor, self.segment = dataset, setting, floor, segment
        self.look = Validator(setting.low, setting.high, floor)
        self.needs_model = any(each.name.partition(":")[0] not in UNMODELLED for each in estimators)
        own = any(isinstance(spec, str) and spec.startswith("column:") and spec.count(":") > 1 for spec in specs)
        learns = self.needs_model and not own
        self.targets = [asked(spec, learns) for spec in specs]
        self.labels = [each.label for each in self.targets]
        if not specs or len(set(self.labels)) != len(self.labels):
            raise InputError(f"give at least one target, and each under its own label, not {self.labels}")
        if own and any(isinstance(each, Target) for each in self.targets) and self.needs_model:
            raise InputError(
                "column:P:V brings a reward model of its own, and the other targets would learn theirs along the log: "
                "evaluate it by itself, or with other targets of columns"
            )
        model = (learner or RiverLearner.for_range((setting.low, setting.high))) if learns else None
        self.shown = [k for k, each in enumerate(self.targets) if isinstance(each, Target)]
        place = {k: n for n, k in enumerate(self.shown)}
        self.pairs = [pair for pair in pairs if all(k in place for k in pair)]
        shown = [each for each in self.targets if isinstance(each, Target)]
        both = [(place[first], place[second]) for first, second in self.pairs]
        self.replay = Replay(shown, model, setting, both)

    def run(self, sink: Sink, progress: Progress | None = None) -> Counts:
        """Read the log to its end.

        Raises:
            EvidenceError: The log holds what cannot be, lacks a column, or has no row that counts.
            PolicyFailed: A target gave no distribution.
        """
        statuses, rows = Counter[str](), 0
        for batch in self.dataset.batches():
            kept = counted(batch, statuses)
            self.look.look(kept)
            if len(kept):
                sink(self._rows(kept))
            rows += len(kept)
            if progress is not None:
                progress(statuses.total(), self.dataset.size)
        left_out = self.dataset.left_out.total()
        if not rows:
            kinds = dict(self.dataset.left_out + statuses)
            raise EvidenceError(f"no row of {self.dataset.name} can be evaluated on; left out: {kinds}")
        return Counts(statuses.total() + left_out, rows, statuses.total() - rows, 0, 0, dict(statuses))

    def notes(self) -> list[str]:
        """What a reader should know of the whole log, after the pass."""
        lines = [f"{count:,} lines are no rows: {reason}" for reason, count in self.dataset.left_out.items()]
        if self.replay.needed:
            lines.append(
                "policies and reward model learned each reward right after its decision: no column says when it came"
            )
        return [*lines, *self.dataset.notes, *self.look.notes()]

    @property
    def learned(self) -> tuple[str, ...]:
        """The targets that learn along the log."""
        return tuple(each.label for each in self.targets if isinstance(each, Learned))

    def remarks(self, k: int) -> list[str]:
        """What a reader of one target's estimates should know, after the pass."""
        target = self.targets[k]
        return target.notes() if isinstance(target, Target) else []

    def _rows(self, batch: Batch) -> Rows:
        n, low = len(batch), self.setting.low
        replayed = self.replay.batch(batch)
        own = self.needs_model and self.replay.learner is None
        q = column(batch, "q") if own else replayed.q
        parts = [
            self._asked(each, batch, q) if isinstance(each, Asked) else self._shown(self.shown.index(k), replayed)
            for k, each in enumerate(self.targets)
        ]
        w, v, outside, weight, squares = zip(*parts, strict=True)
        return Rows(
            reward=batch.reward,
            scaled=(batch.reward - low) / (self.setting.high - low),
            q=q,
            at=np.arange(n, dtype=np.float64) if batch.at is None else batch.at,
            segments=() if self.segment is None else segments(batch, self.segment),
            w=w,
            v=v,
            outside=outside,
            weight=weight,
            copies=batch.copies,
            squares=squares,
            apart=_apart(self.pairs, replayed),
        )

    def _asked(self, target: Asked, batch: Batch, q: Vector) -> Measures:
        n, p = len(batch), target.probability(batch)
        v = target.value(batch, q) if self.needs_model else np.full(n, self.setting.low)
        most = float(p.max(initial=0.0)) / self.floor if self.floor else None
        return p / batch.propensity, v, np.zeros(n), most, None

    def _shown(self, place: int, replayed: Replayed) -> Measures:
        w, v, outside, squares = np.ascontiguousarray(replayed.targets[place].T)
        most = float(replayed.most[place]) / self.floor if self.floor else None
        return w, v, outside, most, None if np.isnan(squares).any() else squares


def counting(dataset: Dataset, estimators: Sequence[Estimator]) -> list[Estimator]:
    """The estimators as the rows of a log count: each once, or for several where others may have been dropped."""
    return [Copied(each) for each in estimators] if dataset.drops else list(estimators)


def segments(batch: Batch, name: str) -> tuple[str, ...]:
    """What a column, or else a feature of the context, was in every row. Raises EvidenceError where it is neither."""
    if name in batch.others or batch.rounds is None:
        return tuple(present(batch, name).astype(str))
    contexts = (round.decided.context for round in batch.rounds())
    return tuple("none" if isinstance(each, np.ndarray) else str(each.get(name, "none")) for each in contexts)


def _apart(pairs: Sequence[tuple[int, int]], replayed: Replayed) -> dict[tuple[int, int], tuple[Vector, Vector]]:
    """What was to be expected of pairs, where the logging policy's probabilities are known."""
    found = zip(pairs, replayed.pairs, strict=True)
    return {pair: (told[:, 0], told[:, 1]) for pair, told in found if not np.isnan(told).any()}
