"""A log as columns, from any source, every column and row checked in one place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.passes.status import USABLE, DecisionStatus
from croupier.log.reader import DecodedDecision
from croupier_policies import Vector

BATCH = 1 << 16  # rows read at once
EXAMPLES = 3  # invalid rows of each reason that are named
STATUS_NAMES = tuple(each.value for each in DecisionStatus)
#: The beginnings of the reasons for which a row that is no error of the log is skipped.
HARMLESS = ("duplicate", "dangling", "several slots")

Mask: TypeAlias = NDArray[np.bool_]


class Round(NamedTuple):
    """One decision, and the probabilities of its logging policy.

    Attributes:
        decision: Context, candidates, the action drawn, and its propensity.
        logged: The logging policy's probability of each candidate, shape (K,); None where the log has only that of the
            action drawn.
    """

    decision: DecodedDecision
    logged: Vector | None = None


class UnreadableRound(NamedTuple):
    """A row whose context or candidates cannot be given to a policy.

    Attributes:
        reason: The reason, one of a small set, by which such rows are counted.
        detail: What is wrong with this one.
    """

    reason: str
    detail: str


Rounds: TypeAlias = Callable[[], Iterator[Round | UnreadableRound]]


class SkippedRows(Counter[str]):
    """The number of rows that are left out, by reason.

    Attributes:
        unit: What the numbers of rows count, "row" or "line".
        examples: By reason the first few: their numbers in the source, and their values.
    """

    def __init__(self, unit: str = "row") -> None:
        super().__init__()
        self.unit = unit
        self.examples: dict[str, list[str]] = {}

    def count(self, reason: str, row: int | None = None, value: object = None, times: int = 1) -> None:
        """Count a row, or several of which this is the first."""
        self[reason] += times
        named = self.examples.setdefault(reason, [])
        if row is not None and len(named) < EXAMPLES:
            named.append(f"{self.unit} {row:,}" + ("" if value is None else f": {_short(value)}"))

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self.examples.clear()

    @property
    def invalid(self) -> int:
        """The number of rows that are errors of the log: neither repeated nor records of something else."""
        return sum(count for reason, count in self.items() if not reason.startswith(HARMLESS))

    def describe(self, reason: str) -> str:
        """A reason, with the first rows that it holds for."""
        return f"{reason} ({'; '.join(named)})" if (named := self.examples.get(reason)) else reason

    def notes(self) -> list[str]:
        """A line for each reason."""
        return [f"{count:,} rows were left out: {self.describe(reason)}" for reason, count in self.items()]


@dataclass(frozen=True, eq=False)
class Batch:
    """Logged rows, as columns of shape (n,). Their shapes, lengths and types are checked here, for every source.

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
        event: The id of the decision, by which repeated rows are recognised; empty where a row has none.
        number: The number of each row in its source, for messages; by default they are counted from 1.
        invalid: Rows that the source found invalid, by reason, each with the column as the source has it.

    Raises:
        InputError: A column has another shape, length or type; the message names it.
    """

    reward: Vector
    propensity: Vector
    action: NDArray[np.str_] | None = None
    candidates: Vector | None = None
    at: Vector | None = None
    subsampling: Vector | None = None
    status: NDArray[np.str_] | None = None
    rounds: Rounds | None = None
    others: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    event: NDArray[np.str_] | None = None
    number: NDArray[np.int64] | None = None
    invalid: Mapping[str, tuple[Mask, NDArray[Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(_column("reward", self.reward, None, "number"))
        for name in ("reward", "propensity", "candidates", "at", "subsampling", "number"):
            self._set(name, n, "number")
        for name in ("action", "status", "event"):
            self._set(name, n, "text")
        object.__setattr__(self, "others", {name: _column(name, each, n) for name, each in self.others.items()})

    def _set(self, name: str, n: int, kind: str) -> None:
        if (value := getattr(self, name)) is not None:
            object.__setattr__(self, name, _column(name, value, n, kind))

    def __len__(self) -> int:
        return len(self.reward)

    def select(self, rows: slice | Mask) -> Batch:
        """A subset of the rows."""

        def select(column: NDArray[Any] | None) -> Any:
            return None if column is None else column[rows]

        kept = np.zeros(len(self), dtype=bool)
        kept[rows] = True
        rounds = self.rounds
        return Batch(
            self.reward[rows],
            self.propensity[rows],
            select(self.action),
            select(self.candidates),
            select(self.at),
            select(self.subsampling),
            select(self.status),
            None if rounds is None else lambda: compress(rounds(), kept.tolist()),
            {name: column[rows] for name, column in self.others.items()},
            select(self.event),
            select(self.number),
            {reason: (mask[rows], column[rows]) for reason, (mask, column) in self.invalid.items()},
        )


def _column(name: str, value: Any, n: int | None, kind: str | None = None) -> NDArray[Any]:
    """A column of shape (n,) and of a kind: numbers as float64, or text."""
    try:
        column = value if type(value) is np.ndarray else np.asarray(value)
    except ValueError as error:
        raise InputError(f"{name} is not a column of values: {error}") from error
    if column.ndim != 1:
        raise InputError(f"{name} has the shape {column.shape}; give one value for each row, shape (n,)")
    if n is not None and len(column) != n:
        raise InputError(f"{name} has {len(column):,} values and reward has {n:,}; give one for each row")
    if kind == "text" and column.dtype.kind != "U":
        return column.astype(np.str_)
    if kind == "number" and column.dtype.kind not in "fiu":
        if len(column):
            raise InputError(f"{name} holds {column.dtype.name} values; give numbers")
        return column.astype(np.float64)
    return column.astype(np.float64) if kind == "number" and name != "number" and column.dtype != np.float64 else column


def invalid_rows(batch: Batch) -> dict[str, tuple[Mask, NDArray[Any]]]:
    """The rows that cannot be used, by reason, each with the column that is wrong.

    A row without a usable reward needs no valid one; every row needs a valid propensity.

    >>> list(invalid_rows(Batch(np.array([0.0, np.inf]), np.array([0.5, 0.5]))))
    ['the reward is not finite']
    """
    p, r, k, drop = batch.propensity, batch.reward, batch.candidates, batch.subsampling
    used = np.ones(len(batch), dtype=bool) if batch.status is None else np.isin(batch.status, USABLE)
    wrong: list[tuple[str, Mask | None, NDArray[Any] | None]] = [
        (
            "the propensity is not above 0 and at most 1: log probabilities, not scores or logarithms",
            ~((p > 0) & (p <= 1)),
            p,
        ),
        ("the reward is not finite", used & ~np.isfinite(r), r),
        (
            f"the status of the reward is not one of {', '.join(STATUS_NAMES)}",
            None if batch.status is None else ~np.isin(batch.status, STATUS_NAMES),
            batch.status,
        ),
        ("the action is empty", None if batch.action is None else batch.action == "", batch.action),
        ("there are fewer than one candidates", None if k is None else ~((k >= 1) & np.isfinite(k)), k),
        (
            "there is one candidate and a propensity below 1",
            None if k is None else (k == 1) & (p < 1 - 1e-6),
            p,
        ),
        ("p_drop is not in [0, 1)", None if drop is None else ~((drop >= 1) & np.isfinite(drop)), drop),
    ]
    return {
        reason: (mask, column)
        for reason, mask, column in wrong
        if mask is not None and column is not None and mask.any()
    }


class Dataset(ABC):
    """A log that can be read repeatedly, as batches of columns.

    Attributes:
        name: The source of the log.
        subsampled: Whether rows may have subsampling weights.
        roles: By role the name of its column, where the source has named columns.
        left_out: The rows that are left out, by reason; complete once all was read.
        notes: Further notes on the log; complete once all was read.
    """

    subsampled: bool = False

    def __init__(self, name: str, unit: str = "row") -> None:
        self.name = name
        self.roles: Mapping[str, str] = {}
        self.left_out = SkippedRows(unit)
        self.notes: list[str] = []

    @abstractmethod
    def read(self) -> Iterator[Batch]:
        """The rows, in the order of the log, as the source has them."""

    def batches(self) -> Iterator[Batch]:
        """The valid rows from the beginning, with the counters reset; other rows are counted by reason."""
        self.left_out.clear()
        self.notes.clear()
        seen: set[int] = set()
        start = 1
        for batch in self.read():
            number = np.arange(start, start + len(batch)) if batch.number is None else batch.number
            start += len(batch)
            batch = replace(_with_missing(batch), number=number)
            batch = self.leave_out(batch, batch.invalid)
            batch = self.leave_out(batch, invalid_rows(batch))
            if batch.event is not None:
                repeated = _repeated(batch.event, seen)
                batch = self.leave_out(batch, {"duplicate: its event id occurs before": (repeated, batch.event)})
            yield batch

    def leave_out(self, batch: Batch, wrong: Mapping[str, tuple[Mask, NDArray[Any]]]) -> Batch:
        """The rows that are not wrong; the others are counted, each for its first reason.

        Args:
            batch: Numbered rows.
            wrong: By reason the rows, and the column whose value in the first few is shown.
        """
        kept = np.ones(len(batch), dtype=bool)
        for reason, (mask, column) in wrong.items():
            rows = np.flatnonzero(mask & kept)
            for row in rows[:EXAMPLES].tolist():
                number = None if batch.number is None else int(batch.number[row])
                self.left_out.count(reason, number, column[row], 0)
            if len(rows):
                self.left_out[reason] += len(rows)
                kept[rows] = False
        return batch if kept.all() else batch.select(kept)

    @property
    def size(self) -> int:
        """The number of rows; 0 where it is not known before the end."""
        return 0


def _with_missing(batch: Batch) -> Batch:
    """The rows without a reward as decisions whose reward is missing, where the log has no statuses."""
    missing = np.isnan(batch.reward)
    if batch.status is not None or not missing.any():
        return batch
    return replace(batch, status=np.where(missing, DecisionStatus.MISSING.value, DecisionStatus.OBSERVED.value))


def _repeated(event: NDArray[np.str_], seen: set[int]) -> Mask:
    """The rows whose event occurs in an earlier one; 64-bit hashes of ids are remembered."""
    repeated = np.zeros(len(event), dtype=bool)
    for row, name in enumerate(event.tolist()):
        if name:
            key = hash(name)
            repeated[row] = key in seen
            seen.add(key)
    return repeated


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(str(value)[:80])


def refuse(skipped: SkippedRows) -> None:
    """Raises EvidenceError where any row is invalid, for a caller who wants no row left out."""
    for reason, count in skipped.items():
        if not reason.startswith(HARMLESS):
            raise EvidenceError(f"{count:,} rows are invalid: {skipped.describe(reason)}")


class InMemoryDataset(Dataset):
    """Columns in memory.

    Args:
        columns: The rows.
        name: The name of the log.
        roles: By role the name of its column, where these had names.
        notes: What is to be noted of the columns.

    >>> [len(batch) for batch in InMemoryDataset(Batch(np.zeros(70_000), np.ones(70_000))).batches()]
    [65536, 4464]
    """

    def __init__(
        self,
        columns: Batch,
        name: str = "arrays",
        roles: Mapping[str, str] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(name)
        self.columns, self.subsampled = columns, columns.subsampling is not None
        self.roles, self._column_notes = roles or {}, tuple(notes)

    def read(self) -> Iterator[Batch]:
        """Slices of the columns."""
        self.notes.extend(self._column_notes)
        if len(self.columns) <= BATCH:
            yield from [self.columns] if len(self.columns) else []
            return
        for start in range(0, len(self.columns), BATCH):
            yield self.columns.select(slice(start, start + BATCH))

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.columns)
