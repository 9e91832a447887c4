"""What an experiment lives through: restarts, one's own policies, outages, other databases, processes, erasure."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croupier.runtime.outage
from croupier import (
    AdaptivePolicy,
    ConstantPolicy,
    Engine,
    EvidenceError,
    Experiment,
    InputError,
    InverseGapPolicy,
    PolicyFailed,
    Rewards,
    RiverPolicy,
    SoftmaxPolicy,
    UniformPolicy,
    VWPolicy,
    evaluate,
    study,
    verify,
)
from croupier.log.ids import counted
from croupier_policies import Actions, Policy, Row, State, Vector
from croupier_storage import StoreUnavailable, hash_state, open_storage
from croupier_storage.sql.storage import SQLStorage
from support import inside
from support.waiting import until

ACTIONS = ["a", "b", "c"]


class Mine(Policy):
    """A policy that no log can build."""

    name = "mine"

    def __init__(self, pull: float = 1.0) -> None:
        self.pull, self.sums = pull, dict[str, float]()

    def config(self) -> dict[str, Any]:
        return {"pull": self.pull}

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        e = np.exp([self.pull * self.sums.get(id, 0.0) for id in actions.ids])
        p: Vector = e / e.sum()
        return p

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        self.sums[actions.ids[index]] = self.sums.get(actions.ids[index], 0.0) + reward / 10

    def state(self) -> State:
        return {"sums": dict(self.sums)}

    def restore(self, state: State) -> None:
        self.sums = dict(state["sums"])


def opened(url: str, **more: Any) -> Engine:
    return Engine.open(url, **{"seed": 7, "clock": lambda: 0.0, "learner": None, **more})


def live(engine: Engine, rounds: range, unit: Callable[[int], str] = lambda k: f"u{k % 40}") -> None:
    for k in rounds:
        rng = random.Random(k)
        decision = engine.choose({"x": rng.gauss(0, 1)}, ACTIONS, unit=unit(k), id=f"d{k}", at=float(k))
        if rng.random() < 0.8:
            engine.reward(decision.id, float(rng.random() < 0.5), at=float(k))


def trial(policy: Policy, **more: Any) -> Experiment:
    return Experiment("ranking", {"old": None, "new": policy}, window=100.0, **more)


def test_a_policy_of_ones_own_is_passed_where_the_log_names_it(url: str) -> None:
    with opened(url) as engine:
        live(engine, range(30))
        engine.experiments.start(trial(Mine(), holdout=0.1))
        live(engine, range(30, 120))
        state = engine.state_hash()
    for asking in (lambda: opened(url), lambda: verify(url), lambda: evaluate(url, ["policy:inverse-gap"])):
        with pytest.raises(EvidenceError, match=r"'mine' in the log.*in policies"):
            asking()
    with opened(url, policies=[Mine()]) as engine:
        assert engine.state_hash() == state
        live(engine, range(120, 160))
    assert verify(url, policies=[Mine()]).sound
    assert evaluate(url, ["policy:inverse-gap"], policies=[Mine()]).counts.rows > 100
    assert [variant.policy for variant in study(url).variants] == [
        "adaptive",
        "mine",
        "adaptive",
    ]  # read from the log
    with opened(url, policies=[Mine()]) as engine:
        inside.promote(engine, "new")
        live(engine, range(160, 180))
        state = engine.state_hash()
    with opened(url, policy=Mine()) as engine:
        assert engine.state_hash() == state
        engine.experiments.roll_back()
        assert engine.policy.name == "adaptive"
    assert verify(url, policy=Mine()).sound


@pytest.mark.parametrize("kind", ["river", "vw", "tree"])
@pytest.mark.filterwarnings("ignore::croupier.ReplayWarning")
def test_candidates_whose_state_is_stored_in_other_ways_or_not_at_all(url: str, kind: str) -> None:
    """A tree of River's is no plain data: no snapshot holds the experiment, and a restart folds the log."""

    def policy() -> Policy:
        if kind == "tree":
            from river import tree

            return RiverPolicy(tree.HoeffdingTreeRegressor(), epsilon=0.1)
        if kind == "vw":
            pytest.importorskip("vowpalwabbit", reason="Vowpal Wabbit is not installed")
            return VWPolicy("--cb_explore_adf --epsilon 0.2")
        return RiverPolicy(epsilon=0.1)

    def asked(engine: Engine) -> list[float]:
        candidate = inside.running(engine).policies["new"]
        return [float(p) for p in candidate.probabilities({"x": 0.3}, Actions(tuple(ACTIONS)))]

    with opened(url) as engine:
        live(engine, range(30))
        engine.experiments.start(trial(policy(), holdout=0.1))
        live(engine, range(30, 160))
        engine.experiments.set_weights({"old": 1, "new": 2})
        live(engine, range(160, 200))
        state, answer = engine.state_hash(), asked(engine)
    with opened(url, policies=[policy()], snapshot_every=30) as engine:
        assert (engine.state_hash(), asked(engine)) == (state, answer)
        engine.forget("u3")
        live(engine, range(200, 240))
        inside.promote(engine, "new")
        live(engine, range(240, 260))
        engine.experiments.roll_back()
    found = verify(url, policies=[policy()])
    assert found.sound, found.difference


