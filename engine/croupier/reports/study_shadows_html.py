"""The shadows on an experiment's page."""

from __future__ import annotations

from html import escape

from croupier.evaluation.results import Estimate
from croupier.reports.evaluation_html import between, number
from croupier.reports.html_parts import figure, row, table
from croupier.reports.study_charts import Clock, tint
from croupier.reports.study_split_charts import agreements
from croupier.studies.agreement import Shadow, earned, shadows
from croupier.studies.results import Study

ABOUT = (
    "Asked and logged beside whoever decided, never shown. What they would have earned per decision is an off-policy "
    "estimate (SNIPS), for one look."
)


def shadows_section(study: Study, time: Clock) -> str:
    """How far each agrees with what was shown, and what it would have earned."""
    rows = [_shadow(shadow, tint(k, shadow.name)) for k, shadow in enumerate(shadows(study))]
    rows.append(row("what was shown", {"earns": _offline(earned(study))}, "", 3))
    drawn = figure("Share of decisions at which a shadow drew what was shown", agreements(study, time), "ranges")
    heads = ["shadow", "decisions", "agrees at first", "at last", "would have earned"]
    return f'<section><h2>Shadows</h2><p class="small">{ABOUT}</p>{drawn}{table(heads, rows)}</section>'


def _shadow(shadow: Shadow, tint: str) -> str:
    cells = {
        "decisions": f"{shadow.decisions:,}",
        "at first": f"{shadow.first:.1%}",
        "at last": f"{shadow.last:.1%}",
        "earns": _offline(shadow.offline),
    }
    return row(f'<span class="key {tint}">{escape(shadow.name)}</span>', cells)


def _offline(estimate: Estimate | None) -> str:
    if estimate is None:
        return "no reward yet"
    if not estimate.verdict.enough:
        return '<span class="refused">refused</span>'
    return f"<b>{number(estimate.value)}</b><small>{between(estimate.interval)}</small>"
