"""Guardrails: metrics that a treatment must not harm by more than a margin."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from croupier.errors import InputError
from croupier.evaluation.intervals.base import Interval


class State(StrEnum):
    """What the evidence says of a guardrail."""

    KEPT = "kept"  # shown to be no worse than the margin
    OPEN = "open"  # not known yet
    BROKEN = "broken"  # shown to be worse than the margin


@dataclass(frozen=True)
class Guardrail:
    """A metric, higher is better, whose effect must not lie below −margin.

    Attributes:
        name: Of the metric.
        margin: The greatest harm that is put up with, > 0, in units of the effect.

    >>> Guardrail("margin", 0.02).state(Interval(-0.01, 0.05, 0.95, ""))
    <State.KEPT: 'kept'>
    """

    name: str
    margin: float

    def __post_init__(self) -> None:
        if not 0 < self.margin < float("inf"):
            raise InputError(f"the margin of {self.name!r} is {self.margin}: no harm at all can never be shown")

    def state(self, effect: Interval) -> State:
        """Non-inferiority from an interval: kept if low ≥ −margin, broken if high < −margin.

        With a confidence sequence either finding is wrong with probability at most 1 − level, at any time.
        """
        if effect.low >= -self.margin:
            return State.KEPT
        return State.BROKEN if effect.high < -self.margin else State.OPEN
