"""From a raw row to the vector a linear model learns on; every statistic it needs is part of the folded state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies import kernels
from croupier_policies.base import Row, State, Vector
from croupier_policies.errors import PolicyError

HOT = 1.5
LONGEST = 8.0  # squared length of a row beside its intercept
LARGEST = 1e100  # numbers are clipped to ± this before they are counted, so that no sum of squares overflows


class Encoded(NamedTuple):
    """A sparse vector: ascending columns, their values, and the squared length outside the columns known so far."""

    cols: NDArray[np.int64]
    vals: Vector
    unseen: float


@dataclass(slots=True)
class _Moments:
    """What is known of one named number, and the first of its two columns."""

    column: int
    count: int = 0
    mean: float = 0.0
    m2: float = 0.0

    def add(self, value: float) -> None:
        value = min(max(float(value), -LARGEST), LARGEST)
        self.count += 1
        delta = value - self.mean
        self.mean += delta / self.count
        self.m2 += delta * (value - self.mean)

    def columns(self, value: float) -> tuple[tuple[int, float], ...]:
        variance = self.m2 / self.count
        if not variance > 0.0:
            return ()
        z = (float(value) - self.mean) / math.sqrt(variance)
        z = min(max(z, -3.0), 3.0) / 2.0
        return (self.column, z), (self.column + 1, z * z - 0.25)


class Encoder:
    """Standardises numbers, adds their squares, makes strings one-hot, and appends the intercept 1.

    A number becomes z = clip((x - running mean) / running sd, ±3) / 2 and z² - ¼; while it has never varied it says
    nothing. A string becomes 1.5 / √(strings in the row) in the column of its field and value. A row longer than √8 is
    shrunk to √8. Columns appear when a row is *observed*, in that order, and never move; a row that is only *encoded*
    changes nothing. Once `max_columns` exist, further names and values are ignored, and counted in `ignored`.
    Arrays, all of one width, have columns of their own beside those of named fields.

    >>> encoder = Encoder(max_columns=8)
    >>> encoder.observe({"device": "phone"})
    True
    >>> encoder.encode({"device": "phone"}).vals.tolist()
    [1.0, 1.5]
    """

    def __init__(self, max_columns: int) -> None:
        self.max_columns = max_columns
        self.ignored, self.size = 0, 1  # `size` counts columns, the intercept included
        self._numbers: dict[str, _Moments] = {}
        self._strings: dict[tuple[str, str], int] = {}  # (name, value) -> column
        self._set_arrays(None, 1, 0, np.zeros(0), np.zeros(0))

    def _set_arrays(self, width: int | None, start: int, rows: int, mean: Vector, m2: Vector) -> None:
        self.width, self._start = width, start  # of an array, once one was observed; the first of its columns
        self.rows, self._mean, self._m2 = rows, mean, m2  # arrays observed, and their moments
        self._dense = np.concatenate([np.zeros(1, np.int64), np.arange(start, start + 2 * mean.shape[0])])

    def encode(self, row: Row) -> Encoded:
        """The vector of a row under the statistics so far. Raises PolicyError for an array that does not fit."""
        return self._encode_array(row) if isinstance(row, np.ndarray) else self._encode_fields(row)

    def observe(self, row: Row, room: int | None = None) -> bool:
        """Count a row into the statistics, adding columns up to `max_columns` and to `room` if that is less.

        False, and only `ignored` has changed, for an array that does not fit any more since it was asked for.
        """
        limit = self.max_columns if room is None else min(room, self.max_columns)
        if not isinstance(row, np.ndarray):
            self._observe_fields(row, limit)
            return True
        if not self.fits(row, limit):
            self.ignored += 1
            return False
        if self.width is None:
            self._set_arrays(len(row), self.size, 0, np.zeros(len(row)), np.zeros(len(row)))
            self.size += 2 * len(row)
        self.rows += 1
        kernels.observe_dense(np.minimum(np.maximum(row, -LARGEST), LARGEST), self._mean, self._m2, self.rows)
        return True

    def fits(self, array: Vector, limit: int) -> bool:
        """Whether an array is as wide as those before, or, the first one, finds room below `limit` columns."""
        width: int = array.shape[0]
        return width == self.width if self.width is not None else self.size + 2 * width <= limit

    def width_after(self, row: Row) -> int:
        """How many columns there will be at most once this row was observed."""
        if isinstance(row, np.ndarray):
            return self.size + (2 * row.shape[0] if self.width is None else 0)
        new = 0
        for name, value in row.items():
            new += (name, value) not in self._strings if isinstance(value, str) else 2 * (name not in self._numbers)
        return min(self.size + new, max(self.max_columns, self.size))

    def _encode_array(self, row: Vector) -> Encoded:
        if not self.fits(row, self.max_columns):
            raise self._misfit(row.shape[0])
        if self.width is None:
            return Encoded(self._dense[:1], np.ones(1), 0.0)
        vals = np.empty(self._dense.shape[0])
        kernels.encode_dense(row, self._mean, self._m2, self.rows, vals)
        return Encoded(self._dense, vals, 0.0)

    def _misfit(self, width: int) -> PolicyError:
        if self.width is not None:
            return PolicyError(
                f"an array of {width} numbers came after arrays of {self.width}: give as many every time"
            )
        needs = f"an array of {width} numbers needs {self.size + 2 * width} columns"
        return PolicyError(f"{needs}, over max_columns={self.max_columns}: raise it, or give fewer numbers")

    def _encode_fields(self, row: Mapping[str, float | str]) -> Encoded:
        pairs: list[tuple[int, float]] = []
        strings = sum(isinstance(value, str) for value in row.values())
        hot = HOT / math.sqrt(strings) if strings else 0.0
        unseen = 0.0
        # what will be ignored when learned is no reason to explore: its uncertainty would never shrink
        prior = hot * hot if self.size < self.max_columns else 0.0
        for name, value in row.items():
            if isinstance(value, str):
                if (column := self._strings.get((name, value))) is None:
                    unseen += prior
                else:
                    pairs.append((column, hot))
            elif name in self._numbers:
                pairs.extend(self._numbers[name].columns(value))
        return _assembled(pairs, unseen)

    def _observe_fields(self, row: Mapping[str, float | str], limit: int) -> None:
        for name, value in row.items():
            if isinstance(value, str):
                if (name, value) not in self._strings and self._took(1, limit):
                    self._strings[name, value] = self.size - 1
                continue
            if name not in self._numbers and self._took(2, limit):
                self._numbers[name] = _Moments(self.size - 2)
            if name in self._numbers:
                self._numbers[name].add(value)

    def _took(self, columns: int, limit: int) -> bool:
        room = self.size + columns <= limit
        self.size += columns if room else 0
        self.ignored += not room
        return room

    def state(self) -> State:
        """Everything above, as plain data."""
        return {
            "ignored": self.ignored,
            "size": self.size,
            "numbers": [[name, *astuple(moments)] for name, moments in self._numbers.items()],
            "strings": [[name, value, column] for (name, value), column in self._strings.items()],
            "width": self.width,
            "start": self._start,
            "rows": self.rows,
            "mean": self._mean.copy(),
            "m2": self._m2.copy(),
        }

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        self.ignored, self.size = state["ignored"], state["size"]
        self._numbers = {name: _Moments(*moments) for name, *moments in state["numbers"]}
        self._strings = {(name, value): column for name, value, column in state["strings"]}
        self._set_arrays(state["width"], state["start"], state["rows"], state["mean"].copy(), state["m2"].copy())


def _assembled(pairs: list[tuple[int, float]], unseen: float) -> Encoded:
    """Sort by column, shrink to the longest length allowed, put the intercept in front."""
    pairs.sort()
    length = sum(value * value for _, value in pairs) + unseen
    shrink = math.sqrt(LONGEST / length) if length > LONGEST else 1.0
    cols = np.array([0, *(column for column, _ in pairs)], dtype=np.int64)
    vals = np.array([1.0, *(value * shrink for _, value in pairs)])
    return Encoded(cols, vals, unseen * shrink * shrink)
