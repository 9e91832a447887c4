from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from croupier import (
    Conflict,
    Engine,
    EngineClosed,
    EvidenceError,
    InverseGapPolicy,
    PolicyFailed,
    Status,
    UniformPolicy,
    verify,
)
from croupier.log.ids import counted
from croupier_policies import Actions, Policy, Row, Vector
from croupier_storage import Kind, open_storage


def test_a_decision_tells_what_was_drawn_and_how_likely(engine: Engine) -> None:
    decision = engine.choose({"device": "mobile"}, ["sale", "new", "plain"], unit="u1")
    assert decision.id == "d1"
    assert decision.position == 1
    assert decision.as_of == 0
    assert decision.propensities[decision.action] == decision.propensity
    assert sum(decision.propensities.values()) == pytest.approx(1.0, abs=1e-12)


def test_it_learns_what_pays(engine: Engine) -> None:
    for _ in range(300):
        decision = engine.choose({"device": "mobile"}, ["good", "bad"])
        engine.reward(decision.id, float(decision.action == "good"))
    assert engine.choose({"device": "mobile"}, ["good", "bad"]).propensities["good"] > 0.98


def test_policy_and_learner_both_learn_from_every_reward(url: str) -> None:
    with Engine.open(url, seed=1) as engine:
        for event in range(40):
            decision = engine.choose([float(event % 5), 1.0], ["a", "b"])
            engine.reward(decision.id, float(decision.action == "a"))
        assert engine.learner is not None
        assert engine.learner.loss < 0.25
        a, b = engine.learner.predict(np.array([3.0, 1.0]), Actions(("a", "b")))
        assert a - b > 0.1


def test_arrays_lists_and_mappings_are_contexts_and_actions_may_have_features(url: str) -> None:
    with Engine.open(url, seed=1, learner=None) as engine:
        for event in range(60):
            actions = {"a": [1.0, float(event % 2)], "b": [0.0, float(event % 3)]}
            decision = engine.choose(np.array([1, 2, event], dtype=np.float32), actions)
            engine.reward(decision.id, float(event % 2 == (decision.action == "a")))
    assert verify(url).sound


def test_excluded_actions_are_neither_drawn_nor_logged(engine: Engine) -> None:
    for _ in range(50):
        decision = engine.choose({}, ["a", "b", "c"], exclude=["b"])
        assert set(decision.propensities) == {"a", "c"}
    engine.flush()


def test_a_second_reward_changes_nothing(engine: Engine) -> None:
    decision = engine.choose({"x": 1.0}, ["a", "b"])
    first = engine.reward(decision.id, 1.0, key="k1")
    before = engine.state_hash()
    assert first.status is Status.APPLIED
    for outcome in (engine.reward(decision.id, 1.0, key="k1"), engine.reward(decision.id, 0.0)):
        assert (outcome.status, outcome.position) == (Status.DUPLICATE, first.position)
    assert engine.state_hash() == before
    assert engine.position == 2
    with pytest.raises(Conflict, match="one key names one reward or observation"):
        engine.reward(engine.choose({"x": 1.0}, ["a"]).id, 1.0, key="k1")


def test_duplicates_are_known_after_reopening(url: str) -> None:
    with Engine.open(url, seed=1, learner=None, ids=counted()) as engine:
        decision = engine.choose({"x": 1.0}, ["a", "b"])
        engine.choose({"x": 1.0}, ["a", "b"])
        engine.reward(decision.id, 1.0, key="k")
    with Engine.open(url, learner=None) as engine:
        assert engine.reward("d1", 1.0).status is Status.DUPLICATE
        with pytest.raises(Conflict):
            engine.reward("d2", 1.0, key="k")
        assert engine.reward("d2", 1.0).status is Status.APPLIED


def test_an_id_names_one_decision(url: str) -> None:
    with Engine.open(url, seed=1, learner=None) as engine:
        made = engine.choose({"x": 1.0}, ["a", "b"], id="mine", unit="u")
        again = engine.choose({"x": 1}, ("a", "b"), id="mine", unit="u")
        assert (again.id, again.action, again.propensity, again.position) == ("mine", made.action, made.propensity, 1)
        assert engine.position == 1
        with pytest.raises(EvidenceError, match="read back from the log"):
            _ = again.propensities
        different: list[dict[str, Any]] = [{"unit": "v"}, {"unit": None}]
        for change in different:
            with pytest.raises(Conflict, match="one decision"):
                engine.choose({"x": 1.0}, ["a", "b"], id="mine", **change)
        with pytest.raises(Conflict):
            engine.choose({"x": 2.0}, ["a", "b"], id="mine", unit="u")
        with pytest.raises(Conflict):
            engine.choose({"x": 1.0}, ["b", "a"], id="mine", unit="u")


