"""What a comparison gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from croupier.evaluation.course import Course
from croupier.evaluation.intervals import Interval
from croupier.evaluation.results import Evaluation
from croupier.evaluation.verdict import Verdict

if TYPE_CHECKING:
    from rich.console import Group


class Difference(NamedTuple):
    """What `first` would have earned over `second` on the same rows, in units of reward per decision.

    Attributes:
        first: One target.
        second: The other.
        value: V̂₁ − V̂₂.
        error: Its standard error.
        interval: Of the difference, for one look; it holds together with those of the other pairs.
        sequence: Of the difference, for every look, likewise; None where the log leaves none.
        effective_rows: On how many rows the two differ: the lesser of the seen and the expected.
        verdict: Whether the evidence is enough.
        course: How the difference came about.
    """

    first: str
    second: str
    value: float
    error: float
    interval: Interval
    sequence: Interval | None
    effective_rows: float
    verdict: Verdict
    course: Course

    @property
    def ahead(self) -> str | None:
        """Whichever of the two the evidence puts ahead, at this one look; None where it does not say."""
        return self._ahead(self.interval)

    @property
    def ahead_any_time(self) -> str | None:
        """Whichever of the two is ahead for one who has been watching; None where the evidence does not say."""
        return self._ahead(self.sequence)

    def _ahead(self, interval: Interval | None) -> str | None:
        if interval is None or not self.verdict.enough or interval.low <= 0.0 <= interval.high:
            return None
        return self.first if interval.low > 0.0 else self.second


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found; `rich.print` shows it as a table.

    Attributes:
        evaluation: Of every target, by the estimator that the differences use.
        estimator: Its name.
        differences: One for each pair of targets; their intervals hold together, at the level.
        leader: The highest estimate among those not refused; None where all are.
        carried: Whether the evidence puts the leader ahead of every other target, at one look.
        carried_any_time: Whether it also does for one who looks again and again, and stops when they like.
        reason: Why it does, or what stands against it.
    """

    evaluation: Evaluation
    estimator: str
    differences: tuple[Difference, ...]
    leader: str | None
    carried: bool
    carried_any_time: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        from croupier.evaluation.plain import comparison_dict

        return comparison_dict(self)

    def to_json(self) -> str:
        """`to_dict` as JSON; a number that is not finite becomes null."""
        return orjson.dumps(self.to_dict(), option=orjson.OPT_INDENT_2).decode()

    def to_html(self) -> str:
        """One self-contained page; the number of a refused difference is not shown."""
        from croupier.evaluation.comparison_page import comparison_page

        return comparison_page(self)

    def table(self) -> Group:
        """For `rich.print`; the number of a refused difference is not shown."""
        from croupier.evaluation.comparison_report import comparison_table

        return comparison_table(self)

    def __rich__(self) -> Group:
        return self.table()
