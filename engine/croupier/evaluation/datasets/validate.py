"""Validates a log before it is evaluated."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError
from croupier.evaluation.datasets.base import Batch
from croupier.evaluation.estimators.base import standard_error
from croupier.evaluation.estimators.moments import SampleMoments
from croupier_policies import Vector


class Validator:
    """Checks each batch of a log, and the whole log at the end.

    Args:
        low: The lower bound of rewards.
        high: Their upper bound.
        floor: The least propensity; None where none is declared.
    """

    def __init__(self, low: float, high: float, floor: float | None = None) -> None:
        self.low, self.high, self.floor = low, high, floor
        self.rows, self.backwards, self.last = 0, 0, -math.inf
        self.uniform = SampleMoments(0, np.zeros(2), np.zeros((2, 2)))

    def check(self, batch: Batch) -> None:
        """Raises EvidenceError for invalid propensities, rewards or candidates."""
        p, r = batch.propensity, batch.reward
        self._reject(
            ~((p > 0) & (p <= 1)),
            p,
            "propensities are not above 0 and at most 1: log probabilities, not scores or logarithms",
        )
        self._reject(~np.isfinite(r), r, "rewards are not finite: remove the row, or log its reward")
        outside = (r < self.low) | (r > self.high)
        self._reject(outside, r, f"rewards are outside {self.low:g} to {self.high:g}: give the range that holds them")
        if self.floor is not None:
            short = p < self.floor * (1 - 1e-9)
            self._reject(
                short,
                p,
                f"propensities are below the declared floor {self.floor:g}: declare the floor that was in force",
            )
        if batch.candidates is not None:
            self._candidates(batch.candidates, p, np.ones(len(p)) if batch.subsampling is None else batch.subsampling)
        if batch.at is not None:
            self._time(batch.at)
        self.rows += len(batch)

    def _reject(self, wrong: NDArray[np.bool_], column: NDArray[np.float64], what: str) -> None:
        if wrong.any():
            first = int(wrong.argmax())
            row, value = self.rows + first + 1, column[first]
            raise EvidenceError(f"{int(wrong.sum()):,} {what} (the first in row {row:,}: {value:g})")

    def _candidates(self, k: Vector, p: Vector, subsampling: Vector) -> None:
        self._reject(~(k >= 1), k, "rows have fewer than one candidate")
        self._reject((k == 1) & (p < 1 - 1e-6), p, "rows have one candidate and a propensity below 1")
        self.uniform += SampleMoments.of(np.column_stack([subsampling, subsampling / (k * p)]))

    def _time(self, at: NDArray[np.float64]) -> None:
        known = at[np.isfinite(at)]
        if len(known):
            self.backwards += int((np.diff(known, prepend=self.last) < 0).sum())
            self.last = float(known[-1])

    def notes(self) -> list[str]:
        """Notes on the whole log."""
        notes = []
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
