"""The curve of a value along the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

MAX_POINTS = 96  # of a curve; at twice as many, every second point is dropped


class CurvePoint(NamedTuple):
    """A value after so many rows: the time of the last of them, and the ends of the confidence sequence, or NaN."""

    rows: int
    at: float
    value: float
    low: float
    high: float


class EstimateCurve:
    """Points along the log, thinned as it grows.

    Attributes:
        points: In order; the last batches of the log may lie beyond the last point.

    >>> curve = EstimateCurve()
    >>> for n in range(1, 1001):
    ...     curve.add(lambda: CurvePoint(n, 0.0, 0.5, 0.0, 1.0))
    >>> len(curve.points), curve.points[0].rows, curve.points[-1].rows
    (125, 8, 1000)
    """

    def __init__(self) -> None:
        self.points: list[CurvePoint] = []
        self._batches, self._stride = 0, 1

    def add(self, point: Callable[[], CurvePoint]) -> None:
        """Call after each batch; `point` is called only where its point is retained."""
        self._batches += 1
        if self._batches % self._stride == 0:
            self.points.append(point())
        if len(self.points) > 2 * MAX_POINTS:
            self.points, self._stride = self.points[1::2], self._stride * 2
