"""Evaluations as tables. A refused number is never shown in one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from croupier.evaluation.estimators import DM
from croupier.evaluation.log import Counts
from croupier.evaluation.results import Estimate, Evaluated, Evaluation
from croupier.evaluation.status import told as statuses
from croupier.evaluation.verdict import Verdict


def evaluation_table(evaluation: Evaluation) -> Group:
    """The estimates, the evidence behind them, and what speaks against them, as three parts below each other."""
    return Group(_estimates(evaluation), _evidence(evaluation), *_intervals(evaluation), *told(evaluation))


def _estimates(evaluation: Evaluation) -> Table:
    table = headed_table(["target"], list(evaluation.targets[0].estimates), title(evaluation))
    for target in evaluation.targets:
        table.add_row(escape(target.label), *map(_shown, target.estimates.values()))
    return table


def _evidence(evaluation: Evaluation) -> Table:
    table = headed_table(
        ["target"],
        ["ESS w", "ESS w·r", "ESS w·(1-r)", "expected", "largest shares", "tail k", "mean w", "off support"],
        "Evidence",
    )
    for target in evaluation.targets:
        d = target.diagnostics
        deciding = d.gains if d.gains.ess <= d.losses.ess else d.losses
        effective = (f"{mass.ess:,.0f}" for mass in (d.weights, d.gains, d.losses))
        expected = f"{d.expected_ess_reward:,.0f}"
        shares = f"{d.weights.share:.2%}\n{deciding.share:.2%}"
        mean = f"{d.mean_weight:.3f}\n± {d.mean_weight_error:.3f}"
        table.add_row(escape(target.label), *effective, expected, shares, _tail(d.tail.shape), mean, f"{d.outside:.2%}")
    return table


def _tail(k: float) -> str:
    return f"{k:.2f}" if math.isfinite(k) else "none"


def headed_table(left: Sequence[str], right: Sequence[str], title: str) -> Table:
    """An empty table with these columns."""
    table = Table(title=title, title_justify="left")
    for heading in left:
        table.add_column(heading, overflow="fold")
    for heading in right:
        table.add_column(heading, justify="right")
    return table


def title(evaluation: Evaluation) -> str:
    """On how much it rests, and what was earned."""
    return f"{evaluation.counts.rows:,} rewarded decisions, mean reward {evaluation.mean_reward:.4g}"


def _shown(estimate: Estimate) -> str:
    if not estimate.verdict.enough:
        return "refused"
    if estimate.estimator == DM.name:  # its interval knows nothing of the model's bias
        return f"{estimate.value:.4g}\n[dim]model only[/dim]"
    ranges = [f"{low:.4g} … {high:.4g} {short(kind)}" for kind, (low, high, *_) in estimate.intervals.items()]
    return "\n".join([f"{estimate.value:.4g}", *(f"[dim]{each}[/dim]" for each in ranges)])


def short(kind: str) -> str:
    """What a kind of interval is called in a table; beneath it stands what it guarantees."""
    return {"normal": "one look", "betting-sequence": "any time"}.get(kind, kind)


def _intervals(evaluation: Evaluation) -> list[Text]:
    shown = (each for target in evaluation.targets for each in target.estimates.values())
    intervals = [
        (short(kind), interval)
        for each in shown
        if each.verdict.enough and each.estimator != DM.name
        for kind, interval in each.intervals.items()
    ]
    kinds = dict.fromkeys(f"{kind}: {interval.level:.4g} {interval.guarantee}" for kind, interval in intervals)
    explained = "Shares: of the largest w, and of the largest w·r or w·(1-r), whichever counts for less."
    return [*(Text(f"{kind}.") for kind in kinds), Text(explained)]


def told(evaluation: Evaluation) -> list[Text]:
    """Refusals with what would help, notes, and what was left out."""
    refused = [line for target in evaluation.targets for line in _refusals(target)]
    notes = [f"{target.label}: {note}." for target in evaluation.targets for note in target.notes]
    return [Text(line) for line in [*refused, *notes, *(f"{line}." for line in remarks(evaluation))]]


def _refusals(target: Evaluated) -> list[str]:
    verdicts = [target.verdict, *(each.verdict for each in target.estimates.values())]
    worst = max(verdicts, key=lambda verdict: len(verdict.refusals))  # an estimate may add to its target's
    return [] if worst.enough else [_told(target.label, worst)]


def _told(what: str, verdict: Verdict) -> str:
    remedies = "; ".join(dict.fromkeys(each.remedy for each in verdict.refusals))
    return f"{what} is {verdict}. What would help: {remedies}."


def remarks(evaluation: Evaluation) -> list[str]:
    """What a reader must know of the log as a whole."""
    return [*left_out(evaluation.counts), *evaluation.notes]


def left_out(counts: Counts) -> list[str]:
    """What a reader must know of decisions that were not evaluated on."""
    lines = statuses(counts.statuses, counts.decisions)
    if counts.seen and counts.rows + counts.unrewarded + counts.seen == counts.decisions:
        lines.append(f"{counts.seen:,} rows are left out for all targets: a snapshot had learned from their rewards")
    return lines
