"""Encodes a flat row as the feature vector of a linear model; the statistics it uses are part of the state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple

import numpy as np

from croupier_policies.base import Finding, Reason, RefusedNames, State, Vector
from croupier_policies.encoding.flat import FlatRow
from croupier_policies.encoding.fourier import FourierFeatures
from croupier_policies.encoding.scaler import RunningMoments, Scaler, SparseRow
from croupier_policies.encoding.watch import Moments, ScaleWatch
from croupier_policies.errors import PolicyError, TooLarge
from croupier_policies.reference.constants import MAX_SQUARED_NORM

ONE_HOT_VALUE = 1.5


class Encoder:
    """Standardises numbers, adds their squares, one-hot encodes strings, adds Fourier features and an intercept.

    A number becomes z = clip((x - running mean) / running sd, ±3) / 2 and, with `squares`, z² - ¼; it is left out while
    its variance is 0. A string becomes 1.5 / √(strings in the row) in the column of its field and value. A row whose
    norm exceeds √8 is scaled down to √8. `waves` random Fourier features of these values have columns of their own.
    Columns are added when a row is *observed*, in that order, and never move; *encoding* a row changes nothing. Once
    there are `max_columns`, further names and values are ignored and counted in `ignored`. Arrays must all have one
    width; their columns are separate from those of named fields.

    >>> encoder = Encoder(max_columns=8)
    >>> encoder.observe({"device": "phone"})
    True
    >>> encoder.encode({"device": "phone"}).vals.tolist()
    [1.0, 1.5]
    """

    def __init__(self, max_columns: int, squares: bool = True, waves: int = 0, seed: int = 0) -> None:
        if not 0 <= waves < max_columns:
            raise PolicyError(
                f"{waves} Fourier features and an intercept leave no column of max_columns={max_columns}; raise it"
            )
        self.max_columns, self.squares = max_columns, squares
        self._per_number = 2 if squares else 1
        self._fourier = FourierFeatures(waves, seed)
        self.ignored, self.size = 0, 1 + waves  # `size` counts columns, the intercept included
        self._numbers: dict[str, RunningMoments] = {}
        self._strings: dict[tuple[str, str], int] = {}  # (name, value) -> column
        self._refused_width: int | None = None  # of an array for which there was no room
        self._forget_findings()
        self._set_arrays(None, self.size, 0, np.zeros(0), np.zeros(0))

    def _set_arrays(self, width: int | None, start: int, rows: int, mean: Vector, m2: Vector) -> None:
        self.width, self._start = width, start  # the width of arrays, None before the first; the first of their columns
        self._rows = np.array([rows], dtype=np.int64)  # arrays observed
        self._mean, self._m2 = mean, m2  # their running moments
        waves = self._fourier.count
        own = np.arange(start, start + self._per_number * mean.shape[0])
        self._dense = np.concatenate([np.arange(1 + waves), own]) if width is not None else np.zeros(1, np.int64)
        self._matrix = self._fourier.matrix(start, mean.shape[0]) if width is not None else np.zeros((1, 0))
        self._scaler = Scaler(mean, m2, self._rows, self._matrix, self._dense)

    def encode(self, row: FlatRow) -> SparseRow:
        """The encoded row under the current statistics. Raises PolicyError for an array of another width."""
        return self.scaler(row).encode(row) if isinstance(row, np.ndarray) else self._encode_fields(row)

    def observe(self, row: FlatRow, room: int | None = None) -> bool:
        """Update the statistics with a row, adding columns up to `max_columns`, and up to `room` if that is less.

        Returns False, with only `ignored` changed, for an array that no longer fits.
        """
        if isinstance(row, np.ndarray):
            scaler = self.admit(row, room)
            if scaler is not None:
                scaler.observe(row)
            return scaler is not None
        self._observe_fields(row, self._limit(room))
        return True

    def _limit(self, room: int | None) -> int:
        return self.max_columns if room is None else min(room, self.max_columns)

    def scaler(self, array: Vector) -> Scaler:
        """The scaler of arrays. Raises PolicyError if this one does not fit."""
        if not self.fits(array, self.max_columns):
            raise self._width_error(array.shape[0])
        return self._scaler

    def admit(self, array: Vector, room: int | None = None) -> Scaler | None:
        """Allocate columns for an array if there are none yet; the scaler, or None if the array is ignored."""
        if array.shape[0] != self.width and not self.fits(array, self._limit(room)):
            self.ignored += 1
            self._refused_width = int(array.shape[0])
            return None
        if self.width is None:
            width = array.shape[0]
            self._set_arrays(width, self.size, 0, np.zeros(width), np.zeros(width))
            self.size += self._per_number * width
        return self._scaler

    def fits(self, array: Vector, limit: int) -> bool:
        """Whether an array has the width of earlier ones or, if it is the first, fits within `limit` columns."""
        width: int = array.shape[0]
        return width == self.width if self.width is not None else self.size + self._per_number * width <= limit

    def width_after(self, row: FlatRow) -> int:
        """The largest number of columns there can be after observing this row."""
        if isinstance(row, np.ndarray):
            return self.size + (self._per_number * row.shape[0] if self.width is None else 0)
        new = 0
        for name, value in row.items():
            known = (name, value) in self._strings if isinstance(value, str) else name in self._numbers
            new += 0 if known else 1 if isinstance(value, str) else self._per_number
        return min(self.size + new, max(self.max_columns, self.size))

    def _width_error(self, width: int) -> PolicyError:
        if self.width is not None:
            return PolicyError(
                f"an array of {width} numbers came after arrays of {self.width}: all arrays must have one width"
            )
        needs = f"an array of {width} numbers needs {self.size + self._per_number * width} columns"
        return TooLarge(f"{needs}, over max_columns={self.max_columns}: raise it, or give fewer numbers")

    def _encode_fields(self, row: Mapping[str, float | str]) -> SparseRow:
        pairs: list[tuple[int, float]] = []
        squares: list[tuple[int, float]] = []
        strings = sum(isinstance(value, str) for value in row.values())
        hot = ONE_HOT_VALUE / math.sqrt(strings) if strings else 0.0
        unseen = 0.0
        # a value that learning will ignore adds no uncertainty: its uncertainty would never shrink
        prior = hot * hot if self.size < self.max_columns else 0.0
        for name, value in row.items():
            if isinstance(value, str):
                if (column := self._strings.get((name, value))) is None:
                    unseen += prior
                else:
                    pairs.append((column, hot))
            elif name in self._numbers and (z := self._numbers[name].z(value)) is not None:
                pairs.append((self._numbers[name].column, z))
                if self.squares:
                    squares.append((self._numbers[name].column + 1, z * z - 0.25))
        waves = self._fourier.features(pairs, len(row)) if self._fourier.count else []
        return _assemble(waves, pairs + squares, unseen)

    def _observe_fields(self, row: Mapping[str, float | str], limit: int) -> None:
        for name, value in row.items():
            if isinstance(value, str):
                if (name, value) not in self._strings and self._reserve(name, 1, limit):
                    self._strings[name, value] = self.size - 1
                continue
            if name not in self._numbers and self._reserve(name, self._per_number, limit):
                self._numbers[name] = RunningMoments(self.size - self._per_number)
            if name in self._numbers:
                self._numbers[name].add(value)

    def _reserve(self, name: str, columns: int, limit: int) -> bool:
        if self.size + columns <= limit:
            self.size += columns
            return True
        self.ignored += 1
        self._refused.add(name)
        return False

    def _refusal(self) -> str:
        if self._refused_width is not None:
            return f"{self.ignored} rows were not learned: {self._width_error(self._refused_width)}"
        return (
            f"there was no room for new features or values {self.ignored} times{self._refused.of()}: all columns "
            f"({self.size}) are in use, and nothing is learned from what is new; open the store with a policy of "
            "larger max_columns or max_bytes and replay=True, or leave out fields with many different values"
        )

    def _forget_findings(self) -> None:
        self._refused = RefusedNames()
        self._refused_width = None
        self._watches = ScaleWatch(), ScaleWatch()  # of named numbers, of arrays

    def findings(self, prefix: str = "") -> list[Finding]:
        """What could not be encoded, and numbers whose values cannot be told apart; `prefix` precedes the names."""
        numbers = list(self._numbers.values())
        named = Moments(*np.array([(each.count, each.mean, each.m2) for each in numbers], float).reshape(-1, 3).T)
        width = self._mean.shape[0]
        array = Moments(np.full(width, float(self._rows[0])), self._mean, self._m2)
        found = self._watches[0].look([prefix + name for name in self._numbers], named)
        found += self._watches[1].look([f"{prefix}{i}" for i in range(width)], array)
        if self.ignored:
            found.append(Finding(Reason.FEATURES_WITHOUT_ROOM, self.ignored, self._refused.names, self._refusal()))
        return found

    def state(self) -> State:
        """The columns and statistics, as plain data."""
        return {
            "ignored": self.ignored,
            "size": self.size,
            "numbers": [[name, *astuple(moments)] for name, moments in self._numbers.items()],
            "strings": [[name, value, column] for (name, value), column in self._strings.items()],
            "width": self.width,
            "start": self._start,
            "rows": int(self._rows[0]),
            "mean": self._mean.copy(),
            "m2": self._m2.copy(),
        }

    def restore(self, state: State) -> None:
        """Replace the state by a `state()`."""
        self.ignored, self.size = state["ignored"], state["size"]
        self._forget_findings()
        self._numbers = {name: RunningMoments(*moments) for name, *moments in state["numbers"]}
        self._strings = {(name, value): column for name, value, column in state["strings"]}
        self._set_arrays(state["width"], state["start"], state["rows"], state["mean"].copy(), state["m2"].copy())


def _assemble(waves: list[float], pairs: list[tuple[int, float]], unseen: float) -> SparseRow:
    """Sort by column, scale down to the largest norm allowed, prepend the intercept and the Fourier features."""
    pairs.sort()
    length = sum(value * value for _, value in pairs) + unseen
    shrink = math.sqrt(MAX_SQUARED_NORM / length) if length > MAX_SQUARED_NORM else 1.0
    cols = np.array([*range(1 + len(waves)), *(column for column, _ in pairs)], dtype=np.int64)
    vals = np.array([1.0, *waves, *(value * shrink for _, value in pairs)])
    return SparseRow(cols, vals, unseen * shrink * shrink)
