"""A log as columns, wherever it comes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import compress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier.log.reader import DecodedDecision
from croupier_policies import Vector

BATCH = 1 << 16  # rows read at a time


class Round(NamedTuple):
    """One decision as a policy would have seen it, and what its own policy made of it.

    Attributes:
        decided: Context, candidates, which was drawn, and with what propensity.
        logged: The logging policy's probability of each candidate, shape (K,); None where the log keeps only one.
    """

    decided: DecodedDecision
    logged: Vector | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """Logged rows; every column has shape (n,).

    Attributes:
        reward: In its own units; NaN where there is none that counts.
        propensity: p, the probability with which the logged action was drawn.
        action: Its name, as text; None where the log does not say.
        candidates: K, how many actions there were to draw from; None where the log does not say.
        at: Seconds since 1970; None where the log does not say.
        copies: 1/(1 − p_drop), how many rows a row stands for where others were dropped at random; None for 1.
        status: What became of each decision, as text (see `Status`); None where every reward was observed.
        rounds: Gives contexts and candidates, row by row; None where the log does not say.
        others: Whatever else is in the log, by name.
    """

    reward: Vector
    propensity: Vector
    action: NDArray[np.str_] | None = None
    candidates: Vector | None = None
    at: Vector | None = None
    copies: Vector | None = None
    status: NDArray[np.str_] | None = None
    rounds: Callable[[], Iterator[Round]] | None = None
    others: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.reward)

    def part(self, rows: slice | NDArray[np.bool_]) -> Batch:
        """Some of the rows."""

        def some(column: Vector | None) -> Vector | None:
            return None if column is None else column[rows]

        kept = np.zeros(len(self), dtype=bool)
        kept[rows] = True
        rounds = self.rounds
        return Batch(
            self.reward[rows],
            self.propensity[rows],
            None if self.action is None else self.action[rows],
            some(self.candidates),
            some(self.at),
            some(self.copies),
            None if self.status is None else self.status[rows],
            None if rounds is None else lambda: compress(rounds(), kept.tolist()),
            {name: column[rows] for name, column in self.others.items()},
        )


class Dataset(ABC):
    """A log that can be read as batches of columns, once or again.

    Attributes:
        name: Where it comes from.
        drops: Whether rows may stand for several, others like them having been dropped.
        left_out: What was read and is no row, by what was wrong with it; complete when all was read.
        notes: What else a reader should know; complete when all was read.
    """

    drops: bool = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.left_out: Counter[str] = Counter()
        self.notes: list[str] = []

    @abstractmethod
    def read(self) -> Iterator[Batch]:
        """The rows, in the order of the log."""

    def batches(self) -> Iterator[Batch]:
        """The rows from the beginning, counters at 0."""
        self.left_out.clear()
        self.notes.clear()
        yield from self.read()

    @property
    def size(self) -> int:
        """Rows in all; 0 where that is not known before the end."""
        return 0


class Arrays(Dataset):
    """Columns that are in memory already.

    Args:
        columns: The rows.
        name: What the log is called.

    >>> [len(batch) for batch in Arrays(Batch(np.zeros(70_000), np.ones(70_000))).batches()]
    [65536, 4464]
    """

    def __init__(self, columns: Batch, name: str = "arrays") -> None:
        super().__init__(name)
        self.columns, self.drops = columns, columns.copies is not None

    def read(self) -> Iterator[Batch]:
        """Slices of them."""
        if len(self.columns) <= BATCH:
            yield from [self.columns] if len(self.columns) else []
            return
        for start in range(0, len(self.columns), BATCH):
            yield self.columns.part(slice(start, start + BATCH))

    @property
    def size(self) -> int:
        """Rows."""
        return len(self.columns)
