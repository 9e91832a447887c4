"""Guardrails: metrics that a treatment must not harm by more than a margin (non-inferiority tests)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from croupier.errors import InputError
from croupier.evaluation.intervals.base import Interval
from croupier.log.arguments import real
from croupier.log.identifiers import required, shown
from croupier.log.limits import EXPERIMENT


class GuardrailState(StrEnum):
    """The outcome of a non-inferiority test."""

    KEPT = "kept"  # harm of more than the margin is ruled out
    INCONCLUSIVE = "inconclusive"
    VIOLATED = "violated"  # harm of more than the margin is shown


@dataclass(frozen=True)
class Guardrail:
    """A metric, higher is better, whose effect must not lie below −margin.

    Attributes:
        name: The metric.
        margin: The largest harm that is tolerated, > 0, in units of the effect.

    Raises:
        InputError: The margin is not positive.

    >>> Guardrail("margin", 0.02).state(Interval(-0.01, 0.05, 0.95, ""))
    <GuardrailState.KEPT: 'kept'>
    """

    name: str
    margin: float

    def __post_init__(self) -> None:
        required(self.name, "the guardrail's name", EXPERIMENT)
        margin = real(self.margin)
        if margin is None or margin <= 0:
            raise InputError(
                f"the margin of guardrail {self.name!r} is {shown(self.margin)}; give a positive number, since no "
                "harm at all can never be shown"
            )

    def state(self, effect: Interval) -> GuardrailState:
        """Non-inferiority from an interval: kept if low ≥ −margin, violated if high < −margin.

        With a confidence sequence, either conclusion is ever wrong with probability at most 1 − level.
        """
        if effect.low >= -self.margin:
            return GuardrailState.KEPT
        return GuardrailState.VIOLATED if effect.high < -self.margin else GuardrailState.INCONCLUSIVE
