"""Comparisons as tables. A refused number is never shown in one."""

from __future__ import annotations

from rich.console import Group
from rich.markup import escape
from rich.text import Text

from croupier.evaluation.differences import Comparison, Difference
from croupier.evaluation.intervals import Interval
from croupier.evaluation.report import headed_table, short, title, told


def comparison_table(comparison: Comparison) -> Group:
    """A row per pair of targets, and beneath it the leader and what speaks against it."""
    heading = f"{title(comparison.evaluation)}: differences by {comparison.estimator}"
    table = headed_table(["first", "second"], ["first - second", "effective rows", "ahead"], heading)
    for each in comparison.differences:
        effective = f"{each.effective_rows:,.0f}"
        table.add_row(escape(each.first), escape(each.second), _apart(each), effective, _ahead(each))
    return Group(table, Text(conclusion(comparison)), *map(Text, promises(comparison)), *told(comparison.evaluation))


def _apart(difference: Difference) -> str:
    if not difference.verdict.enough:
        return "refused"
    ranges = [f"[dim]{each.low:+.4g} … {each.high:+.4g} {kind}[/dim]" for kind, each in kinds(difference).items()]
    return "\n".join([f"{difference.value:+.4g}", *ranges])


def kinds(difference: Difference) -> dict[str, Interval]:
    """The intervals of a difference by what they are called."""
    found = {short("normal"): difference.interval}
    return found if difference.sequence is None else {**found, short("betting-sequence"): difference.sequence}


def _ahead(difference: Difference) -> str:
    if not difference.verdict.enough:
        return ""
    ahead = difference.ahead
    if ahead is None:
        return "neither"
    return escape(ahead) if difference.ahead_any_time == ahead else f"{escape(ahead)}\n[dim]at one look[/dim]"


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
