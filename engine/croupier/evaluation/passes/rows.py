"""One pass over a log: batches of the columns that estimators need, for any number of targets at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from croupier.evaluation.estimators.base import Columns
from croupier_policies import Vector

Progress = Callable[[int, int], None]
EVERY = 256  # decisions between two calls of `progress`
BATCH = 1024  # decisions whose columns are given on together
SHORTEST, STEPS = 128, 32  # of a course: rows of a step at first, and steps before they grow


class Counts(NamedTuple):
    """What became of the decisions of a log.

    Attributes:
        decisions: All of them.
        rows: Those evaluated on.
        unrewarded: Left out, for want of a reward that counts.
        seen: Left out, or with `in_sample` kept, though a target had learned from their rewards beforehand.
        unexplained: Among all, those whose logged propensity is not what the recomputed logging policy gives.
        statuses: All by what became of them, see `Status`.
    """

    decisions: int
    rows: int
    unrewarded: int
    seen: int
    unexplained: int
    statuses: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Rows:
    """Columns of rows evaluated on, shape (n,) each, in the order in which the decisions were made.

    Attributes:
        reward: In its own units.
        scaled: The same, 0 to 1.
        q: q̂(x, a) of the logged action, in units of reward.
        at: When it was decided, in seconds.
        segments: What the segment feature was, as text; empty where none was asked for.
        w, v, outside: By target: weights, estimated rewards, and the target's probability outside the support.
        weight: By target the largest weight there can be under the declared floor; None without one.
        copies: How many rows each stands for; None for 1.
        squares: By target Σ_a π(a|x)²/p(a|x), what w² was expected to be; empty where distributions are not known.
        apart: By pair of targets what |w₁ − w₂| and its square were expected to be; empty likewise.
    """

    reward: Vector
    scaled: Vector
    q: Vector
    at: Vector
    segments: tuple[str, ...]
    w: tuple[Vector, ...]
    v: tuple[Vector, ...]
    outside: tuple[Vector, ...]
    weight: tuple[float | None, ...]
    copies: Vector | None = None
    squares: tuple[Vector | None, ...] = ()
    apart: Mapping[tuple[int, int], tuple[Vector, Vector]] = field(default_factory=dict)

    def columns(self, target: int) -> Columns:
        """What the estimators need of one target."""
        return Columns(self.w[target], self.reward, self.q, self.v[target], copies=self.copies)

    def expected(self, target: int) -> Vector | None:
        """What the squared weights of one target were expected to be; None where that is not known."""
        return self.squares[target] if self.squares else None

    def part(self, rows: slice) -> Rows:
        """Some of them."""

        def some(columns: tuple[Vector, ...]) -> tuple[Vector, ...]:
            return tuple(column[rows] for column in columns)

        return replace(
            self,
            reward=self.reward[rows],
            scaled=self.scaled[rows],
            q=self.q[rows],
            at=self.at[rows],
            segments=self.segments[rows],
            w=some(self.w),
            v=some(self.v),
            outside=some(self.outside),
            copies=None if self.copies is None else self.copies[rows],
            squares=tuple(None if column is None else column[rows] for column in self.squares),
            apart={pair: (one[rows], other[rows]) for pair, (one, other) in self.apart.items()},
        )

    def __len__(self) -> int:
        return len(self.reward)


def pieces(rows: Rows, before: int) -> Iterator[Rows]:
    """A batch in pieces of at least 128 rows and at most a 32nd of those before: the steps of a course over the log.

    Args:
        rows: The batch.
        before: How many rows came before it.
    """
    start = 0
    while start < len(rows):
        size = max(SHORTEST, (before + start) // STEPS)
        whole = start == 0 and size >= len(rows)
        yield rows if whole else rows.part(slice(start, start + size))
        start += size


Sink = Callable[[Rows], None]
