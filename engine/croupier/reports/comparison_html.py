"""A comparison as one self-contained page."""

from __future__ import annotations

from html import escape

from croupier.evaluation.results import Comparison, Difference
from croupier.reports.comparison_text import conclusion, guarantees, labelled_intervals
from croupier.reports.evaluation_charts import curve_chart, interval_chart
from croupier.reports.evaluation_html import between, document, facts, foot, number, segments

OVER = '<i class="over">over</i>'


def comparison_page(comparison: Comparison) -> str:
    """The page. It omits the value of a refused difference."""
    pairs = f'<div class="pairs">{"".join(map(_pair, comparison.differences))}</div>'
    body = [_head(comparison), _overview(comparison), pairs, _targets(comparison), foot(comparison.evaluation)]
    return document("Comparison of policies", "".join(body))


def _head(comparison: Comparison) -> str:
    by = "confidence sequence (anytime-valid)" if comparison.significant_anytime else "fixed-sample CI"
    figures = [
        (escape(comparison.leader or "none"), "leader"),
        (f"yes, by {by}" if comparison.significant else "no", "significant"),
        (f"{comparison.evaluation.counts.rows:,}", "rewarded decisions"),
    ]
    return f"<h1>Comparison of policies</h1>{facts(figures)}"


def _overview(comparison: Comparison) -> str:
    rows = "".join(
        f"<tr><th>{escape(each.first)} {OVER} {escape(each.second)}</th>{_cells(each)}</tr>"
        for each in comparison.differences
    )
    lines = "".join(f"<li>{escape(line)}</li>" for line in guarantees(comparison))
    heads = f"<th>pair</th><th>by {escape(comparison.estimator)}</th><th>effective sample size</th><th>better</th>"
    return (
        f"<section><h2>Differences</h2><p>{escape(conclusion(comparison))}</p>"
        f'<div class="wide"><table class="estimates"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"{_ranges(comparison)}"
        f'<details><summary>Guarantees of the intervals</summary><ul class="small">{lines}</ul></details></section>'
    )


def _cells(difference: Difference) -> str:
    effective = f'<td data-of="effective sample size">{difference.effective_sample_size:,.0f}</td>'
    if not difference.verdict.enough:
        return f'<td class="refused" data-of="difference">refused</td>{effective}<td data-of="better">–</td>'
    lines = "".join(
        f"<small>{between(each)} <i>{kind}</i></small>" for kind, each in labelled_intervals(difference).items()
    )
    value = f'<td data-of="difference"><b>{number(difference.value)}</b>{lines}</td>'
    return f'{value}{effective}<td data-of="better">{escape(difference.better or "neither")}</td>'


def _ranges(comparison: Comparison) -> str:
    shown = [
        (f"{each.first} over {each.second}", each.value, list(labelled_intervals(each).values()))
        for each in comparison.differences
        if each.verdict.enough
    ]
    if not shown:
        return ""
    return (
        '<figure class="ranges"><figcaption>Differences; the dashed line is 0</figcaption>'
        f"{interval_chart(shown, 0.0)}</figure>"
    )


def _pair(difference: Difference) -> str:
    verdict = difference.verdict
    reasons = "".join(
        f"<li>{escape(each.reason)}. <i>Remedy: {escape(each.remedy)}.</i></li>" for each in verdict.refusals
    )
    refused = f'<ul class="refusals">{reasons}</ul>' if reasons else ""
    badge = '<span class="bad">refused</span>' if reasons else '<span class="good">sufficient evidence</span>'
    return (
        f"<section><h2>{escape(difference.first)} {OVER} {escape(difference.second)} {badge}</h2>{refused}"
        "<figure><figcaption>The difference along the log, with its confidence sequence</figcaption>"
        f"{curve_chart(difference.curve.points, verdict.enough)}</figure></section>"
    )


def _targets(comparison: Comparison) -> str:
    """The segments of every target."""
    shown = ((escape(target.label), segments(target)) for target in comparison.evaluation.targets)
    return "".join(f"<section><h2>{label}</h2>{table}</section>" for label, table in shown if table)
