"""The promotion rule: when a candidate's share is raised, when it is promoted, and when it is withdrawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from croupier.errors import InputError
from croupier.evaluation.intervals.base import Interval
from croupier.log.arguments import instance, number, real
from croupier.log.identifiers import elements, shown
from croupier.log.limits import FEATURES
from croupier.studies.statistics.guardrails import Guardrail, GuardrailState

_EFFECT = number(-1e300, 1e300)
_GUARDRAIL = instance(Guardrail, 'Guardrail("purchase", 0.02)')
SHARE_PRECISION = 1e-9  # a share is met by the nearest point of the hash's range, not exactly


class RulingAction(StrEnum):
    """What to do with a candidate. The log stores the values."""

    PROMOTE = "promote"
    GROW = "grow"
    WAIT = "wait"
    WITHDRAW = "withdraw"


class Evidence(NamedTuple):
    """The evidence at a look. Intervals must come from confidence sequences, since the rule is evaluated repeatedly.

    Attributes:
        effect: Effect of the candidate against the champion.
        guardrails: Effects on the guardrail metrics, by name.
        mismatch_p: Anytime-valid p-value of the sample-ratio test.
        units: Closed windows of the candidate.
        budget_exhausted: Whether the planned time or number of units has been used up.
    """

    effect: Interval
    guardrails: dict[str, Interval]
    mismatch_p: float
    units: int
    budget_exhausted: bool = False


class Ruling(NamedTuple):
    """What to do with a candidate, its share from now on, and the reasons in words."""

    action: RulingAction
    share: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """When a candidate's share grows, and when it is promoted or withdrawn.

    Attributes:
        shares: The candidate's shares of the units outside the hold-out, step by step, increasing.
        min_effect: The effect that the confidence sequence's lower bound must exceed for promotion.
        tolerance: The harm that must be ruled out before the share grows, > 0, in units of the effect.
        guardrails: Metrics that the candidate must not harm.
        alpha: Significance level of the sample-ratio test; a mismatch invalidates the experiment.

    Raises:
        InputError: Shares do not increase between 0 and 1, or tolerance is not positive.
    """

    shares: tuple[float, ...] = (0.05, 0.2, 0.5)
    min_effect: float = 0.0
    tolerance: float = 0.05
    guardrails: Sequence[Guardrail] = ()
    alpha: float = 0.01

    def __post_init__(self) -> None:
        shares = [real(share) for share in elements(self.shares, "shares", FEATURES)]
        if None in shares:
            raise InputError(f"shares is {shown(self.shares)}; give numbers between 0 and 1, the smallest first")
        checked = {
            "shares": tuple(share for share in shares if share is not None),
            "min_effect": _EFFECT(self.min_effect, "min_effect"),
            "tolerance": _EFFECT(self.tolerance, "tolerance"),
            "guardrails": tuple(
                _GUARDRAIL(guard, "a guardrail") for guard in elements(self.guardrails, "guardrails", FEATURES)
            ),
            "alpha": number(0.0, 1.0)(self.alpha, "alpha"),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)  # the class is frozen
        rising = all(low < high for low, high in zip((0.0, *self.shares), (*self.shares, 1.0), strict=True))
        if not self.shares or not rising or not self.tolerance > 0:
            raise InputError(f"shares must increase between 0 and 1, and tolerance must be positive: {self}")

    def evaluate(self, evidence: Evidence, share: float) -> Ruling:
        """The ruling at a look.

        Promote: effect.low > min_effect, and every guardrail is kept. Withdraw: effect.high < min_effect, a guardrail
        is violated, a sample-ratio mismatch is detected, or the budget is exhausted without a decision. Grow:
        effect.low > −tolerance and no guardrail is violated. With sequences at level 1 − α, a candidate whose effect is
        at most `min_effect` is ever promoted with probability at most α, and one whose effect is above `min_effect` is
        ever withdrawn for its effect with probability at most α.

        Args:
            evidence: The evidence at this look.
            share: The candidate's current share of the units outside the hold-out.

        Raises:
            InputError: The evidence lacks a guardrail of the rule.
        """
        states = self._states(evidence)
        objections = self._objections(evidence, states)
        if objections:
            return Ruling(RulingAction.WITHDRAW, 0.0, objections)
        low = evidence.effect.low
        inconclusive = [name for name, state in states.items() if state is GuardrailState.INCONCLUSIVE]
        if low > self.min_effect and not inconclusive:
            reasons = f"effect at least {low:.4g}, above {self.min_effect:.4g}", *_kept(states)
            return Ruling(RulingAction.PROMOTE, 1.0, reasons)
        if evidence.budget_exhausted:
            reasons = "experiment budget exhausted", *self._missing(low, inconclusive)
            return Ruling(RulingAction.WITHDRAW, 0.0, reasons)
        larger = [step for step in self.shares if step > share + SHARE_PRECISION]
        if low > -self.tolerance and larger:
            return Ruling(RulingAction.GROW, larger[0], (f"harm of more than {self.tolerance:.4g} is ruled out",))
        return Ruling(RulingAction.WAIT, share, self._missing(low, inconclusive))

    def _states(self, evidence: Evidence) -> dict[str, GuardrailState]:
        missing = [guard.name for guard in self.guardrails if guard.name not in evidence.guardrails]
        if missing:
            raise InputError(
                f"the evidence has no interval for the guardrails {missing}, so harm to them would go unseen; add them"
            )
        return {guard.name: guard.state(evidence.guardrails[guard.name]) for guard in self.guardrails}

    def _objections(self, evidence: Evidence, states: dict[str, GuardrailState]) -> tuple[str, ...]:
        found = [f"guardrail {name} is violated" for name, state in states.items() if state is GuardrailState.VIOLATED]
        if evidence.effect.high < self.min_effect:
            found.append(f"effect at most {evidence.effect.high:.4g}, below {self.min_effect:.4g}")
        if evidence.mismatch_p <= self.alpha:
            found.append(f"sample-ratio mismatch detected (p = {evidence.mismatch_p:.2g})")
        return tuple(found)

    def _missing(self, low: float, inconclusive: list[str]) -> tuple[str, ...]:
        found: tuple[str, ...] = ()
        if math.isinf(low):
            found = ("the effect has no interval, because units are too few or their rewards do not differ",)
        elif low <= self.min_effect:
            found = (f"effect may be {low:.4g}, which is not above {self.min_effect:.4g}",)
        return (*found, *(f"guardrail {name} is inconclusive" for name in inconclusive))


def _kept(states: dict[str, GuardrailState]) -> tuple[str, ...]:
    return tuple(f"guardrail {name} is kept" for name in states)