def test_a_champion_that_cannot_be_copied_cannot_be_held_out(url: str) -> None:
    from river import tree

    with opened(url, policy=RiverPolicy(tree.HoeffdingTreeRegressor(), epsilon=0.1)) as engine:
        with pytest.raises(PolicyFailed, match="hold-out"):
            engine.experiments.start(trial(SoftmaxPolicy(), holdout=0.1))
        engine.experiments.start(trial(SoftmaxPolicy()))


@pytest.mark.parametrize("when", ["within", "after"])
def test_a_unit_is_erased_and_the_log_stays_sound(url: str, when: str) -> None:
    more = {"holdout": 0.2, "warm_start": True, "shadows": {"s": SoftmaxPolicy(epsilon=0.3)}}
    with opened(url, snapshot_every=40) as engine:
        live(engine, range(30))
        engine.experiments.start(trial(InverseGapPolicy(), **more))
        live(engine, range(30, 120))
        if when == "after":
            engine.experiments.stop()
        assert engine.forget("u5") > 0
        live(engine, range(120, 160), lambda k: f"u{k % 5}")
        state = engine.state_hash()
    found = verify(url)
    assert found.sound, found.difference
    assert 0 < found.erased < found.unverifiable
    with opened(url) as engine:
        assert engine.state_hash() == state
    assert "u5" not in study(url).events.unit


def test_erasure_teaches_again_by_the_rule_of_the_experiment(url: str) -> None:
    """Policies taught by hand from what is left in the log end in the state that the engine has."""
    with opened(url) as engine:
        engine.experiments.start(trial(InverseGapPolicy(), holdout=0.2))
        live(engine, range(150), lambda k: f"u{k % 10}")
        engine.forget("u5")
        by_hand: dict[str, Policy] = {"old": AdaptivePolicy(), "new": InverseGapPolicy()}
        made = {fact.position: decided for fact, decided in inside.events(engine) if decided is not None}
        rewards = list(inside.storage(engine).facts(kinds=["reward"]))
        for fact in rewards:
            context, actions, drawn, propensity, role = made[fact.decision or 0]
            assert role is not None
            if role.variant in by_hand:
                by_hand[role.variant].learn(context, actions, drawn, fact.reward or 0.0, propensity)
        assert 80 < len(rewards) < 120
        states = [hash_state(policy.state()) for policy in (engine.policy, inside.running(engine).policies["new"])]
        assert states == [hash_state(by_hand[name].state()) for name in ("old", "new")]


