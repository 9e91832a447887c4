"""Batches of the columns that estimators need, for any number of targets at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from croupier.evaluation.estimators.base import EstimatorInputs
from croupier_policies import Vector

Progress = Callable[[int, int], None]
PROGRESS_INTERVAL = 256  # decisions between two calls of `progress`
BATCH = 1024  # decisions in a batch
MIN_CHUNK, GROWTH = 128, 32  # rows of the first chunks; later ones hold a 32nd of the rows before them


class Counts(NamedTuple):
    """The number of decisions in a log, by how an evaluation used them.

    Attributes:
        decisions: All decisions.
        rows: Those that were used.
        unrewarded: Those left out because they have no usable reward.
        in_sample: Those whose rewards a target had already learned: left out, or used with `in_sample=True`.
        propensity_mismatches: Those whose logged propensity differs from that of the recomputed logging policy.
        statuses: All decisions by status, see `DecisionStatus`.
        invalid: Those left out because they are malformed or contradict themselves.
    """

    decisions: int
    rows: int
    unrewarded: int
    in_sample: int
    propensity_mismatches: int
    statuses: Mapping[str, int] = MappingProxyType({})
    invalid: int = 0


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows used in an evaluation as columns of shape (n,), in the order of the decisions.

    Attributes:
        reward: In its own units.
        scaled: The same, 0 to 1.
        q: q̂(x, a) of the logged action, in units of reward.
        at: The time of the decision, in seconds.
        segments: The value of the segment feature, as text; empty where no segment was requested.
        w, v, outside: By target: weights, estimated rewards, and the target's probability outside the support.
        max_weight: By target the upper bound of the weights under the declared floor; None without a floor.
        subsampling: The subsampling weight c = 1/(1 − p_drop) of each row; None where all are 1.
        expected_squares: By target Σ_a π(a|x)²/p(a|x), the expectation of w²; empty where the logged distributions are
            not known.
        expected_distances: By pair of targets the expectations of |w₁ − w₂| and of its square; empty where the logged
            distributions are not known.
    """

    reward: Vector
    scaled: Vector
    q: Vector
    at: Vector
    segments: tuple[str, ...]
    w: tuple[Vector, ...]
    v: tuple[Vector, ...]
    outside: tuple[Vector, ...]
    max_weight: tuple[float | None, ...]
    subsampling: Vector | None = None
    expected_squares: tuple[Vector | None, ...] = ()
    expected_distances: Mapping[tuple[int, int], tuple[Vector, Vector]] = field(default_factory=dict)

    def estimator_inputs(self, target: int) -> EstimatorInputs:
        """The columns that the estimators need for one target."""
        return EstimatorInputs(self.w[target], self.reward, self.q, self.v[target], subsampling=self.subsampling)

    def squares_for(self, target: int) -> Vector | None:
        """The expected squared weights of one target; None where they are not known."""
        return self.expected_squares[target] if self.expected_squares else None

    def select(self, rows: slice) -> Rows:
        """Some of the rows."""

        def select(columns: tuple[Vector, ...]) -> tuple[Vector, ...]:
            return tuple(column[rows] for column in columns)

        return replace(
            self,
            reward=self.reward[rows],
            scaled=self.scaled[rows],
            q=self.q[rows],
            at=self.at[rows],
            segments=self.segments[rows],
            w=select(self.w),
            v=select(self.v),
            outside=select(self.outside),
            subsampling=None if self.subsampling is None else self.subsampling[rows],
            expected_squares=tuple(None if column is None else column[rows] for column in self.expected_squares),
            expected_distances={
                pair: (one[rows], other[rows]) for pair, (one, other) in self.expected_distances.items()
            },
        )

    def __len__(self) -> int:
        return len(self.reward)


def growing_chunks(rows: Rows, before: int) -> Iterator[Rows]:
    """A batch in chunks of at least 128 rows, otherwise of a 32nd of the rows before them: one point of a curve each.

    Args:
        rows: The batch.
        before: The number of rows before it.
    """
    start = 0
    while start < len(rows):
        size = max(MIN_CHUNK, (before + start) // GROWTH)
        whole = start == 0 and size >= len(rows)
        yield rows if whole else rows.select(slice(start, start + size))
        start += size


Sink = Callable[[Rows], None]
