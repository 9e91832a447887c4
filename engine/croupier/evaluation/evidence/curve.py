"""Where a value stood along the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

MARKS = 96  # points of a course; beyond twice as many, every second is dropped


class Mark(NamedTuple):
    """Where a value stood after some rows: the time of the last of them, and the ends of the sequence, or NaN."""

    rows: int
    at: float
    value: float
    low: float
    high: float


class Course:
    """Marks along the log, thinned out as it grows.

    Attributes:
        marks: In order; the last batches of the log may be beyond the last of them.

    >>> course = Course()
    >>> for n in range(1, 1001):
    ...     course.add(lambda: Mark(n, 0.0, 0.5, 0.0, 1.0))
    >>> len(course.marks), course.marks[0].rows, course.marks[-1].rows
    (125, 8, 1000)
    """

    def __init__(self) -> None:
        self.marks: list[Mark] = []
        self._batches, self._stride = 0, 1

    def add(self, mark: Callable[[], Mark]) -> None:
        """After one batch more; the mark is made only where it is kept."""
        self._batches += 1
        if self._batches % self._stride == 0:
            self.marks.append(mark())
        if len(self.marks) > 2 * MARKS:
            self.marks, self._stride = self.marks[1::2], self._stride * 2