def test_choosing_goes_on_through_an_outage_by_the_same_split(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    down, append = False, SQLStorage.append

    def failing(storage: Any, facts: Any, action_sets: Any) -> None:
        if down:
            raise StoreUnavailable("the disk is full")
        append(storage, facts, action_sets)

    monkeypatch.setattr(SQLStorage, "append", failing)
    monkeypatch.setattr(croupier.runtime.outage, "RETRY", 0.05)
    with opened(url, policies=[Mine()], on_store_failure="serve", durability="commit") as engine:
        engine.experiments.start(trial(Mine(), holdout=0.2, shadows={"s": SoftmaxPolicy(epsilon=0.3)}))
        live(engine, range(60))
        down = True
        lost = [engine.choose({"x": 1.0}, ACTIONS, unit=f"u{k}") for k in range(5)]
        assert not any(decision.logged for decision in lost)
        down = False
        until(lambda: engine.choose({"x": 1.0}, ACTIONS, unit="again").logged)
        live(engine, range(60, 100))
        assert engine.experiments.shares["hold-out"] == pytest.approx(0.2)
    found = verify(url, policies=[Mine()])
    assert found.sound, found.difference
    again = study(url)
    assert len({tuple(pair) for pair in zip(again.events.unit, again.events.variant, strict=True)}) == len(
        set(again.events.unit)
    )


def test_the_experiment_is_the_same_on_postgresql(postgres_url: str, url: str) -> None:
    told = []
    for store in (postgres_url, url):
        with opened(store, ids=counted()) as engine:
            live(engine, range(40))
            engine.experiments.start(
                trial(InverseGapPolicy(), holdout=0.2, warm_start=True, shadows={"s": SoftmaxPolicy(epsilon=0.3)})
            )
            live(engine, range(40, 120))
            engine.experiments.set_weights({"old": 1, "new": 3})
            live(engine, range(120, 180))
            engine.forget("u5")
            inside.promote(engine, "new")
            live(engine, range(180, 200))
            state = engine.state_hash()
        with opened(store) as engine:
            assert engine.state_hash() == state
        assert verify(store).sound
        found = study(store)
        told.append((state, [variant[2:6] for variant in found.variants], found.contrasts[0].difference.value[-1]))
    assert told[0] == told[1]


SERVE = """
import sys
from croupier import Engine
from croupier.log.ids import counted
url, first = sys.argv[1], int(sys.argv[2])
with Engine.open(url, learner=None, clock=lambda: float(first)) as engine:
    for k in range(150):
        engine.choose({"x": 1.0}, ["a", "b"], unit=f"u{k}")
    if first == 1:
        engine.experiments.set_weights({"old": 2, "new": 2, "third": 4})
"""


def test_new_processes_meet_every_unit_with_the_same_variant(url: str) -> None:
    """Four processes one after the other; between the second and the third the weights have changed."""
    variants = {"old": None, "new": ConstantPolicy(action="a"), "third": ConstantPolicy(action="b")}
    with opened(url, policy=UniformPolicy()) as engine:
        engine.experiments.start(
            Experiment("many", variants, window=100.0, weights={"old": 4, "new": 2, "third": 2}, holdout=0.1)
        )
    for first in range(4):
        subprocess.run([sys.executable, "-c", SERVE, url, str(first)], check=True, capture_output=True)  # noqa: S603
    with open_storage(url, create=False, read_only=True) as storage:
        assert storage.head() == 1 + 4 * 150 + 1
    events = study(url).events
    met = events.variant.reshape(4, 150)
    assert (events.unit.reshape(4, 150) == events.unit[:150]).all()
    assert (met[0] == met[1]).all()
    assert (met[2] == met[3]).all()
    moved = met[1] != met[2]
    assert set(met[1][moved]) == {0}  # only the one that shrank: from 45 to 22.5 %
    assert set(met[2][moved]) == {2}
    assert 0.1 < moved.mean() < 0.35


def test_a_window_too_short_for_any_reward_is_refused(url: str) -> None:
    with opened(url, rewards=Rewards(window=50.0, aggregate="last")) as engine:
        with pytest.raises(InputError, match="too late to count"):
            engine.experiments.start(Experiment("short", {"old": None, "new": SoftmaxPolicy()}, window=50.0))
        engine.experiments.start(Experiment("long", {"old": None, "new": SoftmaxPolicy()}, window=51.0))
