"""A log as columns, from any source."""

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

BATCH = 1 << 16  # rows read at once


class Round(NamedTuple):
    """One decision, and the probabilities of its logging policy.

    Attributes:
        decision: Context, candidates, the action drawn, and its propensity.
        logged: The logging policy's probability of each candidate, shape (K,); None where the log has only that of the
            action drawn.
    """

    decision: DecodedDecision
    logged: Vector | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """Logged rows; every column has shape (n,).

    Attributes:
        reward: In its own units; NaN where there is no usable one.
        propensity: p, the probability with which the logged action was drawn.
        action: The id of the logged action; None where the log has none.
        candidates: K, the number of candidates; None where it is not known.
        at: Seconds since 1970; None where the log has no times.
        subsampling: The subsampling weights 1/(1 − p_drop) of rows retained when others were dropped at random; None
            where all are 1.
        status: The status of each reward, as text (see `DecisionStatus`); None where every reward was observed.
        rounds: Iterates over contexts and candidates, row by row; None where the log has none.
        others: The other columns of the log, by name.
    """

    reward: Vector
    propensity: Vector
    action: NDArray[np.str_] | None = None
    candidates: Vector | None = None
    at: Vector | None = None
    subsampling: Vector | None = None
    status: NDArray[np.str_] | None = None
    rounds: Callable[[], Iterator[Round]] | None = None
    others: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.reward)

    def select(self, rows: slice | NDArray[np.bool_]) -> Batch:
        """A subset of the rows."""

        def select(column: Vector | None) -> Vector | None:
            return None if column is None else column[rows]

        kept = np.zeros(len(self), dtype=bool)
        kept[rows] = True
        rounds = self.rounds
        return Batch(
            self.reward[rows],
            self.propensity[rows],
            None if self.action is None else self.action[rows],
            select(self.candidates),
            select(self.at),
            select(self.subsampling),
            None if self.status is None else self.status[rows],
            None if rounds is None else lambda: compress(rounds(), kept.tolist()),
            {name: column[rows] for name, column in self.others.items()},
        )


class Dataset(ABC):
    """A log that can be read repeatedly, as batches of columns.

    Attributes:
        name: The source of the log.
        subsampled: Whether rows may have subsampling weights.
        skipped: The number of lines that are not rows, by reason; complete once all was read.
        notes: Further notes on the log; complete once all was read.
    """

    subsampled: bool = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.skipped: Counter[str] = Counter()
        self.notes: list[str] = []

    @abstractmethod
    def read(self) -> Iterator[Batch]:
        """The rows, in the order of the log."""

    def batches(self) -> Iterator[Batch]:
        """The rows from the beginning, with the counters reset."""
        self.skipped.clear()
        self.notes.clear()
        yield from self.read()

    @property
    def size(self) -> int:
        """The number of rows; 0 where it is not known before the end."""
        return 0


class InMemoryDataset(Dataset):
    """Columns in memory.

    Args:
        columns: The rows.
        name: The name of the log.

    >>> [len(batch) for batch in InMemoryDataset(Batch(np.zeros(70_000), np.ones(70_000))).batches()]
    [65536, 4464]
    """

    def __init__(self, columns: Batch, name: str = "arrays") -> None:
        super().__init__(name)
        self.columns, self.subsampled = columns, columns.subsampling is not None

    def read(self) -> Iterator[Batch]:
        """Slices of the columns."""
        if len(self.columns) <= BATCH:
            yield from [self.columns] if len(self.columns) else []
            return
        for start in range(0, len(self.columns), BATCH):
            yield self.columns.select(slice(start, start + BATCH))

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.columns)
