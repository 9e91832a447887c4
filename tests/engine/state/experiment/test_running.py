"""An experiment in a live loop: which policies decide and learn, and that the log alone gives the same state."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from croupier import (
    AdaptivePolicy,
    Engine,
    Experiment,
    InputError,
    InverseGapPolicy,
    RiverLearner,
    SoftmaxPolicy,
    StateError,
    UniformPolicy,
    verify,
)
from croupier.log.ids import counted
from croupier.replay import open_current
from croupier_policies import Policy
from croupier_storage import hash_state, open_storage
from support import inside

ACTIONS = ["a", "b", "c"]


def opened(url: str, **more: Any) -> Engine:
    return Engine.open(url, seed=7, clock=lambda: 0.0, **{"learner": None, "ids": counted(), **more})


def trial(**more: Any) -> Experiment:
    return Experiment("ranking", {"old": None, "new": InverseGapPolicy()}, window=100.0, **more)


def live(engine: Engine, rounds: range, unit: Callable[[int], str] = lambda k: f"u{k % 40}") -> None:
    """Decisions of some units, most of them rewarded; the same for the same rounds."""
    for k in rounds:
        rng = random.Random(k)
        decision = engine.choose({"x": rng.gauss(0, 1)}, ACTIONS, unit=unit(k), id=f"d{k}", at=float(k))
        if rng.random() < 0.8:
            engine.reward(decision.id, float(rng.random() < 0.2 + 0.3 * ACTIONS.index(decision.action)), at=float(k))


MODES = [{}, {"learn_from": "all"}, {"warm_start": True}, {"holdout": 0.3}, {"shadows": {"even": UniformPolicy()}}]
MODES.append({"holdout": 0.2, "learn_from": "all", "warm_start": True, "shadows": {"soft": SoftmaxPolicy(epsilon=0.2)}})


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(mode) or "own")
def test_the_log_alone_gives_the_state_of_every_mode(url: str, mode: dict[str, Any]) -> None:
    with opened(url, snapshot_every=90) as engine:
        live(engine, range(60))
        engine.experiments.start(trial(**mode))
        live(engine, range(60, 160))
        engine.experiments.set_weights({"old": 1, "new": 3})
        live(engine, range(160, 220))
        state = engine.state_hash()
    assert verify(url).sound
    with opened(url, snapshot_every=1000) as engine:  # from a snapshot taken within the experiment
        assert engine.state_hash() == state
        engine.rebase()
        live(engine, range(220, 260))
        rebased = engine.state_hash()
        engine.experiments.stop()
        assert engine.experiments.shares == {}
        live(engine, range(260, 280), lambda k: f"v{k}")
    found = verify(url)
    assert found.sound, found.difference
    with opened(url) as engine:
        assert engine.state_hash() != rebased


def test_a_rebase_without_corrections_changes_nothing_but_the_order(url: str) -> None:
    """Every decision is rewarded at once: then a rebase learns the same, in the same order."""
    with opened(url) as engine:
        live(engine, range(60))
        engine.experiments.start(trial(holdout=0.2, shadows={"soft": SoftmaxPolicy(epsilon=0.2)}))
        live(engine, range(60, 160))
        state = engine.state_hash()
        engine.rebase()
        assert engine.state_hash() == state


def test_rewards_of_the_hold_out_reach_no_learner(tmp_path: Path) -> None:
    """With the rewards of the hold-out reversed, or left out, every state is the same bit for bit."""

    def play(name: str, change: Callable[[float], float | None]) -> tuple[str, int]:
        with opened(f"sqlite:///{tmp_path / name}", learner=RiverLearner()) as engine:
            live(engine, range(40))
            engine.experiments.start(trial(holdout=0.4, learn_from="all", shadows={"soft": SoftmaxPolicy(epsilon=0.2)}))
            assigned = inside.running(engine).assign
            held = 0
            for k in range(40, 240):
                rng = random.Random(k)
                unit = f"u{k % 40}"
                decision = engine.choose({"x": rng.gauss(0, 1)}, ACTIONS, unit=unit, id=f"d{k}")
                out = assigned(7, unit).variant == "hold-out"
                held += out
                value: float | None = float(rng.random() < 0.5)
                value = change(value or 0.0) if out else value
                if value is not None:
                    engine.reward(decision.id, value)
            if not isinstance(change(0.0), float):
                engine.expire()
            within = engine.state_hash()  # champion, candidate, shadow, learner and the hold-out
            engine.experiments.stop()
            return within + engine.state_hash(), held

    (unchanged, held), (reversed_, _), (none, _) = (
        play("a.db", lambda value: value),
        play("b.db", lambda value: 1.0 - value),
        play("c.db", lambda value: None),
    )
    assert held > 40
    assert unchanged == reversed_ == none


def test_a_late_reward_of_the_hold_out_is_not_learned_after_the_end(url: str) -> None:
    with opened(url) as engine:
        engine.experiments.start(trial(holdout=0.999))
        live(engine, range(20))
        decision = engine.choose({"x": 1.0}, ACTIONS, unit="u1", id="late")
        engine.experiments.stop()
        before = engine.state_hash()
        engine.reward(decision.id, 1.0)
        assert engine.state_hash() == before
        engine.rebase()
        assert engine.rewards_learned == 0


@pytest.mark.parametrize("learn_from", ["own", "all"])
def test_variants_learn_from_their_own_traffic_or_from_all(url: str, learn_from: Any) -> None:
    """Policies that learn from the log in this test end in the state of those in the engine."""
    with opened(url) as engine:
        engine.experiments.start(trial(learn_from=learn_from, holdout=0.1))
        live(engine, range(200))
        by_hand: dict[str, Policy] = {"old": AdaptivePolicy(), "new": InverseGapPolicy()}
        met = dict.fromkeys(["old", "new", "hold-out"], 0)
        made = {fact.position: decided for fact, decided in inside.events(engine) if decided is not None}
        for fact in inside.storage(engine).facts(kinds=["reward"]):
            context, actions, drawn, propensity, role = made[fact.decision or 0]
            assert role is not None
            met[role.variant] += 1
            for name, policy in by_hand.items():
                if role.variant != "hold-out" and (learn_from == "all" or name == role.variant):
                    policy.learn(context, actions, drawn, fact.reward or 0.0, propensity)
        states = [hash_state(policy.state()) for policy in (engine.policy, inside.running(engine).policies["new"])]
        assert states == [hash_state(policy.state()) for policy in by_hand.values()]
        assert min(met.values()) > 5


def test_promotion_and_rollback(url: str) -> None:
    with opened(url) as engine:
        live(engine, range(40))
        engine.experiments.start(trial())
        live(engine, range(40, 120))
        before, candidate = (
            hash_state(each.state()) for each in (engine.policy, inside.running(engine).policies["new"])
        )
        assert before != candidate
        inside.promote(engine, "new")
        assert engine.policy.name == "inverse-gap"
        assert engine.experiments.shares == {}
        assert hash_state(engine.policy.state()) == candidate
        live(engine, range(120, 160))
        state = engine.state_hash()
    with opened(url) as engine:  # without a policy: the log's
        assert engine.state_hash() == state
        assert [info.pinned for info in engine.snapshots.list()].count(True) == 1
        engine.experiments.roll_back()
        assert hash_state(engine.policy.state()) == before
        live(engine, range(160, 180))
    assert verify(url).sound
    with open_current(url) as engine:
        assert engine.policy.name == "adaptive"


def test_invalid_calls_are_rejected(url: str) -> None:
    with opened(url) as engine:
        with pytest.raises(StateError, match="no experiment"):
            engine.experiments.set_weights({"old": 1})
        with pytest.raises(StateError, match="no experiment"):
            engine.experiments.stop()
        with pytest.raises(StateError, match="promoted"):
            engine.experiments.roll_back()
        engine.experiments.start(trial())
        before = engine.position
        with pytest.raises(InputError, match="no unit"):
            engine.choose({"x": 1.0}, ACTIONS)
        with pytest.raises(InputError, match="no variants"):
            engine.experiments.set_weights({"other": 1})
        with pytest.raises(StateError, match="one at a time"):
            engine.experiments.start(trial())
        assert engine.position == before
        engine.experiments.stop()
        with pytest.raises(InputError, match="already"):
            engine.experiments.start(trial())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"variants": {"new": UniformPolicy()}}, "champion"),
        ({"variants": {"old": None, "older": None}}, "champion"),
        ({"window": 0.0}, "window"),
        ({"name": ""}, "name"),
        ({"weights": {"old": 1.0}}, "weights"),
        ({"weights": {"old": -1.0, "new": 1.0}}, "weights"),
        ({"holdout": 1.0}, "holdout"),
        ({"learn_from": "some"}, "learn_from"),
        ({"planned_units": 0}, "planned_units"),
        ({"guardrails": {"purchase": 0.0}}, "margin"),
        ({"shadows": {"new": UniformPolicy()}}, "shadow"),
    ],
)
def test_an_invalid_experiment_is_rejected(change: dict[str, Any], match: str) -> None:
    good: dict[str, Any] = {"name": "n", "variants": {"old": None, "new": UniformPolicy()}, "window": 1.0}
    Experiment(**good)
    with pytest.raises(InputError, match=match):
        Experiment(**{**good, **change})


def test_a_decision_logs_its_variant_and_its_shadows(url: str) -> None:
    with opened(url) as engine:
        engine.experiments.start(trial(shadows={"soft": SoftmaxPolicy(epsilon=0.2)}))
        live(engine, range(30))
    with open_storage(url, create=False, read_only=True) as storage:
        bodies = [orjson.loads(fact.body or b"{}") for fact in storage.facts(kinds=["decision"])]
    assert {body["variant"] for body in bodies} == {"old", "new"}
    assert all(set(body["shadows"]) == {"soft"} and body["assigned"] == 0.5 for body in bodies)
