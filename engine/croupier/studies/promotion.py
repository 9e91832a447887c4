"""Whether a candidate becomes the champion: one rule, for canaries that grow, are promoted, or are withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from croupier.errors import InputError
from croupier.evaluation.intervals.base import Interval
from croupier.studies.statistics.guardrails import Guardrail, State

SAME = 1e-9  # shares are points of a hash's range, and a step is met by the nearest of them


class Action(StrEnum):
    """What is to be done with a candidate."""

    PROMOTE = "promote"
    GROW = "grow"
    WAIT = "wait"
    WITHDRAW = "withdraw"


class Evidence(NamedTuple):
    """What is known at a look. Every interval has to be of a confidence sequence: the rule is asked again and again.

    Attributes:
        effect: Of the candidate against the champion.
        guardrails: Effects on the guardrail metrics, by name.
        mismatch: The always-valid p-value of the split.
        units: Closed windows of the candidate.
        budget_exhausted: Whether the planned time or number of units has been used up.
    """

    effect: Interval
    guardrails: dict[str, Interval]
    mismatch: float
    units: int
    budget_exhausted: bool = False


class Ruling(NamedTuple):
    """What is to be done, the candidate's share from now on, and the evidence in words."""

    action: Action
    share: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """When a candidate grows, wins or goes.

    Attributes:
        shares: The candidate's share of the units outside the hold-out, step by step, rising.
        least: What its effect must exceed to be promoted.
        tolerance: The harm that has to be ruled out, in units of the effect, before its share grows, > 0.
        guardrails: Metrics it must not harm.
        alpha: At which p-value of the split the experiment is not to be believed.
    """

    shares: tuple[float, ...] = (0.05, 0.2, 0.5)
    least: float = 0.0
    tolerance: float = 0.05
    guardrails: Sequence[Guardrail] = ()
    alpha: float = 0.01

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in zip((0.0, *self.shares), (*self.shares, 1.0), strict=True))
        if not self.shares or not rising or not self.tolerance > 0:
            raise InputError(f"shares rise between 0 and 1, and tolerance is positive: {self}")

    def rule(self, evidence: Evidence, share: float) -> Ruling:
        """The ruling at a look.

        Promoted: effect.low > least, and every guardrail is kept. Withdrawn: effect.high < least, a guardrail is
        broken, the split is wrong, or the experiment budget is exhausted without a decision. Grows: effect.low >
        −tolerance and no guardrail is broken. With sequences at level 1 − α, a candidate whose effect is at most
        `least` is ever promoted with probability at most α; one with a larger effect is withdrawn for it with the same.

        Args:
            evidence: At this look.
            share: The candidate's share now, likewise.

        Raises:
            InputError: A guardrail of the rule is missing in the evidence.
        """
        states = self._states(evidence)
        against = self._against(evidence, states)
        if against:
            return Ruling(Action.WITHDRAW, 0.0, against)
        low, open_ = evidence.effect.low, [name for name, state in states.items() if state is State.OPEN]
        if low > self.least and not open_:
            return Ruling(Action.PROMOTE, 1.0, (f"effect at least {low:.4g}, above {self.least:.4g}", *_kept(states)))
        if evidence.budget_exhausted:
            return Ruling(Action.WITHDRAW, 0.0, ("experiment budget exhausted", *self._missing(low, open_)))
        larger = [step for step in self.shares if step > share + SAME]
        if low > -self.tolerance and larger:
            return Ruling(Action.GROW, larger[0], (f"harm beyond {self.tolerance:.4g} is ruled out",))
        return Ruling(Action.WAIT, share, self._missing(low, open_))

    def _states(self, evidence: Evidence) -> dict[str, State]:
        missing = [guard.name for guard in self.guardrails if guard.name not in evidence.guardrails]
        if missing:
            raise InputError(f"the evidence says nothing of the guardrails {missing}")
        return {guard.name: guard.state(evidence.guardrails[guard.name]) for guard in self.guardrails}

    def _against(self, evidence: Evidence, states: dict[str, State]) -> tuple[str, ...]:
        found = [f"guardrail {name} is broken" for name, state in states.items() if state is State.BROKEN]
        if evidence.effect.high < self.least:
            found.append(f"effect at most {evidence.effect.high:.4g}, below {self.least:.4g}")
        if evidence.mismatch <= self.alpha:
            found.append(f"units did not meet the variants as was meant (p = {evidence.mismatch:.2g})")
        return tuple(found)

    def _missing(self, low: float, open_: list[str]) -> tuple[str, ...]:
        short = (f"effect may be {low:.4g}, which is not above {self.least:.4g}",) if low <= self.least else ()
        return (*short, *(f"guardrail {name} is open" for name in open_))


def _kept(states: dict[str, State]) -> tuple[str, ...]:
    return tuple(f"guardrail {name} is kept" for name in states)
