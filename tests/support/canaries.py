"""Simulated candidates with a known effect, under a promotion rule."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from croupier.studies.promotion import Evidence, Rule, RulingAction
from croupier.studies.statistics.effects import estimate_effect
from croupier.studies.statistics.guardrails import Guardrail
from croupier.studies.statistics.sample_ratio import sample_ratio_test
from croupier.studies.statistics.sequences import asymptotic_sequence
from croupier.studies.statistics.windows import ClosedWindows, Matrix
from support.experiments import two_variants


class Canary(NamedTuple):
    """What became of a candidate: the last action, its day, the units assigned to the candidate, and the reasons."""

    action: RulingAction
    day: int
    assigned: int
    reasons: tuple[str, ...]

    @property
    def undecided(self) -> bool:
        """Whether it was withdrawn because the budget of the experiment was exhausted."""
        return "experiment budget exhausted" in self.reasons


PLANNED = 1_000
RULE = Rule(shares=(0.05, 0.2, 0.5), tolerance=0.2, guardrails=(Guardrail("margin", 0.2),))


def arrivals(rng: np.random.Generator, share: float, effect: float, harm: float, count: int = 250) -> Matrix:
    """The units of one day: variant, share, reward, guardrail metric, (count, 4). Rewards are skewed."""
    variant = (rng.random(count) < share).astype(float)
    y, guard = rng.gamma(1.0, 1.0, count) + effect * variant, rng.normal(1.0, 1.0, count) - harm * variant
    return np.column_stack([variant, np.full(count, share), y, guard])


def canary(seed: int, effect: float, harm: float = 0.0, days: int = 60) -> Canary:
    """A candidate under `RULE`, evaluated every day; the exposure window of a unit is its first day."""
    rng, share = np.random.default_rng([6, seed]), RULE.shares[0]
    table = np.empty((0, 4))
    for day in range(1, days + 1):
        table = np.concatenate([table, arrivals(rng, share, effect, harm)])
        ruling = RULE.evaluate(evidence(table, day == days), share)
        if ruling.action in (RulingAction.PROMOTE, RulingAction.WITHDRAW):
            return Canary(ruling.action, day, int(table[:, 0].sum()), ruling.reasons)
        share = ruling.share
    raise AssertionError("the rule did not decide on the last day")


def evidence(table: Matrix, exhausted: bool) -> Evidence:
    """The evidence of all units so far."""
    variant, probability, n = table[:, 0].astype(np.int64), two_variants(table[:, 1]), len(table)
    effect, harm = (
        asymptotic_sequence(
            estimate_effect(ClosedWindows(np.arange(float(n)), variant, probability, y, np.ones(n)), 1, 0),
            planned_units=PLANNED,
        ).last
        for y in table[:, 2:].T
    )
    split = sample_ratio_test(variant, probability)
    return Evidence(effect, {"margin": harm}, float(split.p[-1]), int(variant.sum()), exhausted)
