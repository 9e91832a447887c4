"""Evaluations as tables, without the values of refused estimates."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from croupier.evaluation.estimators.basic import DM
from croupier.evaluation.evidence.verdict import Verdict, judge
from croupier.evaluation.intervals import Interval
from croupier.evaluation.results import Estimate, Evaluation, TargetEvaluation, log_notes
from croupier.reports.escaping import escape, visible

#: The labels of the default kinds of interval.
LABELS = {"normal": "fixed-sample CI", "betting-sequence": "confidence sequence (anytime-valid)"}


def evaluation_table(evaluation: Evaluation) -> Group:
    """The estimates, the diagnostics, the guarantees of the intervals, then refusals and notes."""
    return Group(
        _estimates(evaluation),
        *segments(evaluation),
        _evidence(evaluation),
        *_intervals(evaluation),
        *notes(evaluation),
    )


def _estimates(evaluation: Evaluation) -> Table:
    """A row for the estimates of each target, followed by one for each kind of interval."""
    table = headed_table(["target", ""], list(evaluation.targets[0].estimates), title(evaluation))
    for target in evaluation.targets:
        estimates = list(target.estimates.values())
        table.add_row(escape(target.label), "", *map(_value, estimates))
        shown = [each.intervals if _intervals_shown(each) else {} for each in estimates]
        for kind in dict.fromkeys(kind for each in shown for kind in each):
            cells = (between(each[kind]) if kind in each else "" for each in shown)
            table.add_row("", two_lines(interval_label(kind)), *cells, style="dim")
        table.add_section()
    return table


def segments(evaluation: Evaluation) -> list[Table]:
    """A table with a row for each segment of each target; none where no segment was requested."""
    if not evaluation.targets[0].history.segments:
        return []
    name = evaluation.targets[0].history.estimator.name
    table = headed_table(["target", "segment"], ["rows", name, "fixed-sample CI"], f"By segment, {name}")
    for target in evaluation.targets:
        found = sorted(target.history.segments.items(), key=lambda item: -item[1].diagnostics.count)
        for label, tally in found:
            value, interval = "refused", ""
            if judge(tally.diagnostics, max_weight=tally.bounds.max_weight).enough:
                (estimator,) = tally.estimators
                value = number(estimator.estimate(tally.moments[estimator.name])[0])
                interval = between(tally.intervals(estimator, target.history.level)["normal"])
            table.add_row(escape(target.label), escape(label), f"{tally.diagnostics.count:,}", value, interval)
        table.add_section()
    return [table]


def between(interval: Interval, sign: str = "") -> str:
    """The ends of an interval; `sign` is the sign option of a number's format."""
    return f"{number(interval.low, sign)} … {number(interval.high, sign)}"


def number(value: float, sign: str = "") -> str:
    """Four significant digits, including trailing zeros.

    >>> number(0.91), number(1234.0), number(0.5, "+")
    ('0.9100', '1234', '+0.5000')
    """
    return f"{value:{sign}#.4g}".rstrip(".")


def _evidence(evaluation: Evaluation) -> Table:
    table = headed_table(
        ["target"],
        ["w", "w·r", "w·(1-r)", "expected", "shares", "k", "mean w", "outside"],
        "Evidence: effective sample sizes, largest shares, tail index, mean weight, probability outside the support",
    )
    for target in evaluation.targets:
        d = target.diagnostics
        smaller = d.gains if d.gains.ess <= d.losses.ess else d.losses
        effective = (f"{mass.ess:,.0f}" for mass in (d.weights, d.gains, d.losses))
        expected = f"{d.expected_ess_reward:,.0f}"
        shares = f"{d.weights.share:.2%}\n{smaller.share:.2%}"
        mean = f"{d.mean_weight:.3f}\n±{d.mean_weight_error:.3f}"
        table.add_row(escape(target.label), *effective, expected, shares, _tail(d.tail.shape), mean, f"{d.outside:.2%}")
    return table


def _tail(k: float) -> str:
    return f"{k:.2f}" if math.isfinite(k) else "none"


def headed_table(left: Sequence[str], right: Sequence[str], title: str) -> Table:
    """An empty table with these columns."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in left:
        table.add_column(heading, overflow="fold", no_wrap=not heading)
    for heading in right:
        table.add_column(heading, justify="right")
    return table


def title(evaluation: Evaluation) -> str:
    """The number of rows and their mean reward."""
    return f"{evaluation.counts.rows:,} rewarded decisions, mean reward {evaluation.mean_reward:.4g}"


def _value(estimate: Estimate) -> str:
    if not estimate.verdict.enough:
        return "refused"
    return number(estimate.value) + ("" if _intervals_shown(estimate) else "\n[dim]model only[/dim]")


def _intervals_shown(estimate: Estimate) -> bool:
    """Whether its intervals are shown; those of the direct method do not cover the bias of the model."""
    return estimate.verdict.enough and estimate.estimator != DM.name


def interval_label(kind: str) -> str:
    """The label of a kind of interval in a table; its guarantee is given below the table."""
    return LABELS.get(kind, kind)


def two_lines(label: str) -> str:
    """A label with its parenthesis on a second line, for a narrow column."""
    return label.replace(" (", "\n(")


def _intervals(evaluation: Evaluation) -> list[Text]:
    shown = (each for target in evaluation.targets for each in target.estimates.values() if _intervals_shown(each))
    intervals = [(interval_label(kind), interval) for each in shown for kind, interval in each.intervals.items()]
    kinds = dict.fromkeys(f"{kind}: {interval.level:.4g} {interval.guarantee}" for kind, interval in intervals)
    explained = (
        "Shares: of the largest w, and of the largest w·r or w·(1-r), whichever has the smaller effective sample size."
    )
    return [*(Text(f"{kind}.") for kind in kinds), Text(explained)]


def notes(evaluation: Evaluation) -> list[Text]:
    """Refusals with their remedies, then notes."""
    refused = [line for target in evaluation.targets for line in _refusals(target)]
    notes = [f"{target.label}: {note}." for target in evaluation.targets for note in target.notes]
    return [Text(visible(line)) for line in [*refused, *notes, *(f"{line}." for line in log_notes(evaluation))]]


def _refusals(target: TargetEvaluation) -> list[str]:
    if not target.verdict.enough:
        worst = max((each.verdict for each in target.estimates.values()), key=lambda each: len(each.refusals))
        return [_refusal(target.label, worst)]  # an estimate may have refusals beyond those of its target
    refused = [each for each in target.estimates.values() if not each.verdict.enough]
    return [_refusal(f"{each.estimator} of {target.label}", each.verdict) for each in refused]


def _refusal(what: str, verdict: Verdict) -> str:
    remedies = "; ".join(dict.fromkeys(each.remedy for each in verdict.refusals))
    return f"{what} is {verdict}. Remedy: {remedies}."
