"""How an estimate came about: its course over the log, how the weights are spread, and what it is by segment."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from croupier.evaluation.estimators.base import Estimator
from croupier.evaluation.evidence.accumulator import Tally
from croupier.evaluation.evidence.curve import Course, Mark
from croupier.evaluation.intervals import INTERVALS, Interval, Setting
from croupier.evaluation.passes.rows import Rows
from croupier_policies import Vector

SEGMENTS = 24  # told apart; the rest goes under one name
OTHERS = "others"
STEP = 2  # classes of weights to each doubling
LEAST, MOST = -8, 14  # powers of two at the ends of the classes


class Story:
    """What a report shows beside the numbers, gathered from the same batches.

    Args:
        tally: Of the same target; its `betting-sequence`, where it has one, is followed.
        level: Of the sequence.

    Attributes:
        course: Of the estimate.
        spread: Rows by weight: none at all, then classes of half a doubling each from 2⁻⁸ to 2¹⁴, the ends open.
        segments: A tally for each value of the segment feature.
    """

    def __init__(self, tally: Tally, level: float = 0.95) -> None:
        self.estimator, self.level = followed(tally), level
        self.course = Course()
        self.spread = np.zeros(2 + (MOST - LEAST) * STEP, dtype=np.int64)
        self.segments: dict[str, Tally] = {}
        self._tally, self._whole = tally, True  # whether it is of one pass

    def add(self, rows: Rows, target: int) -> None:
        """Take in a batch that the tally has taken in before."""
        self.spread += classes(rows.w[target])
        self._split(rows, target)
        self.course.add(lambda: self._mark(float(rows.at[-1])))

    def join(self, later: Story) -> None:
        """Take in the next part of the log, the tally with it; the course has one mark for each part."""
        marks = self.course.marks[-1:] if self._whole else self.course.marks
        self._tally, self._whole = self._tally + later._tally, False
        self.spread = self.spread + later.spread
        for label, tally in later.segments.items():
            known = label in self.segments or len(self.segments) < SEGMENTS
            self._segment(label if known else OTHERS)
            self.segments[label if known else OTHERS] += tally
        at = later.course.marks[-1].at if later.course.marks else math.nan
        self.course.marks = [*marks, self._mark(at)]

    def _mark(self, at: float) -> Mark:
        value, _ = self.estimator.estimate(self._tally.moments[self.estimator.name])
        interval = self.sequence()
        low, high = (math.nan, math.nan) if interval is None else interval[:2]
        return Mark(self._tally.diagnostics.count, at, value, low, high)

    def sequence(self) -> Interval | None:
        """The confidence sequence that is followed, as it stands."""
        return self._tally.interval("betting-sequence", self.estimator, self.level)

    def _split(self, rows: Rows, target: int) -> None:
        if not rows.segments:
            return
        labels, squares = np.array(rows.segments), rows.expected(target)
        for label in dict.fromkeys(rows.segments):
            known = label in self.segments or len(self.segments) < SEGMENTS
            own = labels == label
            self._segment(label if known else OTHERS).add(
                rows.columns(target).part(own),
                rows.outside[target][own],
                rows.weight[target],
                None if squares is None else squares[own],
            )

    def _segment(self, label: str) -> Tally:
        if label not in self.segments:
            setting = Setting(self._tally.setting.low, self._tally.setting.high)
            self.segments[label] = Tally([self.estimator], {"normal": INTERVALS["normal"]}, setting)
        return self.segments[label]


def followed(tally: Tally) -> Estimator:
    """The estimator whose course is shown: IPS, which has a confidence sequence in any case, or else the first."""
    found = {each.name: each for each in tally.estimators}
    return found.get("ips", tally.estimators[0])


def classes(w: Vector) -> NDArray[np.int64]:
    """How many weights are in each class of `Story.spread`.

    >>> classes(np.array([0.0, 1.0, 1.0]))[[0, 17]].tolist()
    [1, 2]
    """
    powers = np.log2(np.maximum(w, 2.0**-60))
    found = 1 + np.clip(np.floor((powers - LEAST) * STEP), 0, (MOST - LEAST) * STEP).astype(np.int64)
    return np.bincount(np.where(w > 0, found, 0), minlength=2 + (MOST - LEAST) * STEP)
