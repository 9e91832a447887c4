"""An experiment as one self-contained page: no script, no font, no request."""

from __future__ import annotations

import math
from html import escape

from croupier.reports import study_charts as charts
from croupier.reports import study_split_charts as split_charts
from croupier.reports.evaluation_charts import interval_chart
from croupier.reports.evaluation_html import between, document, facts, number
from croupier.reports.html_parts import figure, pill, row, table
from croupier.reports.study_findings import (
    Line,
    badge,
    elapsed,
    ended,
    finding,
    lines,
    named,
    p_value,
    split_said,
    when,
)
from croupier.reports.study_shadows_html import shadows_section
from croupier.reports.study_style import STYLE
from croupier.reports.study_text import promises
from croupier.state.experiment.buckets import HOLDOUT
from croupier.studies.results import Arm, Contrast, Study


def study_page(study: Study) -> str:
    """The page. A number without enough behind it is not on it: in its place stands what is missing."""
    time = charts.clock(study)
    contrasts = (_contrast(one, study, time) for one in study.contrasts)
    shadows = shadows_section(study, time) if study.shadows else ""
    parts = [_head(study), _arms(study), *contrasts, _split(study, time), shadows, _turns(study), _promises(study)]
    return document(f"Experiment {study.story.name}", "".join(parts), STYLE)


def _head(study: Study) -> str:
    story = study.story
    told = [
        ("ended" if story.end else "running", f"begun {when(story.start.at)}"),
        (f"{sum(arm.met for arm in study.arms):,}", "units met a variant"),
        (f"{len(study.windows):,}", f"windows closed, of {elapsed(float(story.said['window']))} each"),
        (_split_word(study), "the split of units"),
    ]
    doubt = f'<p class="doubt">{escape(split_said(study))}</p>' if study.doubted is not None else ""
    said = "".join(f"<li>{escape(finding(one))}</li>" for one in study.contrasts)
    body = f'{doubt}<ul class="said">{said}</ul><p>{escape(ended(story))}</p>'
    return f"<h1>Experiment {escape(story.name)}</h1>{facts(told)}<section><h2>What it says</h2>{body}</section>"


def _split_word(study: Study) -> str:
    return "as meant" if study.doubted is None else "in doubt"


def _arms(study: Study) -> str:
    rows = (_arm(arm, charts.tint(k, arm.variant)) for k, arm in enumerate(study.arms))
    heads = ["variant", "share", "units", "closed", "decisions", "per unit", "per decision"]
    return f"<section><h2>Variants</h2>{table(heads, rows)}</section>"


def _arm(arm: Arm, tint: str) -> str:
    means = [number(value) if math.isfinite(value) else "none yet" for value in (arm.reward, arm.per_decision)]
    cells = {
        "share": f"{arm.share:.1%}",
        "units": f"{arm.met:,}",
        "closed": f"{arm.closed:,}",
        "decisions": f"{arm.decisions:,}",
        "per unit": f"<b>{means[0]}</b>",
        "per decision": means[1],
    }
    policy = f"<small>{escape(arm.policy)}</small>" if arm.policy else ""
    return row(f'<span class="key {tint}">{escape(arm.variant)}</span>{policy}', cells)


def _contrast(contrast: Contrast, study: Study, time: charts.Clock) -> str:
    new, old = named(contrast)
    title = f"{escape(new)} <i>against</i> {escape(old)} {pill(badge(contrast))}"
    note = '<p class="small">What all learning since the start brings.</p>' if contrast.control == HOLDOUT else ""
    drawn = figure("Difference of reward per unit, in its sequence", charts.effect(contrast.difference, time))
    for name, course in contrast.guardrails.items():
        margin = float(study.story.said["guardrails"][name])
        drawn += figure(f"Guardrail {name}; the line is the harm put up with", charts.effect(course, time, margin))
    rows = (_line(line) for line in lines(contrast, study.story))
    return (
        f"<section><h2>{title}</h2><p>{escape(finding(contrast))}</p>{note}"
        f'<div class="charts">{drawn}</div>{table(["measure", "estimate, at any look", "p", ""], rows)}'
        f"{_segments(contrast)}</section>"
    )


def _line(line: Line) -> str:
    course = line.course
    estimate, p = '<span class="early">too early</span>', "–"
    if course.told:
        estimate = f"<b>{number(course.value[-1])}</b><small>{between(course.last)}</small>"
        p = "–" if line.p is None else p_value(line.p)
    cells = {"estimate": estimate, "p": escape(p), "note": escape(line.note)}
    return row(escape(line.measure), cells, "broken" if line.broken else "")


def _segments(contrast: Contrast) -> str:
    if not contrast.segments:
        return ""
    shown = [(label, float(c.value[-1]), [c.last]) for label, c in contrast.segments.items() if c.told]
    early = ", ".join(escape(label) for label, course in contrast.segments.items() if not course.told)
    caption = "Difference per unit; all intervals hold together. The dashed line is no difference"
    drawn = figure(caption, interval_chart(shown, 0.0), "ranges") if shown else ""
    more = f'<p class="small">Too early to say of {early}.</p>' if early else ""
    return f"<h3>By segment</h3>{drawn}{more}"


def _split(study: Study, time: charts.Clock) -> str:
    names = study.story.variants
    counts = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{observed:,.0f} <i>of {expected:,.1f} expected</i></dd></div>"
        for name, observed, expected in zip(names, study.mismatch.observed, study.mismatch.expected, strict=True)
    )
    drawn = (
        figure("Weights in force", split_charts.weights(study, time))
        + figure("Units met so far; dashed: as was meant", split_charts.met(study, time))
        + figure("p of the split; an alarm above the red line", split_charts.mismatch(study, time))
    )
    shown = f'<div class="charts">{drawn}<dl class="counts">{counts}</dl></div>'
    title = f"<h2>Split of units {pill(_split_word(study))}</h2><p>{escape(split_said(study))}</p>"
    return f'<section>{title}<p class="keys">{charts.legend(names)}</p>{shown}</section>'


def _turns(study: Study) -> str:
    story, shown = study.story, []
    for turn in story.turns:
        shares = ", ".join(f"{escape(name)} {turn.shares.get(name, 0.0):.0%}" for name in story.variants)
        why = f"<small>{escape('; '.join(turn.ruling['reasons']))}</small>" if turn.ruling else ""
        shown.append(f"<li><b>{elapsed(turn.at - story.start.at)}</b> {turn.event}: {shares}{why}</li>")
    return f'<section><h2>Its course</h2><ol class="turns">{"".join(shown)}</ol></section>'


def _promises(study: Study) -> str:
    listed = "".join(f"<li>{escape(line)}</li>" for line in promises(study))
    return f'<footer><ul class="small">{listed}</ul></footer>'
