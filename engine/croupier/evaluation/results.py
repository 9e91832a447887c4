"""What an evaluation gives back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from croupier.evaluation.diagnostics import Diagnostics
from croupier.evaluation.intervals import Interval
from croupier.evaluation.log import Counts
from croupier.evaluation.story import Story
from croupier.evaluation.verdict import Verdict

if TYPE_CHECKING:
    from rich.console import Group


class Estimate(NamedTuple):
    """What one estimator says of one target, in units of reward. Not to be used where the verdict refuses it.

    Attributes:
        estimator: Its name.
        value: V̂.
        error: Its standard error.
        intervals: By kind, in the order asked for; those that apply to the estimator.
        verdict: Whether the evidence is enough.
    """

    estimator: str
    value: float
    error: float
    intervals: dict[str, Interval]
    verdict: Verdict

    @property
    def interval(self) -> Interval:
        """The first of its intervals; one without ends where none of the kinds asked for applies."""
        return next(iter(self.intervals.values()), Interval(nan, nan, nan, "no interval of the kinds asked for"))


@dataclass(frozen=True, eq=False)
class Evaluated:
    """One target: its estimates by estimator, what they rest on, whether that is enough, and how it came about."""

    label: str
    estimates: dict[str, Estimate]
    diagnostics: Diagnostics
    verdict: Verdict
    notes: tuple[str, ...]
    story: Story


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `evaluate` found; `rich.print` shows it as a table.

    Attributes:
        counts: The decisions of the log, and which of them were evaluated on.
        mean_reward: What the logging policy earned on those rows.
        targets: In the order in which they were asked for.
        notes: Remarks on the log as a whole.
    """

    counts: Counts
    mean_reward: float
    targets: tuple[Evaluated, ...]
    notes: tuple[str, ...] = ()

    def with_notes(self, notes: Iterable[str]) -> Evaluation:
        """The same with remarks on the log as a whole."""
        return replace(self, notes=tuple(notes))

    def __getitem__(self, label: str) -> Evaluated:
        """The target of this label. Raises KeyError."""
        found = {target.label: target for target in self.targets}
        return found[label]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data; the numbers of a refused estimate are there, beside the refusal."""
        from croupier.evaluation.plain import evaluation_dict

        return evaluation_dict(self)

    def to_json(self) -> str:
        """`to_dict` as JSON; a number that is not finite becomes null."""
        return orjson.dumps(self.to_dict(), option=orjson.OPT_INDENT_2).decode()

    def to_html(self) -> str:
        """One self-contained page; the number of a refused estimate is not shown."""
        from croupier.evaluation.page import evaluation_page

        return evaluation_page(self)

    def table(self) -> Group:
        """For `rich.print`; the number of a refused estimate is not shown."""
        from croupier.evaluation.report import evaluation_table

        return evaluation_table(self)

    def __rich__(self) -> Group:
        return self.table()
