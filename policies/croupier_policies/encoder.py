"""From a raw row to the vector a linear model learns on; every statistic it needs is part of the folded state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies import kernels
from croupier_policies.base import Row, State, Vector
from croupier_policies.errors import PolicyError

HOT = 1.5
LONGEST = 8.0  # squared length of a row beside its intercept


class Encoded(NamedTuple):
    """A sparse vector: ascending columns, their values, and the squared length outside the columns known so far."""

    cols: NDArray[np.int64]
    vals: Vector
    unseen: float


class Encoder:
    """Standardises numbers, adds their squares, makes strings one-hot, and appends the intercept 1.

    A number becomes z = clip((x - running mean) / running sd, ±3) / 2 and z² - ¼; while it has never varied it says
    nothing. A string becomes 1.5 / √(strings in the row) in the column of its field and value. A row longer than √8 is
    shrunk to √8. Columns appear when a row is *observed*, in that order, and never move; a row that is only *encoded*
    changes nothing. Once `max_columns` exist, further names and values are ignored, and counted in `ignored`.

    >>> encoder = Encoder(max_columns=8)
    >>> encoder.observe({"device": "phone"})
    True
    >>> encoder.encode({"device": "phone"}).vals.tolist()
    [1.0, 1.5]
    """

    def __init__(self, max_columns: int) -> None:
        self.max_columns = max_columns
        self.width: int | None = None  # of an array context, once one was observed
        self.rows = 0
        self.ignored = 0
        self.size = 1  # columns, the intercept included
        self._mean = np.zeros(0)
        self._m2 = np.zeros(0)
        self._count: list[int] = []  # per named number: rows that had it
        self._numbers: dict[str, tuple[int, int]] = {}  # name -> (place in the moments, first of two columns)
        self._strings: dict[tuple[str, str], int] = {}  # (name, value) -> column
        self._dense = np.arange(1)

    def encode(self, row: Row) -> Encoded:
        """The vector of a row under the statistics so far."""
        if isinstance(row, np.ndarray):
            return self._encode_array(row)
        return self._encode_fields(row)

    def observe(self, row: Row) -> bool:
        """Count a row into the statistics; True if columns were added."""
        self.rows += 1
        before = self.size
        if isinstance(row, np.ndarray):
            self._observe_array(row)
        else:
            self._observe_fields(row)
        return self.size != before

    def width_after(self, row: Row) -> int:
        """How many columns there will be at most once this row was observed."""
        if isinstance(row, np.ndarray):
            return self.size if self.width is not None else 1 + 2 * row.shape[0]
        new = sum(
            ((name, value) not in self._strings) if isinstance(value, str) else 2 * (name not in self._numbers)
            for name, value in row.items()
        )
        return min(self.size + new, max(self.max_columns, self.size))

    def _encode_array(self, row: Vector) -> Encoded:
        self._check_array(row)
        if self.width is None:
            return Encoded(self._dense[:1], np.ones(1), 0.0)
        vals = np.empty(self.size)
        kernels.encode_dense(row, self._mean, self._m2, self.rows, vals)
        return Encoded(self._dense, vals, 0.0)

    def _check_array(self, row: Vector) -> None:
        width = row.shape[0]
        if self.width is not None and width != self.width:
            raise PolicyError(f"an array of {width} numbers came after arrays of {self.width}: give as many every time")
        if 1 + 2 * width > self.max_columns:
            raise PolicyError(
                f"an array of {width} numbers needs {1 + 2 * width} columns, over max_columns={self.max_columns}: "
                "raise it (memory grows with its square), or give fewer numbers"
            )

    def _observe_array(self, row: Vector) -> None:
        self._check_array(row)
        if self.width is None:
            self.width = row.shape[0]
            self.size = 1 + 2 * self.width
            self._mean, self._m2 = np.zeros(self.width), np.zeros(self.width)
            self._dense = np.arange(self.size)
        kernels.observe_dense(row, self._mean, self._m2, self.rows)

    def _encode_fields(self, row: Row) -> Encoded:
        pairs: list[tuple[int, float]] = []
        strings = sum(isinstance(value, str) for value in row.values())  # type: ignore[union-attr] # a mapping here
        hot = HOT / strings**0.5 if strings else 0.0
        unseen = 0.0
        for name, value in row.items():  # type: ignore[union-attr] # a mapping here
            if isinstance(value, str):
                column = self._strings.get((name, value))
                if column is None:
                    unseen += hot * hot
                else:
                    pairs.append((column, hot))
            elif name in self._numbers:
                pairs.extend(self._standardised(name, value))
        return _assembled(pairs, unseen)

    def _standardised(self, name: str, value: float) -> Iterable[tuple[int, float]]:
        place, column = self._numbers[name]
        if not self._m2[place] > 0.0:
            return ()
        z = (value - self._mean[place]) / (self._m2[place] / self._count[place]) ** 0.5
        z = float(min(max(z, -3.0), 3.0)) / 2.0
        return (column, z), (column + 1, z * z - 0.25)

    def _observe_fields(self, row: Row) -> None:
        for name, value in row.items():  # type: ignore[union-attr] # a mapping here
            if isinstance(value, str):
                if (name, value) not in self._strings and self._room(1):
                    self._strings[name, value] = self.size
                    self.size += 1
            elif name in self._numbers or self._add_number(name):
                place = self._numbers[name][0]
                self._count[place] += 1
                delta = value - self._mean[place]
                self._mean[place] += delta / self._count[place]
                self._m2[place] += delta * (value - self._mean[place])

    def _add_number(self, name: str) -> bool:
        if not self._room(2):
            return False
        self._numbers[name] = (len(self._count), self.size)
        self._count.append(0)
        self._mean, self._m2 = np.append(self._mean, 0.0), np.append(self._m2, 0.0)
        self.size += 2
        return True

    def _room(self, columns: int) -> bool:
        if self.size + columns <= self.max_columns:
            return True
        self.ignored += 1
        return False

    def state(self) -> State:
        """Everything above, as plain data."""
        return {
            "width": self.width,
            "rows": self.rows,
            "ignored": self.ignored,
            "size": self.size,
            "mean": self._mean.copy(),
            "m2": self._m2.copy(),
            "count": list(self._count),
            "numbers": [[name, place, column] for name, (place, column) in self._numbers.items()],
            "strings": [[name, value, column] for (name, value), column in self._strings.items()],
        }

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        self.width, self.rows, self.ignored, self.size = (state[k] for k in ("width", "rows", "ignored", "size"))
        self._mean, self._m2 = state["mean"].copy(), state["m2"].copy()
        self._count = list(state["count"])
        self._numbers = {name: (place, column) for name, place, column in state["numbers"]}
        self._strings = {(name, value): column for name, value, column in state["strings"]}
        self._dense = np.arange(self.size)


def _assembled(pairs: list[tuple[int, float]], unseen: float) -> Encoded:
    """Sort by column, shrink to the longest length allowed, put the intercept in front."""
    pairs.sort()
    length = sum(value * value for _, value in pairs) + unseen
    shrink = (LONGEST / length) ** 0.5 if length > LONGEST else 1.0
    cols = np.empty(len(pairs) + 1, dtype=np.int64)
    vals = np.empty(len(pairs) + 1)
    cols[0], vals[0] = 0, 1.0
    for i, (column, value) in enumerate(pairs, 1):
        cols[i] = column
        vals[i] = value * shrink
    return Encoded(cols, vals, unseen * shrink * shrink)
