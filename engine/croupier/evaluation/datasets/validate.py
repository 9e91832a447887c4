"""What cannot be in a log, told in plain words before anything is made of it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError
from croupier.evaluation.datasets.base import Batch
from croupier.evaluation.estimators.base import standard_error
from croupier.evaluation.estimators.moments import Moments
from croupier_policies import Vector


class Validator:
    """Looks at each batch of a log, and at the whole at the end.

    Args:
        low: The least reward there can be.
        high: The greatest.
        floor: The least propensity there can be; None where none is declared.
    """

    def __init__(self, low: float, high: float, floor: float | None = None) -> None:
        self.low, self.high, self.floor = low, high, floor
        self.rows, self.backwards, self.last = 0, 0, -math.inf
        self.uniform = Moments(0, np.zeros(2), np.zeros((2, 2)))

    def look(self, batch: Batch) -> None:
        """Raises EvidenceError for what cannot be."""
        p, r = batch.propensity, batch.reward
        self._none(
            ~((p > 0) & (p <= 1)), p, "propensities are not above 0 and at most 1: were they scores, or logarithms?"
        )
        self._none(~np.isfinite(r), r, "rewards are not finite: leave the row out, or log what it earned")
        outside = (r < self.low) | (r > self.high)
        self._none(outside, r, f"rewards are outside {self.low:g} to {self.high:g}: give the range they are in")
        if self.floor is not None:
            short = p < self.floor * (1 - 1e-9)
            self._none(short, p, f"propensities are below the declared floor {self.floor:g}: declare the one it was")
        if batch.candidates is not None:
            self._candidates(batch.candidates, p, np.ones(len(p)) if batch.copies is None else batch.copies)
        if batch.at is not None:
            self._time(batch.at)
        self.rows += len(batch)

    def _none(self, wrong: NDArray[np.bool_], column: NDArray[np.float64], what: str) -> None:
        if wrong.any():
            first = int(wrong.argmax())
            row, value = self.rows + first + 1, column[first]
            raise EvidenceError(f"{int(wrong.sum()):,} {what} (the first in row {row:,}: {value:g})")

    def _candidates(self, k: Vector, p: Vector, copies: Vector) -> None:
        self._none(~(k >= 1), k, "rows have fewer than one candidate")
        self._none((k == 1) & (p < 1 - 1e-6), p, "rows have one candidate, and a propensity below 1")
        self.uniform += Moments.of(np.column_stack([copies, copies / (k * p)]))

    def _time(self, at: NDArray[np.float64]) -> None:
        known = at[np.isfinite(at)]
        if len(known):
            self.backwards += int((np.diff(known, prepend=self.last) < 0).sum())
            self.last = float(known[-1])

    def notes(self) -> list[str]:
        """What a reader should know of the whole."""
        notes = []
        if self.backwards:
            notes.append(
                f"time runs backwards {self.backwards:,} times: what holds at every look supposes rows in the order in "
                "which they were decided"
            )
        if self.uniform.count > 1:
            c, mean = self.uniform.mean[0], float(self.uniform.mean[1] / self.uniform.mean[0])
            error = standard_error(np.array([-mean, 1.0]) / c, self.uniform)
            if abs(mean - 1.0) > max(4 * error, 1e-6):
                notes.append(
                    f"the mean of 1/(K·p) is {mean:.3g} ± {error:.2g}, not 1: some candidates could not be drawn, or "
                    "the logged propensities are not those of the draw"
                )
        return notes
