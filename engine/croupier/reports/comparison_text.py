"""Comparisons as tables. A refused number is never shown in one."""

from __future__ import annotations

from rich.console import Group
from rich.text import Text

from croupier.evaluation.intervals import Interval
from croupier.evaluation.results import Comparison, Difference
from croupier.reports.escaping import escape, visible
from croupier.reports.evaluation_text import between, headed_table, number, short, title, told


def comparison_table(comparison: Comparison) -> Group:
    """A row per pair of targets, and beneath it the leader and what speaks against it."""
    heading = f"{title(comparison.evaluation)}: differences by {comparison.estimator}"
    table = headed_table(["first", "second", ""], ["first - second", "effective rows", "ahead"], heading)
    for each in comparison.differences:
        told_apart = each.verdict.enough
        value = number(each.value, "+") if told_apart else "refused"
        table.add_row(escape(each.first), escape(each.second), "", value, f"{each.effective_rows:,.0f}", "")
        for kind, interval in kinds(each).items() if told_apart else ():
            table.add_row("", "", kind, between(interval, "+"), "", _ahead(interval), style="dim")
        table.add_section()
    return Group(
        table, Text(visible(conclusion(comparison))), *map(Text, promises(comparison)), *told(comparison.evaluation)
    )


def kinds(difference: Difference) -> dict[str, Interval]:
    """The intervals of a difference by what they are called."""
    found = {short("normal"): difference.interval}
    return found if difference.sequence is None else {**found, short("betting-sequence"): difference.sequence}


def _ahead(interval: Interval) -> str:
    if interval.low <= 0.0 <= interval.high:
        return "neither"
    return "first" if interval.low > 0.0 else "second"


def promises(comparison: Comparison) -> list[str]:
    """What each kind of interval guarantees."""
    found = (pair for each in comparison.differences for pair in kinds(each).items())
    return list(dict.fromkeys(f"{kind}: {each.level:.4g} together, {each.guarantee}." for kind, each in found))


def conclusion(comparison: Comparison) -> str:
    """The leader, and whether the evidence carries it."""
    if comparison.leader is None:
        return f"No leader: {comparison.reason}."
    carried = "carried" if comparison.carried else "not carried"
    return f"Leader: {comparison.leader}, {carried} by the evidence: {comparison.reason}."
