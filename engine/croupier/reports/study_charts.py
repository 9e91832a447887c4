"""The charts of a study as inline SVG: effects, weights, the sample-ratio test, and the agreement of shadows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from croupier.reports.evaluation_charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axes, drawing
from croupier.reports.study_findings import duration_unit
from croupier.state.experiment.buckets import HOLDOUT
from croupier.studies.agreement import agreement
from croupier.studies.results import Study
from croupier.studies.statistics.sequences import Trajectory
from croupier_policies import Vector

COLOURS = 6
MAX_POINTS = 240  # of a curve
MISMATCH_ALPHA = 0.01
NO_UNITS = '<p class="small">No units yet.</p>'


class TimeAxis:
    """The time of an experiment, and the labels of its axis."""

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, max(end, start + 1e-9)
        self.size, self.unit = duration_unit(self.end - start)

    def labels(self, axes: Axes) -> str:
        """Labels at the start, the middle and the end."""
        return "".join(
            f'<text x="{axes.x(at):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{self._label(at, suffix)}</text>'
            for at, anchor, suffix in (
                (self.start, "start", ""),
                ((self.start + self.end) / 2, "middle", ""),
                (self.end, "end", f" {self.unit}"),
            )
        )

    def _label(self, at: float, suffix: str) -> str:
        return f"{(at - self.start) / self.size:.3g}{suffix}"


def time_axis(study: Study) -> TimeAxis:
    """From the start to the last look or the last assignment, whichever is later."""
    return TimeAxis(study.timeline.start.at, float(max([study.looks[-1], *study.assigned_at[-1:]])))


def legend(names: Sequence[str]) -> str:
    """The colours of the variants."""
    return " ".join(f'<span class="key {colour_class(k, name)}">{escape(name)}</span>' for k, name in enumerate(names))


def colour_class(k: int, name: str) -> str:
    """The CSS class of a variant's colour; the hold-out is grey."""
    return "holdout" if name == HOLDOUT else f"c{k % COLOURS}"


def effect_chart(trajectory: Trajectory, time: TimeAxis, margin: float | None = None) -> str:
    """A difference with its confidence sequence, and a line at 0 or at the margin of a guardrail."""
    finite = np.isfinite(trajectory.low) & np.isfinite(trajectory.high)
    if not finite.any():
        return '<p class="small">Insufficient data.</p>'
    columns = trajectory.at, trajectory.value, trajectory.low, trajectory.high
    at, value, low, high = (column[finite] for column in columns)
    bottom, top = _value_range(low, high, value, 0.0 if margin is None else -margin)
    axes = Axes((time.start, time.end), (bottom, top))
    point = _point_formatter(axes, bottom, top)
    band = " ".join([*map(point, at, high), *reversed([*map(point, at, low)])])
    shapes = [_grid(axes, bottom, top), _insufficient_area(axes, float(at[0]))]
    shapes += [
        f'<polygon class="band" points="{band}"/>',
        f'<polyline class="line" points="{_points(point, at, value)}"/>',
    ]
    shapes += [_horizontal(axes, 0.0, "mean")] if bottom < 0 < top else []
    shapes += [_horizontal(axes, -margin, "alarm")] if margin is not None and bottom <= -margin <= top else []
    label = f"between {low[-1]:.3g} and {high[-1]:.3g} at the last look"
    return drawing("".join([*shapes, time.labels(axes)]), label)


def _value_range(low: Vector, high: Vector, value: Vector, line: float) -> tuple[float, float]:
    """The range to draw: the line, the values, and the band up to three times its final width from the last value."""
    reach = 3 * (high[-1] - low[-1])
    bottom = min(line, value.min(), max(low.min(), value[-1] - reach))
    top = max(line, value.max(), min(high.max(), value[-1] + reach))
    margin = 0.04 * (top - bottom) or 1e-9
    return float(bottom - margin), float(top + margin)


def _grid(axes: Axes, low: float, high: float) -> str:
    """Horizontal lines at round numbers."""
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    step *= next(size for size in (5, 2, 1) if size * step <= (high - low) / 2)
    values = np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step
    return "".join(_horizontal(axes, value, "grid") + _axis_label(axes, value) for value in map(float, values))


def _axis_label(axes: Axes, value: float) -> str:
    return f'<text x="{LEFT - 6}" y="{axes.y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>'


def _insufficient_area(axes: Axes, first: float) -> str:
    """The time before there is enough data for an interval."""
    width, name = axes.x(first) - LEFT, "insufficient data"
    label = f'<text x="{LEFT + width / 2:.1f}" y="{TOP + 18}" text-anchor="middle">{name}</text>' if width > 110 else ""
    area = f'x="{LEFT}" y="{TOP}" width="{width:.1f}" height="{HEIGHT - TOP - BOTTOM}"'
    return f'<rect class="insufficient" {area}/>{label}'


