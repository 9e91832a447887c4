"""A comparison as one self-contained page."""

from __future__ import annotations

from html import escape

from croupier.evaluation.results import Comparison, Difference
from croupier.reports.comparison_text import conclusion, kinds, promises
from croupier.reports.evaluation_charts import course, ranges
from croupier.reports.evaluation_html import between, document, facts, foot, number

OVER = '<i class="over">over</i>'


def comparison_page(comparison: Comparison) -> str:
    """The page. The number of a refused difference is not on it."""
    pairs = f'<div class="pairs">{"".join(map(_pair, comparison.differences))}</div>'
    body = [_head(comparison), _overview(comparison), pairs, foot(comparison.evaluation)]
    return document("Comparison of policies", "".join(body))


def _head(comparison: Comparison) -> str:
    carried = ("at any look" if comparison.carried_any_time else "at one look") if comparison.carried else "not"
    told = [
        (escape(comparison.leader or "none"), "leads"),
        (carried, "carried by the evidence"),
        (f"{comparison.evaluation.counts.rows:,}", "rewarded decisions"),
    ]
    return f"<h1>Which policy would have earned most</h1>{facts(told)}"


def _overview(comparison: Comparison) -> str:
    rows = "".join(
        f"<tr><th>{escape(each.first)} {OVER} {escape(each.second)}</th>{_cells(each)}</tr>"
        for each in comparison.differences
    )
    lines = "".join(f"<li>{escape(line)}</li>" for line in promises(comparison))
    heads = f"<th>pair</th><th>by {escape(comparison.estimator)}</th><th>effective rows</th><th>ahead</th>"
    return (
        f"<section><h2>Differences</h2><p>{escape(conclusion(comparison))}</p>"
        f'<div class="wide"><table class="estimates"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"{_ranges(comparison)}"
        f'<details><summary>What the intervals promise</summary><ul class="small">{lines}</ul></details></section>'
    )


def _cells(difference: Difference) -> str:
    effective = f'<td data-of="effective rows">{difference.effective_rows:,.0f}</td>'
    if not difference.verdict.enough:
        return f'<td class="refused" data-of="difference">refused</td>{effective}<td data-of="ahead">–</td>'
    lines = "".join(f"<small>{between(each)} <i>{kind}</i></small>" for kind, each in kinds(difference).items())
    value = f'<td data-of="difference"><b>{number(difference.value)}</b>{lines}</td>'
    return f'{value}{effective}<td data-of="ahead">{escape(difference.ahead or "neither")}</td>'


def _ranges(comparison: Comparison) -> str:
    shown = [
        (f"{each.first} over {each.second}", each.value, list(kinds(each).values()))
        for each in comparison.differences
        if each.verdict.enough
    ]
    if not shown:
        return ""
    return (
        f'<figure class="ranges"><figcaption>The dashed line is no difference</figcaption>{ranges(shown, 0.0)}</figure>'
    )


def _pair(difference: Difference) -> str:
    verdict = difference.verdict
    reasons = "".join(
        f"<li>{escape(each.reason)}. <i>What would help: {escape(each.remedy)}.</i></li>" for each in verdict.refusals
    )
    refused = f'<ul class="refusals">{reasons}</ul>' if reasons else ""
    badge = '<span class="bad">refused</span>' if reasons else '<span class="good">enough evidence</span>'
    return (
        f"<section><h2>{escape(difference.first)} {OVER} {escape(difference.second)} {badge}</h2>{refused}"
        "<figure><figcaption>The difference over the log, with its confidence sequence</figcaption>"
        f"{course(difference.course.marks, verdict.enough)}</figure></section>"
    )
