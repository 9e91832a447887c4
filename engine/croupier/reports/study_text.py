"""A study as tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from croupier.evaluation.results import Estimate
from croupier.reports.escaping import escape, visible
from croupier.reports.evaluation_text import headed_table
from croupier.reports.study_findings import (
    MeasureRow,
    contrast_names,
    finding,
    format_duration,
    format_p,
    format_time,
    measure_rows,
    missing_interval,
    sample_ratio_text,
    status_text,
)
from croupier.studies.agreement import logged_estimate, summarize_shadows
from croupier.studies.results import Contrast, Study


def study_table(study: Study) -> Group:
    """The variants, the sample-ratio test, every contrast with its finding, the shadows, and the weights over time."""
    items: list[Table | Text] = [
        _variants(study),
        Text(visible(status_text(study.timeline))),
        Text(sample_ratio_text(study), _alarm_style(study)),
    ]
    for contrast in study.contrasts:
        items += [Text(""), _contrast(contrast, study), Text(visible(finding(contrast)))]
        if contrast.segments:
            items.append(_segments(contrast))
    if study.shadows:
        items += [Text(""), _shadows(study)]
    items += [Text(""), _weights(study), *map(Text, guarantees(study))]
    return Group(*items)


def _alarm_style(study: Study) -> str:
    return "" if study.mismatch_at is None else "bold red"


def _variants(study: Study) -> Table:
    timeline = study.timeline
    analysed = format_duration(float(study.looks[-1]) - timeline.start.at)
    title = f"{escape(timeline.name)}: started {format_time(timeline.start.at)}, {analysed} analysed"
    heads = ["share", "units", "closed windows", "decisions", "reward per unit", "per decision"]
    table = headed_table(["variant", "policy"], heads, title)
    for row in study.variants:
        counts = f"{row.units:,}", f"{row.closed_windows:,}", f"{row.decisions:,}"
        rewards = row.reward_per_unit, row.reward_per_decision
        means = (f"{value:.4g}" if math.isfinite(value) else "none yet" for value in rewards)
        table.add_row(escape(row.variant), escape(row.policy or "no decision yet"), f"{row.share:.1%}", *counts, *means)
    return table


def _contrast(contrast: Contrast, study: Study) -> Table:
    new, old = contrast_names(contrast)
    table = headed_table(["measure"], ["estimate", "interval", "p"], escape(f"{new} against {old}"))
    table.add_column("")
    for row in measure_rows(contrast, study.timeline):
        table.add_row(escape(row.measure), *_cells(row), escape(row.note), style="red" if row.violated else "")
    return table


def _cells(row: MeasureRow) -> Iterator[str]:
    trajectory = row.trajectory
    if not trajectory.enough_data:
        yield from (missing_interval(trajectory), "", "")
        return
    low, high = trajectory.last[:2]
    yield f"{trajectory.value[-1]:.4g}"
    yield f"{low:.4g} … {high:.4g}"
    yield "" if row.p is None else format_p(row.p)


def _segments(contrast: Contrast) -> Table:
    table = headed_table(["segment"], ["units", "difference per unit", "simultaneous interval", "p"], "By segment")
    for label, trajectory in contrast.segments.items():
        units = " + ".join(f"{n:,.0f}" for n in trajectory.units[-1])
        table.add_row(escape(label), units, *_cells(MeasureRow(label, trajectory, float(trajectory.p[-1]))))
    return table


def _shadows(study: Study) -> Table:
    heads = ["decisions", "agreement, first fifth", "agreement, last fifth", "estimated reward (SNIPS)"]
    table = headed_table(["shadow"], heads, "Shadows: evaluated and logged, never shown")
    for shadow in summarize_shadows(study):
        agreements = f"{shadow.first:.1%}", f"{shadow.last:.1%}"
        table.add_row(escape(shadow.name), f"{shadow.decisions:,}", *agreements, _estimate(shadow.offline))
    if (logged := logged_estimate(study)) is not None:
        table.add_row("logged decisions", "", "", "", _estimate(logged), style="dim")
    return table


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return "no reward yet"
    if not estimate.verdict.enough:
        return "refused"
    return f"{estimate.value:.4g}\n[dim]{estimate.interval.low:.4g} … {estimate.interval.high:.4g}[/dim]"


def _weights(study: Study) -> Table:
    timeline = study.timeline
    table = headed_table(["time since start", "event"], list(map(escape, timeline.variants)), "Weights over time")
    for entry in timeline.entries:
        shares = [f"{entry.shares.get(name, 0.0):.1%}" for name in timeline.variants]
        event = f"{entry.event}: {'; '.join(entry.ruling['reasons'])}" if entry.ruling else entry.event
        table.add_row(format_duration(entry.at - timeline.start.at), escape(event), *shares)
    return table


def guarantees(study: Study) -> list[str]:
    """The guarantees of the intervals, and how reassigned units are analysed."""
    trajectories = [one.difference for one in study.contrasts]
    trajectories += [one.fixed_horizon for one in study.contrasts if one.fixed_horizon is not None]
    found = list(dict.fromkeys(f"Level {one.level:.4g}: {one.guarantee}." for one in trajectories))
    if (count := study.windows.reassigned) > 0:
        found.append(
            f"{count:,} units met another variant after a change of weights; each is analysed under its first variant."
        )
    return found
