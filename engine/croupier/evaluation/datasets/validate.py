"""Validates a log before it is evaluated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.datasets.base import Batch, Mask, invalid_rows
from croupier.evaluation.estimators.base import standard_error
from croupier.evaluation.estimators.moments import SampleMoments


class Validator:
    """Checks each batch of a log against what is declared of it, and the whole log at the end.

    Args:
        low: The lower bound of rewards.
        high: Their upper bound.
        floor: The least propensity; None where none is declared.

    Raises:
        InputError: The range is empty or not finite, or the floor is not in (0, 1].
    """

    def __init__(self, low: float, high: float, floor: float | None = None) -> None:
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise InputError(f"the rewards are declared to be from {low:g} to {high:g}; give the lower bound first")
        if floor is not None and not 0 < floor <= 1:
            raise InputError(f"floor is {floor:g}; give the least propensity, above 0 and at most 1, or none")
        self.low, self.high, self.floor = low, high, floor
        self.rows, self.timeless, self.backwards, self.last = 0, 0, 0, -math.inf
        self.uniform = SampleMoments(0, np.zeros(2), np.zeros((2, 2)))

    def check(self, batch: Batch) -> None:
        """Raises EvidenceError where any row is invalid; see `invalid`."""
        for reason, (mask, column) in {**invalid_rows(batch), **self.invalid(batch)}.items():
            first = int(mask.argmax())
            raise EvidenceError(
                f"{int(mask.sum()):,} rows are invalid: {reason} (row {self.rows + first + 1:,}: {column[first]})"
            )
        self.observe(batch)

    def invalid(self, batch: Batch) -> dict[str, tuple[Mask, NDArray[Any]]]:
        """The rows that contradict what is declared, by reason, each with the column that does."""
        p, r = batch.propensity, batch.reward
        found: dict[str, tuple[Mask, NDArray[Any]]] = {
            f"the reward is outside {self.low:g} to {self.high:g}: give the range that holds it": (
                (r < self.low) | (r > self.high),
                r,
            )
        }
        if self.floor is not None:
            reason = f"the propensity is below the declared floor {self.floor:g}: declare the floor that was in force"
            found[reason] = (p < self.floor * (1 - 1e-9), p)
        return {reason: each for reason, each in found.items() if each[0].any()}

    def observe(self, batch: Batch) -> None:
        """Add valid rows to what is known of the whole log."""
        if batch.candidates is not None:
            subsampling = np.ones(len(batch)) if batch.subsampling is None else batch.subsampling
            ratio = subsampling / (batch.candidates * batch.propensity)
            self.uniform += SampleMoments.of(np.column_stack([subsampling, ratio]))
        if batch.at is not None:
            self._time(batch.at)
        self.rows += len(batch)

    def _time(self, at: NDArray[np.float64]) -> None:
        known = at[np.isfinite(at)]
        self.timeless += len(at) - len(known)
        if len(known):
            self.backwards += int((np.diff(known, prepend=self.last) < 0).sum())
            self.last = float(known[-1])

    def notes(self) -> list[str]:
        """Notes on the whole log."""
        notes = []
        if self.timeless:
            notes.append(f"{self.timeless:,} rows have no time that can be read, and take that of the row before")
        if self.backwards:
            notes.append(
                f"timestamps decrease {self.backwards:,} times: confidence sequences assume rows in the order of "
                "the decisions"
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
