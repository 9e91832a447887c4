"""A study as one self-contained page: no script, no font, no request."""

from __future__ import annotations

import math
from html import escape

from croupier.evaluation.results import Estimate
from croupier.reports import study_charts as charts
from croupier.reports.evaluation_charts import interval_chart
from croupier.reports.evaluation_html import between, document, facts, number
from croupier.reports.html_parts import figure, pill, row, table
from croupier.reports.study_findings import (
    MeasureRow,
    conclusion,
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
from croupier.reports.study_style import STYLE
from croupier.reports.study_text import guarantees
from croupier.state.experiment.buckets import HOLDOUT
from croupier.studies.agreement import ShadowSummary, logged_estimate, summarize_shadows
from croupier.studies.results import Contrast, Study, VariantSummary

SHADOWS_NOTE = (
    "Evaluated and logged at every decision, never shown. The reward per decision is an off-policy estimate (SNIPS) "
    "with a fixed-sample confidence interval."
)


def study_page(study: Study) -> str:
    """The page of a study. Where data are insufficient it shows no number, but what is required."""
    time = charts.time_axis(study)
    sections = [_head(study), _variants(study), *(_contrast(one, study, time) for one in study.contrasts)]
    sections += [_sample_ratio(study, time), _shadows(study, time) if study.shadows else ""]
    sections += [_timeline(study), _guarantees(study)]
    return document(f"Experiment {study.timeline.name}", "".join(sections), STYLE)


def _head(study: Study) -> str:
    timeline = study.timeline
    window = format_duration(float(timeline.description["window"]))
    counts = [
        ("ended" if timeline.end else "running", f"started {format_time(timeline.start.at)}"),
        (f"{sum(variant.units for variant in study.variants):,}", "units assigned"),
        (f"{len(study.windows):,}", f"closed windows of {window}"),
        (_sample_ratio_word(study), "sample ratio"),
    ]
    alarm = f'<p class="mismatch">{escape(sample_ratio_text(study))}</p>' if study.mismatch_at is not None else ""
    findings = "".join(f"<li>{escape(finding(one))}</li>" for one in study.contrasts)
    body = f'{alarm}<ul class="findings">{findings}</ul><p>{escape(status_text(timeline))}</p>'
    return f"<h1>Experiment {escape(timeline.name)}</h1>{facts(counts)}<section><h2>Findings</h2>{body}</section>"


def _sample_ratio_word(study: Study) -> str:
    return "no mismatch" if study.mismatch_at is None else "mismatch"


def _variants(study: Study) -> str:
    rows = (_variant(one, charts.colour_class(k, one.variant)) for k, one in enumerate(study.variants))
    heads = ["variant", "share", "units", "closed", "decisions", "per unit", "per decision"]
    return f"<section><h2>Variants</h2>{table(heads, rows)}</section>"


def _variant(variant: VariantSummary, colour: str) -> str:
    rewards = variant.reward_per_unit, variant.reward_per_decision
    means = [number(value) if math.isfinite(value) else "none yet" for value in rewards]
    cells = {
        "share": f"{variant.share:.1%}",
        "units": f"{variant.units:,}",
        "closed": f"{variant.closed_windows:,}",
        "decisions": f"{variant.decisions:,}",
        "per unit": f"<b>{means[0]}</b>",
        "per decision": means[1],
    }
    policy = f"<small>{escape(variant.policy)}</small>" if variant.policy else ""
    return row(f'<span class="key {colour}">{escape(variant.variant)}</span>{policy}', cells)


def _contrast(contrast: Contrast, study: Study, time: charts.TimeAxis) -> str:
    new, old = contrast_names(contrast)
    title = f"{escape(new)} <i>against</i> {escape(old)} {pill(conclusion(contrast))}"
    note = ""
    if contrast.control == HOLDOUT:
        note = '<p class="small">The effect of all learning since the start of the experiment.</p>'
    difference = charts.effect_chart(contrast.difference, time)
    figures = figure("Difference of reward per unit with its confidence sequence", difference)
    for name, trajectory in contrast.guardrails.items():
        margin = float(study.timeline.description["guardrails"][name])
        caption = f"Guardrail {name}; the red line is the margin"
        figures += figure(caption, charts.effect_chart(trajectory, time, margin))
    rows = (_measure(one) for one in measure_rows(contrast, study.timeline))
    return (
        f"<section><h2>{title}</h2><p>{escape(finding(contrast))}</p>{note}"
        f'<div class="charts">{figures}</div>{table(["measure", "estimate and interval", "p", ""], rows)}'
        f"{_segments(contrast)}</section>"
    )


def _measure(measure: MeasureRow) -> str:
    trajectory = measure.trajectory
    estimate, p = f'<span class="insufficient">{missing_interval(trajectory)}</span>', "–"
    if trajectory.enough_data:
        estimate = f"<b>{number(trajectory.value[-1])}</b><small>{between(trajectory.last)}</small>"
        p = "–" if measure.p is None else format_p(measure.p)
    cells = {"estimate": estimate, "p": escape(p), "note": escape(measure.note)}
    return row(escape(measure.measure), cells, "violated" if measure.violated else "")


def _segments(contrast: Contrast) -> str:
    if not contrast.segments:
        return ""
    shown = [(label, float(c.value[-1]), [c.last]) for label, c in contrast.segments.items() if c.enough_data]
    insufficient = ", ".join(escape(label) for label, c in contrast.segments.items() if not c.enough_data)
    caption = "Difference per unit with simultaneous intervals; the dashed line is no difference"
    chart = figure(caption, interval_chart(shown, 0.0), "ranges") if shown else ""
    note = f'<p class="small">Insufficient data for {insufficient}.</p>' if insufficient else ""
    return f"<h3>By segment</h3>{chart}{note}"


def _sample_ratio(study: Study, time: charts.TimeAxis) -> str:
    names, test = study.timeline.variants, study.sample_ratio
    counts = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{observed:,.0f} <i>of {expected:,.1f} expected</i></dd></div>"
        for name, observed, expected in zip(names, test.observed, test.expected, strict=True)
    )
    figures = (
        figure("Weights in force", charts.weights_chart(study, time))
        + figure("Share of units assigned so far; dashed: expected", charts.assignments_chart(study, time))
        + figure("p-value of the sample-ratio test; alarm above the red line", charts.sample_ratio_chart(study, time))
    )
    body = f'<div class="charts">{figures}<dl class="counts">{counts}</dl></div>'
    title = f"<h2>Sample ratio {pill(_sample_ratio_word(study))}</h2><p>{escape(sample_ratio_text(study))}</p>"
    return f'<section>{title}<p class="keys">{charts.legend(names)}</p>{body}</section>'


