"""Effects over time, as inline SVG, and what all drawings of an experiment share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from croupier.reports.evaluation_charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axes, drawing
from croupier.reports.study_findings import unit_of
from croupier.state.experiment.buckets import HOLDOUT
from croupier.studies.results import Study
from croupier.studies.statistics.sequences import Course
from croupier_policies import Vector

COLOURS = 6
POINTS = 240  # of a curve at most


class Clock:
    """The time of an experiment: what is below a drawing, and where a moment lies."""

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, max(end, start + 1e-9)
        self.size, self.unit = unit_of(self.end - start)

    def ticks(self, axes: Axes) -> str:
        """The start, the middle, the end."""
        return "".join(
            f'<text x="{axes.x(at):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{self._named(at, more)}</text>'
            for at, anchor, more in (
                (self.start, "start", ""),
                ((self.start + self.end) / 2, "middle", ""),
                (self.end, "end", f" {self.unit}"),
            )
        )

    def _named(self, at: float, more: str) -> str:
        return f"{(at - self.start) / self.size:.3g}{more}"


def clock(study: Study) -> Clock:
    """From the start to the last look, or the last decision."""
    return Clock(study.story.start.at, float(max([study.looks[-1], *study.came[-1:]])))


def effect(course: Course, time: Clock, margin: float | None = None) -> str:
    """A difference in the band of its sequence, with a line at 0, or at the margin of a guardrail."""
    told = np.isfinite(course.low) & np.isfinite(course.high)
    if not told.any():
        return '<p class="small">Nothing is said yet.</p>'
    at, value, low, high = (part[told] for part in (course.at, course.value, course.low, course.high))
    bottom, top = _reach(low, high, value, 0.0 if margin is None else -margin)
    axes = Axes((time.start, time.end), (bottom, top))
    place = placer(axes, bottom, top)
    band = " ".join([*map(place, at, high), *reversed([*map(place, at, low)])])
    parts = [_across(axes, bottom, top), _waiting(axes, float(at[0]))]
    parts += [
        f'<polygon class="band" points="{band}"/>',
        f'<polyline class="line" points="{points(place, at, value)}"/>',
    ]
    parts += [level(axes, 0.0, "mean")] if bottom < 0 < top else []
    parts += [level(axes, -margin, "alarm")] if margin is not None and bottom <= -margin <= top else []
    said = f"from {low[-1]:.3g} to {high[-1]:.3g} at the last look"
    return drawing("".join([*parts, time.ticks(axes)]), said)


def _reach(low: Vector, high: Vector, value: Vector, line: float) -> tuple[float, float]:
    """What of it to show: the line, the values, and of the band as much as is a few times as wide as at the end."""
    wide = 3 * (high[-1] - low[-1])
    bottom = min(line, value.min(), max(low.min(), value[-1] - wide))
    top = max(line, value.max(), min(high.max(), value[-1] + wide))
    room = 0.04 * (top - bottom) or 1e-9
    return float(bottom - room), float(top + room)


def _across(axes: Axes, low: float, high: float) -> str:
    """Lines at round numbers."""
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    step *= next(size for size in (5, 2, 1) if size * step <= (high - low) / 2)
    rounds = np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step
    return "".join(level(axes, value, "grid") + _beside(axes, value) for value in map(float, rounds))


def _beside(axes: Axes, value: float) -> str:
    return f'<text x="{LEFT - 6}" y="{axes.y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>'


def _waiting(axes: Axes, first: float) -> str:
    """The stretch in which nothing was said."""
    wide = axes.x(first) - LEFT
    label = f'<text x="{LEFT + wide / 2:.1f}" y="{TOP + 18}" text-anchor="middle">too early</text>' if wide > 70 else ""
    return f'<rect class="early" x="{LEFT}" y="{TOP}" width="{wide:.1f}" height="{HEIGHT - TOP - BOTTOM}"/>{label}'


def legend(names: Sequence[str]) -> str:
    """What the colours stand for."""
    return " ".join(f'<span class="key {tint(k, name)}">{escape(name)}</span>' for k, name in enumerate(names))


def tint(k: int, name: str) -> str:
    """The class of a variant's colour; the hold-out is grey."""
    return "held" if name == HOLDOUT else f"c{k % COLOURS}"


def thinned(n: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """At most `POINTS` of n places, the last among them."""
    return np.unique(np.linspace(0, n - 1, POINTS).astype(np.int64))


def placer(axes: Axes, low: float, high: float) -> Callable[[float, float], str]:
    """Where a value at a moment lies, held within what is shown."""
    return lambda at, value: f"{axes.x(at):.1f},{axes.y(min(max(value, low), high)):.1f}"


def points(place: Callable[[float, float], str], at: Vector, value: Vector) -> str:
    """The points of a curve."""
    return " ".join(map(place, at, value))


def level(axes: Axes, value: float, kind: str) -> str:
    """A line across at a value."""
    y = f"{axes.y(value):.1f}"
    return f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
