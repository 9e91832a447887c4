"""Simulated candidates under the rule of promotion, of which the truth is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from croupier.studies.promotion import Evidence, Rule, RulingAction
from croupier.studies.statistics.effects import estimate_effect
from croupier.studies.statistics.guardrails import Guardrail
from croupier.studies.statistics.sample_ratio import sample_ratio_test
from croupier.studies.statistics.sequences import asymptotic_sequence
from croupier.studies.statistics.windows import ClosedWindows, Matrix
from experiment_simulations import two


class Canary(NamedTuple):
    """How a candidate fared: what became of it, on which day, and the units that met it."""

    action: RulingAction
    day: int
    met: int
    reasons: tuple[str, ...]

    @property
    def undecided(self) -> bool:
        """Whether it was withdrawn because the budget was exhausted."""
        return "experiment budget exhausted" in self.reasons


PLANNED = 1_000
RULE = Rule(shares=(0.05, 0.2, 0.5), tolerance=0.2, guardrails=(Guardrail("margin", 0.2),))


def arrivals(rng: np.random.Generator, share: float, effect: float, harm: float, count: int = 250) -> Matrix:
    """The units of one day: variant, share, reward, guardrail metric. Rewards are skewed: a few units earn much."""
    variant = (rng.random(count) < share).astype(float)
    y, guard = rng.gamma(1.0, 1.0, count) + effect * variant, rng.normal(1.0, 1.0, count) - harm * variant
    return np.column_stack([variant, np.full(count, share), y, guard])


def canary(seed: int, effect: float, harm: float = 0.0, days: int = 60) -> Canary:
    """A candidate under `RULE`, looked at every day; the window of a unit is its first day."""
    rng, share = np.random.default_rng([6, seed]), RULE.shares[0]
    table = np.empty((0, 4))
    for day in range(1, days + 1):
        table = np.concatenate([table, arrivals(rng, share, effect, harm)])
        ruling = RULE.evaluate(evidence(table, day == days), share)
        if ruling.action in (RulingAction.PROMOTE, RulingAction.WITHDRAW):
            return Canary(ruling.action, day, int(table[:, 0].sum()), ruling.reasons)
        share = ruling.share
    raise AssertionError("the last look decides")


def evidence(table: Matrix, budget_exhausted: bool) -> Evidence:
    """What is known at a look."""
    variant, probability, n = table[:, 0].astype(np.int64), two(table[:, 1]), len(table)
    effect, harm = (
        asymptotic_sequence(
            estimate_effect(ClosedWindows(np.arange(float(n)), variant, probability, y, np.ones(n)), 1, 0),
            planned_units=PLANNED,
        ).last
        for y in table[:, 2:].T
    )
    split = sample_ratio_test(variant, probability)
    return Evidence(effect, {"margin": harm}, float(split.p[-1]), int(variant.sum()), budget_exhausted)
