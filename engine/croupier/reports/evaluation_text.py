"""Evaluations as tables. A refused number is never shown in one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from croupier.evaluation.estimators.basic import DM
from croupier.evaluation.evidence.verdict import Verdict
from croupier.evaluation.intervals import Interval
from croupier.evaluation.results import Estimate, Evaluated, Evaluation, remarks
from croupier.reports.escaping import escape, visible


def evaluation_table(evaluation: Evaluation) -> Group:
    """The estimates, the evidence behind them, and what speaks against them, as three parts below each other."""
    return Group(_estimates(evaluation), _evidence(evaluation), *_intervals(evaluation), *told(evaluation))


def _estimates(evaluation: Evaluation) -> Table:
    """A row for the values of each target, and beneath it one for each kind of interval."""
    table = headed_table(["target", ""], list(evaluation.targets[0].estimates), title(evaluation))
    for target in evaluation.targets:
        estimates = list(target.estimates.values())
        table.add_row(escape(target.label), "", *map(_value, estimates))
        shown = [each.intervals if _shown(each) else {} for each in estimates]
        for kind in dict.fromkeys(kind for each in shown for kind in each):
            cells = (between(each[kind]) if kind in each else "" for each in shown)
            table.add_row("", short(kind), *cells, style="dim")
        table.add_section()
    return table


def between(interval: Interval, sign: str = "") -> str:
    """The ends of an interval; `sign` is the sign option of a number's format."""
    return f"{number(interval.low, sign)} … {number(interval.high, sign)}"


def number(value: float, sign: str = "") -> str:
    """Four digits, zeros at the end among them.

    >>> number(0.91), number(1234.0), number(0.5, "+")
    ('0.9100', '1234', '+0.5000')
    """
    return f"{value:{sign}#.4g}".rstrip(".")


def _evidence(evaluation: Evaluation) -> Table:
    table = headed_table(
        ["target"],
        ["by w", "w·r", "w·(1-r)", "expected", "shares", "k", "mean w", "off"],
        "Evidence: effective rows, largest shares, tail index, mean weight, share off the support",
    )
    for target in evaluation.targets:
        d = target.diagnostics
        deciding = d.gains if d.gains.ess <= d.losses.ess else d.losses
        effective = (f"{mass.ess:,.0f}" for mass in (d.weights, d.gains, d.losses))
        expected = f"{d.expected_ess_reward:,.0f}"
        shares = f"{d.weights.share:.2%}\n{deciding.share:.2%}"
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
    """On how much it rests, and what was earned."""
    return f"{evaluation.counts.rows:,} rewarded decisions, mean reward {evaluation.mean_reward:.4g}"


def _value(estimate: Estimate) -> str:
    if not estimate.verdict.enough:
        return "refused"
    return number(estimate.value) + ("" if _shown(estimate) else "\n[dim]model only[/dim]")


def _shown(estimate: Estimate) -> bool:
    """Whether its intervals are shown; those of the direct method know nothing of the model's bias."""
    return estimate.verdict.enough and estimate.estimator != DM.name


def short(kind: str) -> str:
    """What a kind of interval is called in a table; beneath it stands what it guarantees."""
    return {"normal": "one look", "betting-sequence": "any time"}.get(kind, kind)


def _intervals(evaluation: Evaluation) -> list[Text]:
    shown = (each for target in evaluation.targets for each in target.estimates.values() if _shown(each))
    intervals = [(short(kind), interval) for each in shown for kind, interval in each.intervals.items()]
    kinds = dict.fromkeys(f"{kind}: {interval.level:.4g} {interval.guarantee}" for kind, interval in intervals)
    explained = "Shares: of the largest w, and of the largest w·r or w·(1-r), whichever counts for less."
    return [*(Text(f"{kind}.") for kind in kinds), Text(explained)]


def told(evaluation: Evaluation) -> list[Text]:
    """Refusals with what would help, notes, and what was left out."""
    refused = [line for target in evaluation.targets for line in _refusals(target)]
    notes = [f"{target.label}: {note}." for target in evaluation.targets for note in target.notes]
    return [Text(visible(line)) for line in [*refused, *notes, *(f"{line}." for line in remarks(evaluation))]]


def _refusals(target: Evaluated) -> list[str]:
    if not target.verdict.enough:
        worst = max((each.verdict for each in target.estimates.values()), key=lambda each: len(each.refusals))
        return [_told(target.label, worst)]  # an estimate may add to its target's
    refused = [each for each in target.estimates.values() if not each.verdict.enough]
    return [_told(f"{each.estimator} of {target.label}", each.verdict) for each in refused]


def _told(what: str, verdict: Verdict) -> str:
    remedies = "; ".join(dict.fromkeys(each.remedy for each in verdict.refusals))
    return f"{what} is {verdict}. What would help: {remedies}."