def weights_chart(study: Study, time: TimeAxis) -> str:
    """The share of every variant in force, stacked."""
    axes, names, entries = Axes((time.start, time.end), (0, 1)), study.timeline.variants, study.timeline.entries
    at = [min(entry.at, time.end) for entry in entries] + [time.end]
    below, shapes = np.zeros(len(at) - 1), []
    for k, name in enumerate(names):
        above = below + np.array([entry.shares.get(name, 0.0) for entry in entries])
        edges = [_steps(axes, at, levels) for levels in (below, above)]
        outline = " ".join([*edges[0], *reversed(edges[1])])
        css_class = f"area {colour_class(k, name)}"
        shapes.append(f'<polygon class="{css_class}" points="{outline}"><title>{escape(name)}</title></polygon>')
        below = above
    return drawing("".join([*shapes, axes.across(), time.labels(axes)]), "weights in force over time")


def _steps(axes: Axes, at: Sequence[float], levels: Vector) -> list[str]:
    return [f"{axes.x(x):.1f},{axes.y(y):.1f}" for k, y in enumerate(levels) for x in (at[k], at[k + 1])]


def assignments_chart(study: Study, time: TimeAxis) -> str:
    """The share of units assigned to each variant so far, and dashed the expected share."""
    if len(study.assigned_at) < 2:
        return NO_UNITS
    indices = _sampled_indices(len(study.assigned_at))
    counts = np.arange(1.0, len(study.assigned_at) + 1)[:, None]
    observed, expected = (np.cumsum(column, axis=0) / counts for column in _first_assignments(study))
    axes = Axes((time.start, time.end), (0, 1))
    point, shapes = _point_formatter(axes, 0, 1), [axes.across()]
    for k, name in enumerate(study.timeline.variants):
        at, colour = study.assigned_at[indices], colour_class(k, name)
        shapes.append(f'<polyline class="dashed {colour}" points="{_points(point, at, expected[indices, k])}"/>')
        shapes.append(f'<polyline class="curve {colour}" points="{_points(point, at, observed[indices, k])}"/>')
    return drawing("".join([*shapes, time.labels(axes)]), "observed and expected shares of assigned units")


def _first_assignments(study: Study) -> tuple[Vector, Vector]:
    """Indicators of each unit's first variant, and its probabilities, in order of assignment, (units, variants)."""
    events = study.events
    order = np.argsort(events.at, kind="stable")
    _, first = np.unique(events.unit[order], return_index=True)
    rows = order[np.sort(first)]
    observed: Vector = (events.variant[rows][:, None] == np.arange(len(study.timeline.variants))).astype(float)
    return observed, events.probability[rows]


def sample_ratio_chart(study: Study, time: TimeAxis) -> str:
    """−log10 of the sample-ratio test's p-value over time, with a line at the level of an alarm."""
    if len(study.assigned_at) < 2:
        return NO_UNITS
    indices = _sampled_indices(len(study.assigned_at))
    height = -np.log10(np.maximum(study.sample_ratio.p, 1e-12))
    top = max(3.0, math.ceil(float(height.max())))
    axes = Axes((time.start, time.end), (0, top))
    grid = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{axes.y(k):.1f}" y2="{axes.y(k):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{axes.y(k) + 4:.1f}" text-anchor="end">{10.0**-k:g}</text>'
        for k in range(0, int(top) + 1, max(1, int(top) // 4))
    )
    points = _points(_point_formatter(axes, 0, top), study.assigned_at[indices], height[indices])
    alarm = _horizontal(axes, -math.log10(MISMATCH_ALPHA), "alarm")
    inside = f'{grid}{alarm}<polyline class="line" points="{points}"/>{time.labels(axes)}'
    return drawing(inside, f"p-value of the sample-ratio test, {study.mismatch_p:.2g} at the end")


def agreement_chart(study: Study, time: TimeAxis) -> str:
    """The share of decisions at which each shadow agreed with the logged action."""
    axes = Axes((time.start, time.end), (0, 1))
    point, shapes = _point_formatter(axes, 0, 1), [axes.across()]
    for k, (name, decisions) in enumerate(study.shadows.items()):
        curve = agreement(decisions)
        points = _points(point, curve.at, curve.share)
        shapes.append(f'<polyline class="curve {colour_class(k, name)}" points="{points}"/>')
    return drawing("".join([*shapes, time.labels(axes)]), "agreement over time")


def _sampled_indices(n: int) -> NDArray[np.int64]:
    """At most `MAX_POINTS` of n indices, evenly spaced, including the last."""
    return np.unique(np.linspace(0, n - 1, MAX_POINTS).astype(np.int64))


def _point_formatter(axes: Axes, low: float, high: float) -> Callable[[float, float], str]:
    """Formats a time and a value, clipped to the range, as an SVG point."""
    return lambda at, value: f"{axes.x(at):.1f},{axes.y(min(max(value, low), high)):.1f}"


def _points(point: Callable[[float, float], str], at: Vector, value: Vector) -> str:
    return " ".join(map(point, at, value))


def _horizontal(axes: Axes, value: float, css_class: str) -> str:
    y = f"{axes.y(value):.1f}"
    return f'<line class="{css_class}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