def test_inputs_are_not_changed_and_not_kept(engine: Engine) -> None:
    context = np.array([1.0, 2.0])
    actions = ["a", "b"]
    decision = engine.choose(context, actions)
    assert context.tolist() == [1.0, 2.0]
    context[:] = 99.0
    actions.clear()
    engine.reward(decision.id, 1.0)
    engine.flush()


def test_runs_with_the_same_ids_clock_and_seed_are_equal_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, life: Callable[..., None]
) -> None:
    seen = []
    for run in range(2):
        file = tmp_path_factory.mktemp("run") / f"{run}.db"
        with Engine.open(f"sqlite:///{file}", seed=3, ids=counted(), clock=lambda: 5.0) as engine:
            life(engine, 400)
            state = engine.state_hash()
        with open_storage(f"sqlite:///{file}", create=False, read_only=True) as storage:
            seen.append((state, list(storage.facts())))
    assert seen[0] == seen[1]


def test_another_seed_draws_otherwise(tmp_path_factory: pytest.TempPathFactory) -> None:
    drawn = []
    for seed in (1, 2):
        with Engine.open("sqlite://", seed=seed, learner=None, ids=counted(), policy=UniformPolicy()) as engine:
            drawn.append([engine.choose({}, ["a", "b"]).action for _ in range(64)])
    assert drawn[0] != drawn[1]


def test_many_threads_share_an_engine(url: str) -> None:
    def work(name: int) -> None:
        for event in range(100):
            decision = engine.choose({"t": float(name)}, ["a", "b"])
            engine.reward(decision.id, float(event % 2))

    with Engine.open(url, seed=1, learner=None, durability="commit") as engine:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert engine.position == 800
    assert verify(url).sound


def test_a_full_queue_makes_calls_wait_and_loses_nothing(url: str) -> None:
    with Engine.open(url, seed=1, learner=None, queue=4) as engine:
        for event in range(200):
            engine.reward(engine.choose({"x": float(event % 7)}, ["a", "b"]).id, 1.0)
    assert verify(url).head == 400


def test_other_policies_take_the_same_seat(url: str) -> None:
    with Engine.open(url, policy=InverseGapPolicy(), seed=1, learner=None) as engine:
        for event in range(100):
            engine.reward(engine.choose({"x": float(event % 7)}, ["a", "b", "c"]).id, float(event % 2))
    found = verify(url)
    assert found.sound, found.difference
    with open_storage(url, create=False, read_only=True) as storage:
        (record,) = storage.policies()
        assert record.name == "inverse-gap"
        assert {fact.policy for fact in storage.facts(kinds=[Kind.DECISION])} == {record.id}


class Broken(Policy):
    """Gives NaN once the context says so."""

    name = "broken"

    def config(self) -> dict[str, Any]:
        return {}

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        assert not isinstance(context, np.ndarray)
        return np.full(len(actions), np.nan if "bad" in context else 1.0 / len(actions))

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        if reward == 0.5:
            raise RuntimeError("cannot")


def test_nan_raises_names_the_decision_and_logs_nothing(url: str) -> None:
    with Engine.open(url, policy=Broken(), learner=None, ids=counted()) as engine:
        with pytest.raises(Exception, match=r"decision d1 was not made.*\[nan nan\]"):
            engine.choose({"bad": 1.0}, ["a", "b"])
        assert engine.position == 0
        assert engine.choose({}, ["a", "b"]).position == 1


def test_a_reward_that_cannot_be_learned_is_not_logged_and_the_state_is_rebuilt(url: str) -> None:
    with Engine.open(url, policy=Broken(), learner=None, ids=counted()) as engine:
        engine.choose({}, ["a", "b"])
        for _ in range(2):
            with pytest.raises(PolicyFailed, match="decision at position 1 could not be learned"):
                engine.reward("d1", 0.5)
        assert engine.position == 1
        engine.choose({}, ["a", "b"])
    with Engine.open(url, policy=Broken(), learner=None) as engine:
        assert engine.position == 2
        assert engine.reward("d1", 1.0).status is Status.APPLIED


def test_a_closed_engine_says_so(url: str) -> None:
    engine = Engine.open(url, learner=None)
    engine.close()
    engine.close()
    with pytest.raises(EngineClosed):
        engine.choose({}, ["a"])