def _shadows(study: Study, time: charts.TimeAxis) -> str:
    rows = [_shadow(shadow, charts.colour_class(k, shadow.name)) for k, shadow in enumerate(summarize_shadows(study))]
    rows.append(row("logged decisions", {"reward": _estimate(logged_estimate(study))}, "", 3))
    chart = figure("Share of decisions at which a shadow agrees", charts.agreement_chart(study, time), "ranges")
    heads = ["shadow", "decisions", "agreement, first fifth", "last fifth", "estimated reward"]
    return f'<section><h2>Shadows</h2><p class="small">{SHADOWS_NOTE}</p>{chart}{table(heads, rows)}</section>'


def _shadow(shadow: ShadowSummary, colour: str) -> str:
    cells = {
        "decisions": f"{shadow.decisions:,}",
        "first fifth": f"{shadow.first:.1%}",
        "last fifth": f"{shadow.last:.1%}",
        "reward": _estimate(shadow.offline),
    }
    return row(f'<span class="key {colour}">{escape(shadow.name)}</span>', cells)


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return "no reward yet"
    if not estimate.verdict.enough:
        return '<span class="refused">refused</span>'
    return f"<b>{number(estimate.value)}</b><small>{between(estimate.interval)}</small>"


def _timeline(study: Study) -> str:
    timeline, items = study.timeline, []
    for entry in timeline.entries:
        shares = ", ".join(f"{escape(name)} {entry.shares.get(name, 0.0):.0%}" for name in timeline.variants)
        reasons = f"<small>{escape('; '.join(entry.ruling['reasons']))}</small>" if entry.ruling else ""
        since = format_duration(entry.at - timeline.start.at)
        items.append(f"<li><b>{since}</b> {entry.event}: {shares}{reasons}</li>")
    return f'<section><h2>Timeline</h2><ol class="timeline">{"".join(items)}</ol></section>'


def _guarantees(study: Study) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in guarantees(study))
    return f'<footer><ul class="small">{items}</ul></footer>'
