"""The history of an estimate: its curve along the log, the histogram of the weights, and the estimates by segment."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from croupier.evaluation.estimators.base import Estimator
from croupier.evaluation.evidence.curve import CurvePoint, EstimateCurve
from croupier.evaluation.evidence.tally import Tally
from croupier.evaluation.intervals import INTERVALS, Interval, LogBounds
from croupier.evaluation.passes.rows import Rows
from croupier_policies import Vector

MAX_SEGMENTS = 24  # beyond which values share the segment `OTHERS`
OTHERS = "others"
BINS_PER_DOUBLING = 2  # bins of the histogram of weights
MIN_EXPONENT, MAX_EXPONENT = -8, 14  # of 2, at the ends of the histogram


class EvaluationHistory:
    """What the charts of a report show, accumulated from the same batches as the tally.

    Args:
        tally: The tally of the same target; the curve shows its `betting-sequence`, where it has one.
        level: The level of the sequence.

    Attributes:
        curve: The estimate along the log.
        weight_histogram: Rows by weight: 0, then bins of half a doubling each from 2⁻⁸ to 2¹⁴, the outer two open.
        segments: A tally for each value of the segment feature.
    """

    def __init__(self, tally: Tally, level: float = 0.95) -> None:
        self.estimator, self.level = curve_estimator(tally), level
        self.curve = EstimateCurve()
        self.weight_histogram = np.zeros(2 + (MAX_EXPONENT - MIN_EXPONENT) * BINS_PER_DOUBLING, dtype=np.int64)
        self.segments: dict[str, Tally] = {}
        self._tally, self._single_pass = tally, True  # whether it comes from one pass

    def add(self, rows: Rows, target: int) -> None:
        """Add a batch that was already added to the tally."""
        self.weight_histogram += histogram_counts(rows.w[target])
        self._split(rows, target)
        self.curve.add(lambda: self._point(float(rows.at[-1])))

    def merge(self, later: EvaluationHistory) -> None:
        """Add the next partition of the log and its tally; the curve then has one point for each partition."""
        points = self.curve.points[-1:] if self._single_pass else self.curve.points
        self._tally, self._single_pass = self._tally + later._tally, False
        self.weight_histogram = self.weight_histogram + later.weight_histogram
        for label, tally in later.segments.items():
            known = label in self.segments or len(self.segments) < MAX_SEGMENTS
            self._segment(label if known else OTHERS)
            self.segments[label if known else OTHERS] += tally
        at = later.curve.points[-1].at if later.curve.points else math.nan
        self.curve.points = [*points, self._point(at)]

    def _point(self, at: float) -> CurvePoint:
        value, _ = self.estimator.estimate(self._tally.moments[self.estimator.name])
        interval = self.sequence()
        low, high = (math.nan, math.nan) if interval is None else interval[:2]
        return CurvePoint(self._tally.diagnostics.count, at, value, low, high)

    def sequence(self) -> Interval | None:
        """The current confidence sequence."""
        return self._tally.interval("betting-sequence", self.estimator, self.level)

    def _split(self, rows: Rows, target: int) -> None:
        if not rows.segments:
            return
        labels, squares = np.array(rows.segments), rows.squares_for(target)
        for label in dict.fromkeys(rows.segments):
            known = label in self.segments or len(self.segments) < MAX_SEGMENTS
            own = labels == label
            self._segment(label if known else OTHERS).add(
                rows.estimator_inputs(target).select(own),
                rows.outside[target][own],
                rows.max_weight[target],
                None if squares is None else squares[own],
            )

    def _segment(self, label: str) -> Tally:
        if label not in self.segments:
            bounds = LogBounds(self._tally.bounds.low, self._tally.bounds.high)
            self.segments[label] = Tally([self.estimator], {"normal": INTERVALS["normal"]}, bounds)
        return self.segments[label]


def curve_estimator(tally: Tally) -> Estimator:
    """The estimator of the curve: IPS, which always has a confidence sequence, or else the first."""
    found = {each.name: each for each in tally.estimators}
    return found.get("ips", tally.estimators[0])


def histogram_counts(w: Vector) -> NDArray[np.int64]:
    """How many weights are in each class of `EvaluationHistory.weight_histogram`.

    >>> histogram_counts(np.array([0.0, 1.0, 1.0]))[[0, 17]].tolist()
    [1, 2]
    """
    powers = np.log2(np.maximum(w, 2.0**-60))
    found = 1 + np.clip(
        np.floor((powers - MIN_EXPONENT) * BINS_PER_DOUBLING), 0, (MAX_EXPONENT - MIN_EXPONENT) * BINS_PER_DOUBLING
    ).astype(np.int64)
    return np.bincount(np.where(w > 0, found, 0), minlength=2 + (MAX_EXPONENT - MIN_EXPONENT) * BINS_PER_DOUBLING)
