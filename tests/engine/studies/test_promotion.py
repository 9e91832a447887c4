"""The rule by which a candidate grows, is promoted or is withdrawn."""

from __future__ import annotations

import pytest

from croupier.errors import InputError
from croupier.evaluation.intervals.base import Interval
from croupier.studies.promotion import Evidence, Rule, RulingAction
from croupier.studies.statistics.guardrails import Guardrail

RULE = Rule(shares=(0.05, 0.2, 0.5), tolerance=0.1, guardrails=(Guardrail("margin", 0.05),))


def evidence_of(
    low: float, high: float, guard: float = 0.0, mismatch: float = 1.0, budget_exhausted: bool = False
) -> Evidence:
    around = Interval(guard - 0.01, guard + 0.01, 0.95, "")
    return Evidence(Interval(low, high, 0.95, ""), {"margin": around}, mismatch, 1_000, budget_exhausted)


@pytest.mark.parametrize(
    ("evidence", "share", "action", "next_share"),
    [
        (evidence_of(0.01, 0.2), 0.05, RulingAction.PROMOTE, 1.0),
        (evidence_of(0.01, 0.2, guard=-0.045), 0.5, RulingAction.WAIT, 0.5),  # good, with a guardrail inconclusive
        (evidence_of(0.01, 0.2, guard=-0.2), 0.5, RulingAction.WITHDRAW, 0.0),
        (evidence_of(-0.3, -0.01), 0.2, RulingAction.WITHDRAW, 0.0),
        (evidence_of(0.01, 0.2, mismatch=0.001), 0.5, RulingAction.WITHDRAW, 0.0),
        (evidence_of(-0.05, 0.2), 0.05, RulingAction.GROW, 0.2),
        (evidence_of(-0.05, 0.2), 0.2, RulingAction.GROW, 0.5),
        (evidence_of(-0.05, 0.2), 0.5, RulingAction.WAIT, 0.5),
        (evidence_of(-0.5, 0.5), 0.05, RulingAction.WAIT, 0.05),
        (evidence_of(-0.05, 0.2, budget_exhausted=True), 0.05, RulingAction.WITHDRAW, 0.0),
        (evidence_of(0.01, 0.2, budget_exhausted=True), 0.05, RulingAction.PROMOTE, 1.0),
        (evidence_of(float("-inf"), float("inf")), 0.05, RulingAction.WAIT, 0.05),
    ],
)
def test_rulings(evidence: Evidence, share: float, action: RulingAction, next_share: float) -> None:
    ruling = RULE.evaluate(evidence, share)
    assert (ruling.action, ruling.share) == (action, next_share)
    assert ruling.reasons


def test_reasons_name_what_is_missing() -> None:
    assert RULE.evaluate(evidence_of(-0.05, 0.2, guard=-0.045), 0.5).reasons == (
        "effect may be -0.05, which is not above 0",
        "guardrail margin is inconclusive",
    )


def test_every_objection_is_named() -> None:
    assert len(RULE.evaluate(evidence_of(-0.3, -0.1, guard=-0.3, mismatch=1e-9), 0.2).reasons) == 3


def test_a_guardrail_without_evidence_is_an_error() -> None:
    with pytest.raises(InputError, match="margin"):
        RULE.evaluate(Evidence(Interval(0.1, 0.2, 0.95, ""), {}, 1.0, 100), 0.05)


@pytest.mark.parametrize("shares", [(), (0.5, 0.2), (0.0, 0.5), (0.5, 1.0)])
def test_shares_increase(shares: tuple[float, ...]) -> None:
    with pytest.raises(InputError):
        Rule(shares=shares)
