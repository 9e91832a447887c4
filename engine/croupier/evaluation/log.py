"""One pass over a log: the columns that estimators need, for any number of targets at once."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError, PolicyFailed
from croupier.evaluation.base import Columns
from croupier.evaluation.diagnostics import Diagnostics
from croupier.evaluation.source import Source
from croupier.evaluation.targets import Target
from croupier.fold import LEARNABLE, Decided, Fold
from croupier.verify import ELSEWHERE
from croupier_policies import Vector
from croupier_policies.sampling import checked
from croupier_storage import Fact

Progress = Callable[[int, int], None]
EVERY = 256  # decisions between two calls of `progress`


class Counts(NamedTuple):
    """What became of the decisions of a log.

    Attributes:
        decisions: All of them.
        rows: Those evaluated on.
        unrewarded: Left out, for want of a reward.
        seen: Left out, or with `in_sample` kept, though a target had learned from their rewards beforehand.
        unexplained: Among all, those whose logged propensity is not what the recomputed logging policy gives.
    """

    decisions: int
    rows: int
    unrewarded: int
    seen: int
    unexplained: int


@dataclass(frozen=True, eq=False)
class Rows:
    """Columns of the rows evaluated on, shape (n,) each, in the order in which the decisions were made.

    Attributes:
        counts: Of what is in them and what is not.
        reward: In its own units.
        scaled: The same, 0 to 1.
        q: q̂(x, a) of the logged action, in units of reward.
        w, v, outside: By target: weights, estimated rewards, and the target's probability outside the support.
    """

    counts: Counts
    reward: Vector
    scaled: Vector
    q: Vector
    w: tuple[Vector, ...]
    v: tuple[Vector, ...]
    outside: tuple[Vector, ...]

    def columns(self, target: int) -> Columns:
        """What the estimators need of one target."""
        return Columns(self.w[target], self.reward, self.q, self.v[target])

    def diagnostics(self, target: int) -> Diagnostics:
        """How much of the log speaks for one target."""
        return Diagnostics.of(self.w[target], self.scaled, self.outside[target])


def observe(
    source: Source, targets: Sequence[Target], progress: Progress | None = None, in_sample: bool = False
) -> Rows:
    """Fold a log once, and note at each decision what the logging policy, the reward model and every target make of it.

    The fold is the engine's own, so all of them stand at the decision's `as_of`: no prediction has seen its own reward.

    Args:
        source: The store; read up to its head.
        targets: At the beginning of the log, as `resolve` gives them.
        progress: Called with (position, head) now and then.
        in_sample: Keep the rows from whose rewards a target had learned beforehand.

    Raises:
        EvidenceError: Nothing is left to evaluate on.
        PolicyFailed: A policy gave no distribution; the message names decision and policy.
    """
    recorder = _Recorder(source, targets, progress or (lambda position, head: None))
    recorder.fold.run(source.log, source.head, recorder.visit)
    rows = _rows(recorder, source, in_sample)
    if not rows.counts.rows:
        raise EvidenceError(_nothing_left(rows.counts, source))
    return rows


def _nothing_left(counts: Counts, source: Source) -> str:
    seen = ""
    if counts.seen:
        kept = ", ".join(map(str, source.snapshot_positions()))
        seen = (
            f" and a snapshot had learned from the rewards of {counts.seen:,}: log more decisions after it, evaluate "
            f"an earlier one (there are {kept}), a policy:NAME that learns along the log, or all the same, in_sample"
        )
    return (
        f"no row is left to evaluate on: of {counts.decisions:,} decisions {counts.unrewarded:,} have no reward{seen}"
    )


class _Taught(Fold):
    """The engine's fold, with targets that learn whatever it learns."""

    def __init__(self, source: Source, targets: Sequence[Target]) -> None:
        super().__init__(source.policy.fresh(), source.learner.fresh(), source.configuration)
        self.targets = targets

    def reward(self, position: int, decided: Decided, reward: float) -> None:
        super().reward(position, decided, reward)
        for target in self.targets:
            target.learn(decided, self.configuration.scaled(reward))


class _Recorder:
    """Columns as they grow, a row per decision."""

    def __init__(self, source: Source, targets: Sequence[Target], progress: Progress) -> None:
        self.targets, self.progress, self.head = targets, progress, source.head
        self.fold = _Taught(source, targets)
        self.learner = source.learner if self.fold.learner is None else self.fold.learner
        self.low, high = source.configuration.reward_range
        self.span = high - self.low
        self.unexplained = 0
        self.positions, self.q = array("q"), array("d")
        self.w, self.v, self.outside = ([array("d") for _ in targets] for _ in range(3))

    def visit(self, fact: Fact, decided: Decided) -> None:
        """Note one decision, at its `as_of`."""
        logged = _vector(
            self.fold.policy.probabilities(decided.context, decided.actions), decided, fact, "its own policy"
        )
        estimates = self.low + self.span * self.learner.predict(decided.context, decided.actions)
        self.unexplained += not abs(logged[decided.drawn] - decided.propensity) <= ELSEWHERE
        self.positions.append(fact.position)
        self.q.append(float(estimates[decided.drawn]))
        for k, target in enumerate(self.targets):
            p = _vector(target.probabilities(decided, logged), decided, fact, target.label)
            self.w[k].append(float(p[decided.drawn]) / decided.propensity)
            self.v[k].append(float(p @ estimates))
            self.outside[k].append(float(p[logged == 0.0].sum()))
        if len(self.positions) % EVERY == 0:
            self.progress(fact.position, self.head)


def _vector(probabilities: Vector, decided: Decided, fact: Fact, who: str) -> Vector:
    try:
        return checked(probabilities, len(decided.actions))
    except ValueError as error:
        raise PolicyFailed(f"decision {fact.id} at position {fact.position}, {who}: {error}") from error


def _rows(recorder: _Recorder, source: Source, in_sample: bool) -> Rows:
    positions = np.frombuffer(recorder.positions, dtype=np.int64)
    reward, at = _rewards(source, positions)
    rewarded = at > 0
    seen = rewarded & (at <= max((target.learned_upto for target in recorder.targets), default=0))
    kept = rewarded if in_sample else rewarded & ~seen
    counts = Counts(len(positions), int(kept.sum()), int((~rewarded).sum()), int(seen.sum()), recorder.unexplained)
    scaled = (reward[kept] - recorder.low) / recorder.span
    w, v, outside = (tuple(_column(c)[kept] for c in group) for group in (recorder.w, recorder.v, recorder.outside))
    return Rows(counts, reward[kept], scaled, _column(recorder.q)[kept], w, v, outside)


def _rewards(source: Source, positions: NDArray[np.int64]) -> tuple[Vector, NDArray[np.int64]]:
    """For each decision its first reward, and the position of that fact; 0 where there is none. Shape (n,) each."""
    reward, at = np.zeros(len(positions)), np.zeros(len(positions), dtype=np.int64)
    order = np.argsort(positions)
    for fact in source.log.storage.facts(0, source.head, kinds=LEARNABLE):
        row = order[np.searchsorted(positions, fact.decision or 0, sorter=order)]
        if not at[row]:
            reward[row], at[row] = fact.reward, fact.position
    return reward, at


def _column(values: Any) -> Vector:
    return np.frombuffer(values, dtype=np.float64)
