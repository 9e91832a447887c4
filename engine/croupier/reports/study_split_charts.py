"""How units were split over time, and how shadows agree, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from croupier.reports.evaluation_charts import LEFT, RIGHT, WIDTH, Axes, drawing
from croupier.reports.study_charts import Clock, level, placer, points, thinned, tint
from croupier.studies.agreement import agreement
from croupier.studies.results import Study
from croupier_policies import Vector

ALARM = 0.01


def weights(study: Study, time: Clock) -> str:
    """The share of every variant in force, one above the other."""
    axes, names = Axes((time.start, time.end), (0, 1)), study.story.variants
    at = [min(turn.at, time.end) for turn in study.story.turns] + [time.end]
    below, parts = np.zeros(len(at) - 1), []
    for k, name in enumerate(names):
        above = below + np.array([turn.shares.get(name, 0.0) for turn in study.story.turns])
        edges = [_steps(axes, at, side) for side in (below, above)]
        around = " ".join([*edges[0], *reversed(edges[1])])
        parts.append(f'<polygon class="area {tint(k, name)}" points="{around}"><title>{escape(name)}</title></polygon>')
        below = above
    return drawing("".join([*parts, axes.across(), time.ticks(axes)]), "shares in force over time")


def _steps(axes: Axes, at: Sequence[float], levels: Vector) -> list[str]:
    return [f"{axes.x(x):.1f},{axes.y(y):.1f}" for k, y in enumerate(levels) for x in (at[k], at[k + 1])]


def met(study: Study, time: Clock) -> str:
    """The share of units so far that met each variant, and dashed what was meant."""
    if len(study.came) < 2:
        return '<p class="small">No units yet.</p>'
    kept = thinned(len(study.came))
    first = _first_meetings(study)
    counts = np.arange(1.0, len(study.came) + 1)[:, None]
    found, meant = (np.cumsum(part, axis=0) / counts for part in first)
    axes = Axes((time.start, time.end), (0, 1))
    place, parts = placer(axes, 0, 1), [axes.across()]
    for k, name in enumerate(study.story.variants):
        at = study.came[kept]
        parts.append(f'<polyline class="dashed {tint(k, name)}" points="{points(place, at, meant[kept, k])}"/>')
        parts.append(f'<polyline class="curve {tint(k, name)}" points="{points(place, at, found[kept, k])}"/>')
    return drawing("".join([*parts, time.ticks(axes)]), "shares of units met, beside what was meant")


def _first_meetings(study: Study) -> tuple[Vector, Vector]:
    """Of every unit as it came: 1 for the variant that it met, and the probabilities, each (units, variants)."""
    events = study.events
    order = np.argsort(events.at, kind="stable")
    _, first = np.unique(events.unit[order], return_index=True)
    rows = order[np.sort(first)]
    found: Vector = (events.variant[rows][:, None] == np.arange(len(study.story.variants))).astype(float)
    return found, events.probability[rows]


def mismatch(study: Study, time: Clock) -> str:
    """−log10 of the split's p-value over time; an alarm where it reaches the line."""
    if len(study.came) < 2:
        return '<p class="small">No units yet.</p>'
    kept = thinned(len(study.came))
    height = -np.log10(np.maximum(study.mismatch.p, 1e-12))
    top = max(3.0, math.ceil(float(height.max())))
    axes = Axes((time.start, time.end), (0, top))
    marks = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{axes.y(k):.1f}" y2="{axes.y(k):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{axes.y(k) + 4:.1f}" text-anchor="end">{10.0**-k:g}</text>'
        for k in range(0, int(top) + 1, max(1, int(top) // 4))
    )
    line = points(placer(axes, 0, top), study.came[kept], height[kept])
    inside = (
        f'{marks}{level(axes, -math.log10(ALARM), "alarm")}<polyline class="line" points="{line}"/>{time.ticks(axes)}'
    )
    return drawing(inside, f"p of the split, at last {study.mismatch_p:.2g}")


def agreements(study: Study, time: Clock) -> str:
    """The share of decisions at which each shadow drew what was shown."""
    axes = Axes((time.start, time.end), (0, 1))
    place, parts = placer(axes, 0, 1), [axes.across()]
    for k, (name, said) in enumerate(study.shadows.items()):
        along = agreement(said)
        parts.append(f'<polyline class="curve {tint(k, name)}" points="{points(place, along.at, along.share)}"/>')
    return drawing("".join([*parts, time.ticks(axes)]), "agreement over time")
