"""Candidates judged on the log of a running engine, and what is then done with them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from croupier import (
    ConstantPolicy,
    Engine,
    EvidenceError,
    Experiment,
    InputError,
    Rule,
    StateError,
    UniformPolicy,
    verify,
)
from croupier.log.ids import counted
from croupier.studies.promotion import RulingAction
from croupier.studies.study import study
from croupier.studies.timeline import find_timeline
from croupier_storage import open_storage

RULE = Rule(shares=(0.1, 0.3, 0.5), tolerance=0.2)


class Shop:
    """One unit a second, rewarded at once: "b" earns .8, "a" .2; the clock is the unit's number."""

    def __init__(self, url: str, **more: Any) -> None:
        self.at, self.rng = 0.0, random.Random(1)
        self.engine = Engine.open(url, seed=7, learner=None, ids=counted(), clock=lambda: self.at, **more)

    def serve(self, units: int) -> None:
        for _ in range(units):
            self.at += 1.0
            unit = f"u{self.at}"
            decision = self.engine.choose({"x": 1.0}, ["a", "b"], unit=unit)
            self.engine.reward(decision.id, float(self.rng.random() < (0.8 if decision.action == "b" else 0.2)))
            if decision.action == "b":
                self.engine.observe(unit, "refund", "b")


def canary(action: str, **more: Any) -> Experiment:
    candidate = ConstantPolicy(action=action)
    weights = {"old": 0.9, "new": 0.1}
    return Experiment("canary", {"old": None, "new": candidate}, window=1.0, weights=weights, **more)


def test_a_good_candidate_grows_and_is_promoted_on_the_evidence_that_is_logged(url: str) -> None:
    shop = Shop(url, policy=UniformPolicy())
    with shop.engine as engine:
        engine.experiments.start(canary("b"))
        shop.serve(30)
        with pytest.raises(EvidenceError, match="not promoted"):
            engine.experiments.promote("new", RULE)
        actions, shares = [], [engine.experiments.shares["new"]]
        for _ in range(30):
            shop.serve(100)
            actions.append(engine.experiments.advance("new", RULE).action)
            if actions[-1] is RulingAction.PROMOTE:
                break
            shares.append(engine.experiments.shares["new"])
        assert actions[-1] is RulingAction.PROMOTE
        assert shares == sorted(shares)
        assert engine.policy.name == "constant"
        with pytest.raises(StateError):
            engine.experiments.advance("new", RULE)
        shop.serve(5)
    found = verify(url)
    assert found.sound, found.difference
    with open_storage(url, create=False, read_only=True) as storage:
        end = find_timeline(storage).end
        assert end is not None
        assert b"effect at least" in (end.body or b"")
        effect = study(storage).contrast("new").difference
        assert effect.low[-1] > 0.0
        assert effect.low[-1] < 0.3 < effect.high[-1]


def test_a_bad_candidate_is_withdrawn_and_everyone_meets_the_champion_again(url: str) -> None:
    shop = Shop(url, policy=UniformPolicy())
    with shop.engine as engine:
        engine.experiments.start(canary("a"))
        for _ in range(30):
            shop.serve(100)
            if (ruling := engine.experiments.advance("new", RULE)).action is RulingAction.WITHDRAW:
                break
        assert ruling.action is RulingAction.WITHDRAW
        assert "below" in ruling.reasons[0]
        assert engine.experiments.shares == {}
        assert engine.policy.name == "uniform"


def test_a_guardrail_of_the_experiment_keeps_a_candidate_from_winning(url: str) -> None:
    """ "b" is better, and every "b" is followed by a refund, counted against it by its sign."""
    shop = Shop(url, policy=UniformPolicy())
    with shop.engine as engine:
        engine.experiments.start(
            canary("a", guardrails={"refund": 0.1})
        )  # of "refund" more is better here: "a" has none
        for _ in range(20):
            shop.serve(100)
            ruling = engine.experiments.evaluate_promotion(
                "new", Rule(shares=(0.1, 0.5), tolerance=0.2, min_effect=-2.0)
            )
        assert ruling.action is RulingAction.WITHDRAW
        assert "guardrail refund is violated" in ruling.reasons


def test_one_candidate_of_two_goes_and_the_others_keep_their_proportion(url: str) -> None:
    shop = Shop(url, policy=UniformPolicy())
    with shop.engine as engine:
        variants = {"old": None, "bad": ConstantPolicy(action="a"), "same": UniformPolicy()}
        engine.experiments.start(Experiment("three", variants, window=1.0, holdout=0.1))
        while engine.experiments.advance("bad", RULE).action is not RulingAction.WITHDRAW:
            shop.serve(200)
        assert engine.experiments.shares == pytest.approx({"old": 0.45, "bad": 0.0, "same": 0.45, "hold-out": 0.1})
        with pytest.raises(InputError, match="no candidate"):
            engine.experiments.evaluate_promotion("old")


def test_shares_are_of_the_units_outside_the_hold_out(url: str) -> None:
    """With a tenth held out, a step of .1 is met by .09 of all, and the next ruling is not that step again."""
    shop, rule = Shop(url, policy=UniformPolicy()), Rule(shares=(0.1, 0.3, 0.5), tolerance=0.2, min_effect=0.2)
    with shop.engine as engine:
        engine.experiments.start(canary("b", holdout=0.1))
        steps = []
        for _ in range(40):
            shop.serve(100)
            if (ruling := engine.experiments.advance("new", rule)).action is RulingAction.PROMOTE:
                break
            steps.append((ruling.action, engine.experiments.shares.get("new", 0.0)))
        grown = [share for action, share in steps if action is RulingAction.GROW]
    assert ruling.action is RulingAction.PROMOTE
    assert grown == pytest.approx([0.27, 0.45])
