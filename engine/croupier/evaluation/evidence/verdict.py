"""Enough evidence, or refused and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from croupier.evaluation.evidence.diagnostics import Diagnostics


class Cause(StrEnum):
    """Why an estimate is refused."""

    NO_ROWS = "no-rows"
    OUTSIDE_SUPPORT = "outside-support"
    THIN = "thin"
    MEAN_WEIGHT = "mean-weight"
    UNEXPLAINED = "unexplained"
    NOT_FINITE = "not-finite"
    HEAVY_TAIL = "heavy-tail"


class Refusal(NamedTuple):
    """One reason against an estimate, and what would help."""

    cause: Cause
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Enough evidence where nothing was found against it."""

    refusals: tuple[Refusal, ...] = ()

    @property
    def enough(self) -> bool:
        """Whether the estimate may be used."""
        return not self.refusals

    def __str__(self) -> str:
        return "enough evidence" if self.enough else "refused: " + "; ".join(each.reason for each in self.refusals)

    def with_refusal(self, refusal: Refusal | None) -> Verdict:
        """The same with one reason more, where there is one."""
        return self if refusal is None else Verdict((*self.refusals, refusal))


@dataclass(frozen=True, slots=True)
class Rules:
    """The thresholds of a verdict.

    Attributes:
        ess: The least effective sample size of weight × reward, seen and expected. Measured at 3 % reward, 95 %
            intervals: they covered 88 % where only ESS(w) ≥ 200 was asked for; over 20,000 logs each of a policy that
            does not learn, 94.7 % at ESS(w·r) = 98, 93.4 % at 23.
        outside: The most of the target's probability that may lie outside the support; it can bias an estimate by that
            share of the reward range.
        errors: How many standard errors the mean weight may be from 1.
        tail: The most that the tail index k of the weights may be, where no floor bounds them; beyond .7 the error of
            a mean is itself not known from the rows (Vehtari et al., JMLR 2024). Under a floor k says nothing of the
            kind of estimators that are normalised: weights that are mostly 1 and now and then K/ε have a large k and a
            known end.
    """

    ess: float = 100.0
    outside: float = 1e-3
    errors: float = 4.0
    tail: float = 0.7


RULES = Rules()


def judge(diagnostics: Diagnostics, rules: Rules = RULES, weight: float | None = None) -> Verdict:
    """Everything in the diagnostics that speaks against an estimate.

    Args:
        diagnostics: Of one target.
        rules: The thresholds.
        weight: The largest weight there can be; None where no floor was declared.
    """
    if not diagnostics.count:
        return Verdict((Refusal(Cause.NO_ROWS, "no row is left to evaluate on", "log more rewarded decisions"),))
    checks = (
        _support(diagnostics, rules),
        _mean_weight(diagnostics, rules),
        thin(diagnostics, rules),
        _heavy(diagnostics, rules, weight),
    )
    return Verdict(tuple(each for each in checks if each is not None))


def _support(diagnostics: Diagnostics, rules: Rules) -> Refusal | None:
    if not diagnostics.outside > rules.outside:
        return None
    return Refusal(
        Cause.OUTSIDE_SUPPORT,
        f"{diagnostics.outside:.1%} of the target's probability is outside the logged support",
        "the log says nothing of actions it could not draw: log with a floor (epsilon > 0), or take a target within it",
    )


def _mean_weight(diagnostics: Diagnostics, rules: Rules) -> Refusal | None:
    expected, mean = 1.0 - diagnostics.outside, diagnostics.mean_weight
    allowed = rules.errors * diagnostics.mean_weight_error
    if not abs(mean - expected) > max(allowed, 1e-9):  # exact weights have no error but that of rounding
        return None
    return Refusal(
        Cause.MEAN_WEIGHT,
        f"the mean weight is {mean:.3g} ± {diagnostics.mean_weight_error:.2g}, not {expected:.3g}",
        "either the logged propensities are not those of the draw, or rewards are missing for some actions more than "
        "for others, or too few rows carry the weight: verify the log, and log with a floor",
    )


def _heavy(diagnostics: Diagnostics, rules: Rules, weight: float | None) -> Refusal | None:
    k = diagnostics.tail.shape
    if weight is not None or not k > rules.tail:
        return None
    return Refusal(
        Cause.HEAVY_TAIL,
        f"the tail of its weights has index {k:.2f}, above {rules.tail:g}: larger ones than any seen may decide",
        "log with a floor, and declare it; or a target nearer to the logged one",
    )


def unseen(diagnostics: Diagnostics, rules: Rules, weight: float | None) -> Refusal | None:
    """A refusal of what is not normalised where the largest weights there can be have not come up yet.

    Measured on logs of the default policy (5,000 rows, floor .01, ESS of 100 and more): there the intervals of IPS
    missed 21 % of the time, and those of SNIPS, DR and adaptively weighted DR 4, 0 and 2 %.

    Args:
        diagnostics: Of one target.
        rules: The thresholds.
        weight: The largest weight there can be; None where no floor was declared.
    """
    k, largest = diagnostics.tail.shape, diagnostics.weights.largest
    if weight is None or not k > rules.tail or largest >= weight / 2:
        return None
    return Refusal(
        Cause.HEAVY_TAIL,
        f"weights may reach {weight:.3g}, the largest seen is {largest:.3g}, and their tail has index {k:.2f}: its "
        "interval knows nothing of those to come",
        "snips, sndr or dr, which miss little without them; a larger floor",
    )


def thin(diagnostics: Diagnostics, rules: Rules = RULES) -> Refusal | None:
    """A refusal where too few rows carry weight × reward."""
    ess = diagnostics.ess_reward
    if ess >= rules.ess:
        return None
    kind = "successes" if diagnostics.gains.total <= diagnostics.losses.total else "failures"
    told = "amount to" if ess < diagnostics.expected_ess_reward else "were to be expected to amount to"
    more = math.ceil(diagnostics.count * (rules.ess / ess - 1)) if ess else None
    remedy = "a reward range that fits, and decisions rewarded with more than one value: log the zeros too"
    if more is not None:
        remedy = (
            f"about {more:,} more rewarded decisions like these, a larger floor, or a target nearer to the logged one"
        )
    return Refusal(
        Cause.THIN, f"its {kind} {told} {ess:.0f} effective rows, and an interval needs {rules.ess:.0f}", remedy
    )
