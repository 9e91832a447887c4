"""From a raw row to the vector a linear model learns on; every statistic it needs is part of the folded state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple

import numpy as np

from croupier_policies.base import Row, State, Vector
from croupier_policies.encoding.scaler import Encoded, Moments, Scaler
from croupier_policies.encoding.waves import Waves
from croupier_policies.errors import PolicyError
from croupier_policies.kernels.encoding import LONGEST

HOT = 1.5


class Encoder:
    """Standardises numbers, adds their squares, makes strings one-hot, and prepends the intercept 1 and the waves.

    A number becomes z = clip((x - running mean) / running sd, ±3) / 2 and, with `squares`, z² - ¼; while it has never
    varied it says nothing. A string becomes 1.5 / √(strings in the row) in the column of its field and value. A row
    longer than √8 is shrunk to √8. `waves` cosines of random combinations of all that stand in columns of their own.
    Columns appear when a row is *observed*, in that order, and never move; a row that is only *encoded* changes
    nothing. Once `max_columns` exist, further names and values are ignored, and counted in `ignored`. Arrays, all of
    one width, have columns of their own beside those of named fields.

    >>> encoder = Encoder(max_columns=8)
    >>> encoder.observe({"device": "phone"})
    True
    >>> encoder.encode({"device": "phone"}).vals.tolist()
    [1.0, 1.5]
    """

    def __init__(self, max_columns: int, squares: bool = True, waves: int = 0, seed: int = 0) -> None:
        if not 0 <= waves < max_columns:
            raise PolicyError(f"{waves} waves and an intercept leave no column of max_columns={max_columns}")
        self.max_columns, self.squares = max_columns, squares
        self._per_number = 2 if squares else 1
        self._waves = Waves(waves, seed)
        self.ignored, self.size = 0, 1 + waves  # `size` counts columns, the intercept included
        self._numbers: dict[str, Moments] = {}
        self._strings: dict[tuple[str, str], int] = {}  # (name, value) -> column
        self._set_arrays(None, self.size, 0, np.zeros(0), np.zeros(0))

    def _set_arrays(self, width: int | None, start: int, rows: int, mean: Vector, m2: Vector) -> None:
        self.width, self._start = width, start  # of an array, once one was observed; the first of its columns
        self._rows = np.array([rows], dtype=np.int64)  # arrays observed
        self._mean, self._m2 = mean, m2  # their moments
        waves = self._waves.count
        own = np.arange(start, start + self._per_number * mean.shape[0])
        self._dense = np.concatenate([np.arange(1 + waves), own]) if width is not None else np.zeros(1, np.int64)
        self._matrix = self._waves.matrix(start, mean.shape[0]) if width is not None else np.zeros((1, 0))
        self._scaler = Scaler(mean, m2, self._rows, self._matrix, self._dense)

    def encode(self, row: Row) -> Encoded:
        """The vector of a row under the statistics so far. Raises PolicyError for an array that does not fit."""
        return self.scaler(row).encode(row) if isinstance(row, np.ndarray) else self._encode_fields(row)

    def observe(self, row: Row, room: int | None = None) -> bool:
        """Count a row into the statistics, adding columns up to `max_columns` and to `room` if that is less.

        False, and only `ignored` has changed, for an array that does not fit any more since it was asked for.
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
        """What is known of arrays like this one. Raises PolicyError where it does not fit."""
        if not self.fits(array, self.max_columns):
            raise self._misfit(array.shape[0])
        return self._scaler

    def admit(self, array: Vector, room: int | None = None) -> Scaler | None:
        """Make place for an array, which the scaler has then to observe; None where it is ignored."""
        if array.shape[0] != self.width and not self.fits(array, self._limit(room)):
            self.ignored += 1
            return None
        if self.width is None:
            width = array.shape[0]
            self._set_arrays(width, self.size, 0, np.zeros(width), np.zeros(width))
            self.size += self._per_number * width
        return self._scaler

    def fits(self, array: Vector, limit: int) -> bool:
        """Whether an array is as wide as those before, or, the first one, finds room below `limit` columns."""
        width: int = array.shape[0]
        return width == self.width if self.width is not None else self.size + self._per_number * width <= limit

    def width_after(self, row: Row) -> int:
        """How many columns there will be at most once this row was observed."""
        if isinstance(row, np.ndarray):
            return self.size + (self._per_number * row.shape[0] if self.width is None else 0)
        new = 0
        for name, value in row.items():
            known = (name, value) in self._strings if isinstance(value, str) else name in self._numbers
            new += 0 if known else 1 if isinstance(value, str) else self._per_number
        return min(self.size + new, max(self.max_columns, self.size))

    def _misfit(self, width: int) -> PolicyError:
        if self.width is not None:
            return PolicyError(
                f"an array of {width} numbers came after arrays of {self.width}: give as many every time"
            )
        needs = f"an array of {width} numbers needs {self.size + self._per_number * width} columns"
        return PolicyError(f"{needs}, over max_columns={self.max_columns}: raise it, or give fewer numbers")

    def _encode_fields(self, row: Mapping[str, float | str]) -> Encoded:
        pairs: list[tuple[int, float]] = []
        squares: list[tuple[int, float]] = []
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
            elif name in self._numbers and (z := self._numbers[name].z(value)) is not None:
                pairs.append((self._numbers[name].column, z))
                if self.squares:
                    squares.append((self._numbers[name].column + 1, z * z - 0.25))
        waves = self._waves.of(pairs, len(row)) if self._waves.count else []
        return _assembled(waves, pairs + squares, unseen)

    def _observe_fields(self, row: Mapping[str, float | str], limit: int) -> None:
        for name, value in row.items():
            if isinstance(value, str):
                if (name, value) not in self._strings and self._took(1, limit):
                    self._strings[name, value] = self.size - 1
                continue
            if name not in self._numbers and self._took(self._per_number, limit):
                self._numbers[name] = Moments(self.size - self._per_number)
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
            "rows": int(self._rows[0]),
            "mean": self._mean.copy(),
            "m2": self._m2.copy(),
        }

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        self.ignored, self.size = state["ignored"], state["size"]
        self._numbers = {name: Moments(*moments) for name, *moments in state["numbers"]}
        self._strings = {(name, value): column for name, value, column in state["strings"]}
        self._set_arrays(state["width"], state["start"], state["rows"], state["mean"].copy(), state["m2"].copy())


def _assembled(waves: list[float], pairs: list[tuple[int, float]], unseen: float) -> Encoded:
    """Sort by column, shrink to the longest length allowed, put the intercept and the waves in front."""
    pairs.sort()
    length = sum(value * value for _, value in pairs) + unseen
    shrink = math.sqrt(LONGEST / length) if length > LONGEST else 1.0
    cols = np.array([*range(1 + len(waves)), *(column for column, _ in pairs)], dtype=np.int64)
    vals = np.array([1.0, *waves, *(value * shrink for _, value in pairs)])
    return Encoded(cols, vals, unseen * shrink * shrink)
