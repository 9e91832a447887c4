"""An evaluation as one self-contained page, without scripts, fonts or requests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from croupier.evaluation.evidence.tally import Tally
from croupier.evaluation.evidence.verdict import judge
from croupier.evaluation.intervals import Interval
from croupier.evaluation.results import Estimate, Evaluation, TargetEvaluation, log_notes
from croupier.reports.evaluation_charts import curve_chart, interval_chart, weight_histogram_chart
from croupier.reports.evaluation_text import interval_label
from croupier.reports.evaluation_text import number as format_number
from croupier.reports.style import STYLE


def evaluation_page(evaluation: Evaluation) -> str:
    """The page. It omits the value of a refused estimate, but shows its confidence sequence, which is always valid."""
    body = [_head(evaluation), _overview(evaluation), *map(_target, evaluation.targets), foot(evaluation)]
    return document("Off-policy evaluation", "".join(body))


def document(title: str, body: str, more: str = "") -> str:
    """A self-contained page; `more` is added to its style sheet."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{STYLE}{more}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def facts(figures: Sequence[tuple[str, str]]) -> str:
    """Key figures with their labels."""
    shown = "".join(f"<div><b>{value}</b><span>{label}</span></div>" for value, label in figures)
    return f'<section class="facts">{shown}</section>'


def _head(evaluation: Evaluation) -> str:
    counts = evaluation.counts
    figures = [
        (f"{counts.rows:,}", "rewarded decisions"),
        (number(evaluation.mean_reward), "mean reward"),
        (
            f"{sum(target.verdict.enough for target in evaluation.targets)} of {len(evaluation.targets)}",
            "targets with sufficient evidence",
        ),
    ]
    return f"<h1>Off-policy evaluation</h1>{facts(figures)}"


def _overview(evaluation: Evaluation) -> str:
    names = list(evaluation.targets[0].estimates)
    heads = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = "".join(
        f"<tr><th>{escape(target.label)}</th>{''.join(map(_cell, target.estimates.values()))}</tr>"
        for target in evaluation.targets
    )
    guarantees = {
        f"{interval_label(kind)}: {each.level:.4g} {each.guarantee}"
        for target in evaluation.targets
        for estimate in target.estimates.values()
        for kind, each in estimate.intervals.items()
    }
    lines = "".join(f"<li>{escape(line)}</li>" for line in sorted(guarantees))
    return (
        f'<section><h2>Estimates</h2><div class="wide"><table class="estimates"><thead><tr><th>target</th>{heads}</tr>'
        f"</thead><tbody>{rows}</tbody></table></div>{_ranges(evaluation)}"
        f'<details><summary>Guarantees of the intervals</summary><ul class="small">{lines}</ul></details></section>'
    )


def _ranges(evaluation: Evaluation) -> str:
    """The estimate of each target by the last estimator, which has both kinds of interval by default."""
    found = [(target.label, list(target.estimates.values())[-1]) for target in evaluation.targets]
    shown = [(label, each.value, list(each.intervals.values())) for label, each in found if each.verdict.enough]
    if not shown:
        return ""
    caption = f"Estimates by {escape(found[0][1].estimator)}; the dashed line is the mean reward of the logging policy"
    chart = interval_chart(shown, evaluation.mean_reward)
    return f'<figure class="ranges"><figcaption>{caption}</figcaption>{chart}</figure>'


def _cell(estimate: Estimate) -> str:
    if not estimate.verdict.enough:
        return f'<td class="refused" data-of="{escape(estimate.estimator)}">refused</td>'
    lines = "".join(
        f"<small>{between(each)} <i>{interval_label(kind)}</i></small>" for kind, each in estimate.intervals.items()
    )
    return f'<td data-of="{escape(estimate.estimator)}"><b>{number(estimate.value)}</b>{lines}</td>'


def _target(target: TargetEvaluation) -> str:
    verdict = "" if target.verdict.enough else _refusal(target)
    notes = "".join(f'<p class="small">{escape(note)}.</p>' for note in target.notes)
    history = target.history
    charts = (
        f"<figure><figcaption>{escape(history.estimator.name)} along the log, with its confidence sequence</figcaption>"
        f"{curve_chart(history.curve.points, target.verdict.enough)}</figure>"
        "<figure><figcaption>Histogram of the weights</figcaption>"
        f"{weight_histogram_chart(history.weight_histogram)}</figure>"
    )
    return (
        f'<section><h2>{escape(target.label)} <span class="{"good" if not verdict else "bad"}">'
        f"{'sufficient evidence' if not verdict else 'refused'}</span></h2>{verdict}{notes}"
        f'<div class="charts">{charts}</div>{_evidence(target)}{segments(target)}</section>'
    )


def _refusal(target: TargetEvaluation) -> str:
    reasons = "".join(
        f"<li>{escape(each.reason)}. <i>Remedy: {escape(each.remedy)}.</i></li>" for each in target.verdict.refusals
    )
    return f'<ul class="refusals">{reasons}</ul>'


def _evidence(target: TargetEvaluation) -> str:
    d = target.diagnostics
    figures = [
        ("effective sample size, weight", f"{d.weights.ess:,.0f}"),
        ("weight × reward", f"{d.gains.ess:,.0f}"),
        ("weight × (1 − reward)", f"{d.losses.ess:,.0f}"),
        ("expected, the smaller of both", f"{d.expected_ess_reward:,.0f}"),
        ("share of the largest weight", f"{d.weights.share:.2%}"),
        ("mean weight", f"{d.mean_weight:.3f} ± {d.mean_weight_error:.3f}"),
        ("tail index k of the weights", f"{d.tail.shape:.2f}" if math.isfinite(d.tail.shape) else "none"),
        ("outside the support", f"{d.outside:.2%}"),
    ]
    shown = "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for label, value in figures)
    return f"<dl>{shown}</dl>"


def segments(target: TargetEvaluation) -> str:
    """A table of the segments of a target; empty where no segment was requested."""
    found = sorted(target.history.segments.items(), key=lambda item: -item[1].diagnostics.count)
    if not found:
        return ""
    rows = "".join(f"<tr><th>{escape(label)}</th>{_segment(tally)}</tr>" for label, tally in found)
    return (
        f'<h3>By segment, {escape(target.history.estimator.name)}</h3><div class="wide"><table><thead><tr>'
        f"<th>segment</th><th>rows</th><th>estimate</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _segment(tally: Tally) -> str:
    (estimator,), count = tally.estimators, tally.diagnostics.count
    if not judge(tally.diagnostics, max_weight=tally.bounds.max_weight).enough:
        return f'<td>{count:,}</td><td class="refused">refused</td>'
    value, _ = estimator.estimate(tally.moments[estimator.name])
    interval = tally.intervals(estimator, 0.95)["normal"]
    return f"<td>{count:,}</td><td><b>{number(value)}</b><small>{between(interval)}</small></td>"


def foot(evaluation: Evaluation) -> str:
    """The notes on the log as a whole."""
    lines = "".join(f"<li>{escape(line)}.</li>" for line in log_notes(evaluation))
    return f'<footer><ul class="small">{lines}</ul></footer>' if lines else ""


def between(interval: Interval) -> str:
    """The ends of an interval."""
    return f"{number(interval.low)} … {number(interval.high)}"


def number(value: float) -> str:
    """Four significant digits, with a typographic minus sign."""
    return format_number(value).replace("-", "−")
