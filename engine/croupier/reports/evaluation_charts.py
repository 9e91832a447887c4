"""The charts of a report, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from croupier.evaluation.evidence.curve import CurvePoint
from croupier.evaluation.evidence.history import BINS_PER_DOUBLING, MIN_EXPONENT
from croupier.evaluation.intervals import Interval

WIDTH, HEIGHT = 420, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 8, 24


class Axes:
    """Maps values to coordinates within a chart; `y` increases upwards."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float], height: int = HEIGHT, left: int = LEFT) -> None:
        self._x, self._y, self.height, self.left = x, y, height, left

    def x(self, value: float) -> float:
        """The horizontal coordinate of a value."""
        low, high = self._x
        return self.left + (value - low) / (high - low or 1) * (WIDTH - self.left - RIGHT)

    def y(self, value: float) -> float:
        """The vertical coordinate of a value, measured from the top."""
        low, high = self._y
        return self.height - BOTTOM - (value - low) / (high - low or 1) * (self.height - TOP - BOTTOM)

    def across(self) -> str:
        """Three horizontal grid lines with their values."""
        low, high = self._y
        return "".join(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y(v):.1f}" y2="{self.y(v):.1f}"/>'
            f'<text x="{LEFT - 6}" y="{self.y(v) + 4:.1f}" text-anchor="end">{v:.3g}</text>'
            for v in (low, (low + high) / 2, high)
        )


def drawing(content: str, description: str, height: int = HEIGHT) -> str:
    """An SVG element with this content, and a description for screen readers."""
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(description)}">{content}</svg>'


def curve_chart(points: Sequence[CurvePoint], with_value: bool = True) -> str:
    """A value over the rows of the log within the band of its confidence sequence, or the band alone."""
    shown = [each for each in points if math.isfinite(each.value)]
    if len(shown) < 2:
        return '<p class="small">Too few batches for a chart.</p>'
    bounded = [each for each in shown if math.isfinite(each.low)]
    low, high = _value_range(shown, bounded)
    axes = Axes((shown[0].rows, shown[-1].rows), (low, high))

    def position(rows: int, value: float) -> str:
        return f"{axes.x(rows):.1f},{axes.y(min(max(value, low), high)):.1f}"

    outline = [*(position(m.rows, m.high) for m in bounded), *(position(m.rows, m.low) for m in reversed(bounded))]
    band = f'<polygon class="band" points="{" ".join(outline)}"/>' if bounded else ""
    line = " ".join(position(m.rows, m.value) for m in shown)
    zero = f'<line class="mean" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{axes.y(0):.1f}" y2="{axes.y(0):.1f}"/>'
    band += zero if low < 0.0 < high else ""
    ends = "".join(
        f'<text x="{axes.x(m.rows):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{m.rows:,} rows</text>'
        for m, anchor in ((shown[0], "start"), (shown[-1], "end"))
    )
    description = f"from {shown[0].value:.3g} to {shown[-1].value:.3g} over {shown[-1].rows:,} rows"
    value_line = f'<polyline class="line" points="{line}"/>' if with_value else ""
    return drawing(
        f"{axes.across()}{band}{value_line}{ends}",
        description if with_value else "the confidence sequence, without the estimate",
    )


def _value_range(shown: Sequence[CurvePoint], bounded: Sequence[CurvePoint]) -> tuple[float, float]:
    """The range of values to show: at most three widths of the last band on either side of the last value."""
    ends = [end for each in bounded for end in (each.low, each.high)] + [each.value for each in shown]
    last, width = shown[-1].value, 3 * (bounded[-1].high - bounded[-1].low) if bounded else math.inf
    low, high = max(min(ends), last - width), min(max(ends), last + width)
    return low, max(high, low + 1e-12)


def weight_histogram_chart(counts: NDArray[np.int64]) -> str:
    """A histogram of the weights, with logarithmic counts."""
    used = np.flatnonzero(counts[1:]) + 1
    bins = [0] * bool(counts[0]) + list(range(used[0], used[-1] + 1)) if len(used) else [0]
    high = math.log10(counts.max() + 1)
    wide = max(len(bins), 8)
    axes, step = Axes((0, wide), (0, high)), (WIDTH - LEFT - RIGHT) / wide
    bars = "".join(
        f'<rect class="bar" x="{axes.x(k) + 1:.1f}" y="{axes.y(math.log10(counts[c] + 1)):.1f}" '
        f'width="{max(step - 2, 1):.1f}" height="{HEIGHT - BOTTOM - axes.y(math.log10(counts[c] + 1)):.1f}">'
        f"<title>{_bin_label(c)}: {counts[c]:,} rows</title></rect>"
        for k, c in enumerate(bins)
    )
    every = max(1, math.ceil(len(bins) / 6))
    names = "".join(
        f'<text x="{axes.x(k + 0.5):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{_bin_label(c)}</text>'
        for k, c in enumerate(bins)
        if k % every == 0
    )
    ticks = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{axes.y(p):.1f}" y2="{axes.y(p):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{axes.y(p) + 4:.1f}" text-anchor="end">{_round(10**p)}</text>'
        for p in range(int(high) + 1)
    )
    return drawing(ticks + bars + names, f"weights between {_bin_label(bins[0])} and {_bin_label(bins[-1])}")


def _bin_label(c: int) -> str:
    """The least weight of a bin."""
    return "0" if c == 0 else f"{2.0 ** (MIN_EXPONENT + (c - 1) / BINS_PER_DOUBLING):.2g}"


def _round(count: int) -> str:
    return f"{count // 1000:,}k" if count >= 1000 else str(count)


def interval_chart(shown: Sequence[tuple[str, float, Sequence[Interval]]], mean: float) -> str:
    """Estimates with their intervals, the first as a narrow bar, the others as wide ones, and the mean reward."""
    ends = [end for _, value, intervals in shown for each in intervals for end in (*each[:2], value)] or [0.0, 1.0]
    height = TOP + 34 * len(shown) + BOTTOM
    low, high = min(*ends, mean), max(*ends, mean)
    axes = Axes((low, high), (0, 1), height, left=4)
    at = f"{axes.x(mean):.1f}"
    elements = [f'<line class="mean" x1="{at}" x2="{at}" y1="{TOP}" y2="{height - BOTTOM}"/>']
    elements += [_interval_row(axes, TOP + 34 * k, *each) for k, each in enumerate(shown)]
    elements += [
        f'<text x="{axes.x(v):.1f}" y="{height - 6}" text-anchor="{anchor}">{v:.3g}</text>'
        for v, anchor in ((low, "start"), (high, "end"))
    ]
    return drawing(
        "".join(elements), f"{len(shown)} estimates and their intervals; the reference is {mean:.3g}", height
    )


def _interval_row(axes: Axes, top: int, label: str, value: float, intervals: Sequence[Interval]) -> str:
    y = top + 24
    spans = [(axes.x(each.low), axes.x(each.high), "sequence" if k else "interval") for k, each in enumerate(intervals)]
    lines = "".join(
        f'<line class="{kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>'
        for low, high, kind in reversed(spans)
    )
    dot = f'<circle class="dot" cx="{axes.x(value):.1f}" cy="{y}" r="5"/>'
    return f'<text x="4" y="{top + 12}">{escape(label)}</text>{lines}{dot}'
