"""An apprentice learns from what an existing rule chooses, agrees with it more and more, and then takes its place."""

from __future__ import annotations

import random
from collections.abc import Mapping

from croupier import Engine, Experiment, LoggedPolicy, Rule, SoftmaxPolicy, study, verify
from croupier.log.ids import counted
from croupier.studies.agreement import agreement, summarize_shadows
from croupier.studies.promotion import RulingAction
from croupier_policies import Actions, Row

ACTIONS = ["sale", "new", "plain"]


def by_the_hour(context: Row, actions: Actions) -> Mapping[str, float]:
    """Right on phones; on desks it says the same, and half of the time something better is there."""
    assert isinstance(context, Mapping)
    return {"sale": 1.0} if float(context["hour"]) < 12 else {"new": 1.0}


def best(context: Mapping[str, float | str]) -> str:
    if context["device"] == "desk":
        return "plain"
    return "sale" if float(context["hour"]) < 12 else "new"


def test_an_apprentice_learns_from_a_rule_and_is_promoted(url: str) -> None:
    rule = LoggedPolicy.from_function("by-the-hour-1", by_the_hour, epsilon=0.2)
    rng, now = random.Random(7), 0.0

    def serve(engine: Engine, rounds: int) -> None:
        nonlocal now
        for _ in range(rounds):
            now += 60.0
            context = {"hour": float(now // 60 % 24), "device": "desk" if rng.random() < 0.2 else "phone"}
            decision = engine.choose(context, ACTIONS, unit=f"u{now:.0f}")
            engine.reward(decision.id, float(rng.random() < (0.8 if decision.action == best(context) else 0.1)))

    with Engine.open(url, policy=rule, seed=7, learner=None, ids=counted(), clock=lambda: now) as engine:
        engine.experiments.start(
            Experiment("watching", {"rule": None}, window=60.0, shadows={"apprentice": SoftmaxPolicy()})
        )
        serve(engine, 2_500)
        engine.experiments.stop()
        engine.experiments.start(
            Experiment("trying", {"rule": None, "taught": SoftmaxPolicy()}, window=60.0, warm_start=True)
        )
        for _ in range(8):
            serve(engine, 250)
            if (ruling := engine.experiments.advance("taught", Rule())).action is RulingAction.PROMOTE:
                break
        assert ruling.action is RulingAction.PROMOTE
        assert engine.policy.name == "softmax"
    watched = study(url, "watching")
    share = agreement(watched.shadows["apprentice"]).share
    (told,) = summarize_shadows(watched)
    assert share[0] < 0.6 < share[-10:].mean()
    assert told.first + 0.1 < told.last
    tried = study(url)
    assert tried.variants[1].reward_per_unit > tried.variants[0].reward_per_unit  # from its first decision on
    assert verify(url, policy=rule).sound
