"""An experiment as tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from croupier.evaluation.results import Estimate
from croupier.reports.escaping import escape, visible
from croupier.reports.evaluation_text import headed_table
from croupier.reports.study_findings import Line, elapsed, ended, finding, lines, named, p_value, split_said, when
from croupier.studies.agreement import earned, shadows
from croupier.studies.results import Contrast, Study


def study_table(study: Study) -> Group:
    """The variants, every contrast with what it says, the split, the weights over time, and the shadows."""
    parts: list[Table | Text] = [
        _arms(study),
        Text(visible(ended(study.story))),
        Text(split_said(study), _alarm(study)),
    ]
    for contrast in study.contrasts:
        parts += [Text(""), _contrast(contrast, study), Text(visible(finding(contrast)))]
        if contrast.segments:
            parts.append(_segments(contrast))
    if study.shadows:
        parts += [Text(""), _shadows(study)]
    parts += [Text(""), _weights(study), *map(Text, promises(study))]
    return Group(*parts)


def _alarm(study: Study) -> str:
    return "" if study.doubted is None else "bold red"


def _arms(study: Study) -> Table:
    story = study.story
    lasted = elapsed(float(study.looks[-1]) - story.start.at)
    title = f"{escape(story.name)}: begun {when(story.start.at)}, {lasted} of it analysed"
    heads = ["share", "units", "closed windows", "decisions", "reward per unit", "per decision"]
    table = headed_table(["variant", "policy"], heads, title)
    for arm in study.arms:
        counts = f"{arm.met:,}", f"{arm.closed:,}", f"{arm.decisions:,}"
        means = (f"{value:.4g}" if math.isfinite(value) else "none yet" for value in (arm.reward, arm.per_decision))
        table.add_row(escape(arm.variant), escape(arm.policy or "not met yet"), f"{arm.share:.1%}", *counts, *means)
    return table


def _contrast(contrast: Contrast, study: Study) -> Table:
    new, old = named(contrast)
    table = headed_table(["measure"], ["estimate", "at any look", "p"], escape(f"{new} against {old}"))
    table.add_column("")
    for line in lines(contrast, study.story):
        table.add_row(escape(line.measure), *_cells(line), escape(line.note), style="red" if line.broken else "")
    return table


def _cells(line: Line) -> Iterator[str]:
    course = line.course
    if not course.told:
        yield from ("too early", "", "")
        return
    low, high = course.last[:2]
    yield f"{course.value[-1]:.4g}"
    yield f"{low:.4g} … {high:.4g}"
    yield "" if line.p is None else p_value(line.p)


def _segments(contrast: Contrast) -> Table:
    table = headed_table(["segment"], ["units", "difference per unit", "all together, at any look", "p"], "By segment")
    for label, course in contrast.segments.items():
        units = " + ".join(f"{n:,.0f}" for n in course.units[-1])
        table.add_row(escape(label), units, *_cells(Line(label, course, float(course.p[-1]))))
    return table


def _shadows(study: Study) -> Table:
    heads = ["decisions", "agrees at first", "agrees at last", "would have earned (snips)"]
    table = headed_table(["shadow"], heads, "Shadows: asked and logged, never shown")
    for shadow in shadows(study):
        agrees = f"{shadow.first:.1%}", f"{shadow.last:.1%}"
        table.add_row(escape(shadow.name), f"{shadow.decisions:,}", *agrees, _value(shadow.offline))
    if (own := earned(study)) is not None:
        table.add_row("what was shown", "", "", "", _value(own), style="dim")
    return table


def _value(estimate: Estimate | None) -> str:
    if estimate is None:
        return "no reward yet"
    if not estimate.verdict.enough:
        return "refused"
    return f"{estimate.value:.4g}\n[dim]{estimate.interval.low:.4g} … {estimate.interval.high:.4g}[/dim]"


def _weights(study: Study) -> Table:
    story = study.story
    table = headed_table(["since the start", "what"], list(map(escape, story.variants)), "Weights over time")
    for turn in story.turns:
        shares = [f"{turn.shares.get(name, 0.0):.1%}" for name in story.variants]
        why = f"{turn.event}: {'; '.join(turn.ruling['reasons'])}" if turn.ruling else turn.event
        table.add_row(elapsed(turn.at - story.start.at), escape(why), *shares)
    return table


def promises(study: Study) -> list[str]:
    """What the intervals hold under."""
    courses = [one.difference for one in study.contrasts] + [c.fixed for c in study.contrasts if c.fixed is not None]
    told = list(dict.fromkeys(f"{course.level:.4g}: {course.guarantee}." for course in courses))
    moved = study.windows.moved
    more = [f"{moved:,} units met another variant later, when weights had changed; each counts for its first."] * (
        moved > 0
    )
    return [*told, *more]
