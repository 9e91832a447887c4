"""Comparisons as tables, without the values of refused differences."""

from __future__ import annotations

from rich.console import Group
from rich.text import Text

from croupier.evaluation.intervals import Interval
from croupier.evaluation.results import Comparison, Difference
from croupier.reports.escaping import escape, visible
from croupier.reports.evaluation_text import (
    between,
    headed_table,
    interval_label,
    notes,
    number,
    segments,
    title,
    two_lines,
)


def comparison_table(comparison: Comparison) -> Group:
    """A row for each pair of targets, then the leader and whether it is significant, then segments."""
    heading = f"{title(comparison.evaluation)}: differences by {comparison.estimator}"
    table = headed_table(["first", "second", ""], ["first - second", "effective sample size", "better"], heading)
    for each in comparison.differences:
        value = number(each.value, "+") if each.verdict.enough else "refused"
        table.add_row(escape(each.first), escape(each.second), "", value, f"{each.effective_sample_size:,.0f}", "")
        for kind, interval in labelled_intervals(each).items() if each.verdict.enough else ():
            table.add_row("", "", two_lines(kind), between(interval, "+"), "", _better(interval), style="dim")
        table.add_section()
    stated = Text(visible(conclusion(comparison))), *map(Text, guarantees(comparison))
    return Group(table, *stated, *segments(comparison.evaluation), *notes(comparison.evaluation))


def labelled_intervals(difference: Difference) -> dict[str, Interval]:
    """The intervals of a difference, by label."""
    found = {interval_label("normal"): difference.interval}
    return found if difference.sequence is None else {**found, interval_label("betting-sequence"): difference.sequence}


def _better(interval: Interval) -> str:
    if interval.low <= 0.0 <= interval.high:
        return "neither"
    return "first" if interval.low > 0.0 else "second"


def guarantees(comparison: Comparison) -> list[str]:
    """The guarantee of each kind of interval."""
    found = (pair for each in comparison.differences for pair in labelled_intervals(each).items())
    return list(dict.fromkeys(f"{kind}: {each.level:.4g} simultaneous, {each.guarantee}." for kind, each in found))


def conclusion(comparison: Comparison) -> str:
    """The leader, and whether it is significantly better than every other target."""
    if comparison.leader is None:
        return f"No leader: {comparison.reason}."
    significance = "significant" if comparison.significant else "not significant"
    return f"Leader: {comparison.leader} ({significance}): {comparison.reason}."
