"""The drawings of a report, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from croupier.evaluation.evidence.curve import Mark
from croupier.evaluation.evidence.history import LEAST, STEP
from croupier.evaluation.intervals import Interval

WIDTH, HEIGHT = 420, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 8, 24


class Axes:
    """Maps values to places within a drawing's frame; `y` runs upwards."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float], height: int = HEIGHT, left: int = LEFT) -> None:
        self._x, self._y, self.height, self.left = x, y, height, left

    def x(self, value: float) -> float:
        """From the left."""
        low, high = self._x
        return self.left + (value - low) / (high - low or 1) * (WIDTH - self.left - RIGHT)

    def y(self, value: float) -> float:
        """From the top."""
        low, high = self._y
        return self.height - BOTTOM - (value - low) / (high - low or 1) * (self.height - TOP - BOTTOM)

    def across(self) -> str:
        """Three lines with what they stand for."""
        low, high = self._y
        return "".join(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y(v):.1f}" y2="{self.y(v):.1f}"/>'
            f'<text x="{LEFT - 6}" y="{self.y(v) + 4:.1f}" text-anchor="end">{v:.3g}</text>'
            for v in (low, (low + high) / 2, high)
        )


def drawing(inside: str, said: str, height: int = HEIGHT) -> str:
    """The frame of a drawing, with words for those who do not see it."""
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(said)}">{inside}</svg>'


def course(marks: Sequence[Mark], told: bool = True) -> str:
    """A value over the rows of the log, in the band of its confidence sequence; the band alone where it is not told."""
    shown = [mark for mark in marks if math.isfinite(mark.value)]
    if len(shown) < 2:
        return '<p class="small">Too few batches to draw.</p>'
    known = [mark for mark in shown if math.isfinite(mark.low)]
    low, high = _reach(shown, known)
    axes = Axes((shown[0].rows, shown[-1].rows), (low, high))

    def point(rows: int, value: float) -> str:
        return f"{axes.x(rows):.1f},{axes.y(min(max(value, low), high)):.1f}"

    around = [*(point(m.rows, m.high) for m in known), *(point(m.rows, m.low) for m in reversed(known))]
    band = f'<polygon class="band" points="{" ".join(around)}"/>' if known else ""
    points = " ".join(point(m.rows, m.value) for m in shown)
    zero = f'<line class="mean" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{axes.y(0):.1f}" y2="{axes.y(0):.1f}"/>'
    band += zero if low < 0.0 < high else ""
    ends = "".join(
        f'<text x="{axes.x(m.rows):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{m.rows:,} rows</text>'
        for m, anchor in ((shown[0], "start"), (shown[-1], "end"))
    )
    said = f"from {shown[0].value:.3g} to {shown[-1].value:.3g} over {shown[-1].rows:,} rows"
    line = f'<polyline class="line" points="{points}"/>' if told else ""
    return drawing(f"{axes.across()}{band}{line}{ends}", said if told else "a band without a value")


def _reach(shown: Sequence[Mark], known: Sequence[Mark]) -> tuple[float, float]:
    """What of a course to show: all of it, but no more than three times its last band away from its last value."""
    ends = [end for mark in known for end in (mark.low, mark.high)] + [mark.value for mark in shown]
    last, wide = shown[-1].value, 3 * (known[-1].high - known[-1].low) if known else math.inf
    low, high = max(min(ends), last - wide), min(max(ends), last + wide)
    return low, max(high, low + 1e-12)


def spread(counts: NDArray[np.int64]) -> str:
    """How many rows have which weight; bars grow with the logarithm of the count."""
    used = np.flatnonzero(counts[1:]) + 1
    classes = [0] * bool(counts[0]) + list(range(used[0], used[-1] + 1)) if len(used) else [0]
    high = math.log10(counts.max() + 1)
    wide = max(len(classes), 8)
    axes, step = Axes((0, wide), (0, high)), (WIDTH - LEFT - RIGHT) / wide
    bars = "".join(
        f'<rect class="bar" x="{axes.x(k) + 1:.1f}" y="{axes.y(math.log10(counts[c] + 1)):.1f}" '
        f'width="{max(step - 2, 1):.1f}" height="{HEIGHT - BOTTOM - axes.y(math.log10(counts[c] + 1)):.1f}">'
        f"<title>{_class(c)}: {counts[c]:,} rows</title></rect>"
        for k, c in enumerate(classes)
    )
    every = max(1, math.ceil(len(classes) / 6))
    names = "".join(
        f'<text x="{axes.x(k + 0.5):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{_class(c)}</text>'
        for k, c in enumerate(classes)
        if k % every == 0
    )
    ticks = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{axes.y(p):.1f}" y2="{axes.y(p):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{axes.y(p) + 4:.1f}" text-anchor="end">{_round(10**p)}</text>'
        for p in range(int(high) + 1)
    )
    return drawing(ticks + bars + names, f"weights between {_class(classes[0])} and {_class(classes[-1])}")


def _class(c: int) -> str:
    """The least weight of a class."""
    return "0" if c == 0 else f"{2.0 ** (LEAST + (c - 1) / STEP):.2g}"


def _round(count: int) -> str:
    return f"{count // 1000:,}k" if count >= 1000 else str(count)


def ranges(shown: Sequence[tuple[str, float, Sequence[Interval]]], mean: float) -> str:
    """Estimates below each other, each with its intervals: the first bold, the others broad; and what was earned."""
    ends = [end for _, value, intervals in shown for each in intervals for end in (*each[:2], value)] or [0.0, 1.0]
    height = TOP + 34 * len(shown) + BOTTOM
    low, high = min(*ends, mean), max(*ends, mean)
    axes = Axes((low, high), (0, 1), height, left=4)
    at = f"{axes.x(mean):.1f}"
    parts = [f'<line class="mean" x1="{at}" x2="{at}" y1="{TOP}" y2="{height - BOTTOM}"/>']
    parts += [_range(axes, TOP + 34 * k, *each) for k, each in enumerate(shown)]
    parts += [
        f'<text x="{axes.x(v):.1f}" y="{height - 6}" text-anchor="{anchor}">{v:.3g}</text>'
        for v, anchor in ((low, "start"), (high, "end"))
    ]
    return drawing("".join(parts), f"estimates of {len(shown)} kinds beside the {mean:.3g} that was earned", height)


def _range(axes: Axes, top: int, label: str, value: float, intervals: Sequence[Interval]) -> str:
    y = top + 24
    spans = [(axes.x(each.low), axes.x(each.high), "any" if k else "one") for k, each in enumerate(intervals)]
    lines = "".join(
        f'<line class="{kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>'
        for low, high, kind in reversed(spans)
    )
    dot = f'<circle class="dot" cx="{axes.x(value):.1f}" cy="{y}" r="5"/>'
    return f'<text x="4" y="{top + 12}">{escape(label)}</text>{lines}{dot}'
