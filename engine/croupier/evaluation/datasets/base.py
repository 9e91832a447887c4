"""A log as columns, wherever it comes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from croupier_policies import Vector

BATCH = 1 << 16  # rows read at a time


@dataclass(frozen=True, eq=False)
class Batch:
    """Logged rows; every column has shape (n,).

    Attributes:
        reward: In its own units.
        propensity: p, the probability with which the logged action was drawn.
        action: Its name, as text; None where the log does not say.
        candidates: K, how many actions there were to draw from; None where the log does not say.
        at: Seconds since 1970; None where the log does not say.
        copies: 1/(1 − p_drop), how many rows a row stands for where others were dropped at random; None for 1.
        others: Whatever else is in the log, by name.
    """

    reward: Vector
    propensity: Vector
    action: NDArray[np.str_] | None = None
    candidates: Vector | None = None
    at: Vector | None = None
    copies: Vector | None = None
    others: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.reward)


class Dataset(ABC):
    """A log that can be read as batches of columns, once or again.

    Attributes:
        name: Where it comes from.
        left_out: Rows that were read and left out, by what was wrong with them; complete when all was read.
        notes: What else a reader should know; complete when all was read.
    """

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
        self.columns = columns

    def read(self) -> Iterator[Batch]:
        """Slices of them."""
        for start in range(0, len(self.columns), BATCH):
            yield _sliced(self.columns, slice(start, start + BATCH))


def _sliced(batch: Batch, rows: slice) -> Batch:
    def some(column: Vector | None) -> Vector | None:
        return None if column is None else column[rows]

    action = None if batch.action is None else batch.action[rows]
    others = {name: column[rows] for name, column in batch.others.items()}
    candidates, at, copies = (some(column) for column in (batch.candidates, batch.at, batch.copies))
    return Batch(batch.reward[rows], batch.propensity[rows], action, candidates, at, copies, others)
