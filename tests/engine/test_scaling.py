"""A reward range other than 0…1: whatever learns is taught (r − low)/(high − low), live and in every replay."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from croupier import Catalogue, Drift, Engine, Experiment, Rewards, RiverLearner, UniformPolicy, evaluate, verify
from croupier.evaluation import LearningTarget, Target
from croupier.evaluation.datasets import evaluate_dataset, from_frame
from croupier.log.ids import counted
from croupier.log.reader import DecodedDecision
from croupier.ratings.places import evaluate_places
from croupier.replay import replay
from croupier_policies import Actions, Learner, Row, State, Vector
from croupier_storage import Kind, decode_state, open_storage

LOW, HIGH = -10.0, 30.0
REWARDS = [-10.0, 0.0, 10.0, 30.0]
SCALED = [0.0, 0.25, 0.5, 1.0]  # by hand: (r + 10)/40


class Told(UniformPolicy):
    """Keeps the rewards that it was taught."""

    name = "told"

    def __init__(self) -> None:
        self.rewards: list[float] = []

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        self.rewards.append(reward)

    def state(self) -> State:
        return {"rewards": list(self.rewards)}

    def restore(self, state: State) -> None:
        self.rewards = list(state["rewards"])


class ToldLearner(Learner):
    """Likewise, beside a policy."""

    name = "told-learner"

    def __init__(self) -> None:
        self.rewards: list[float] = []

    def config(self) -> dict[str, Any]:
        return {}

    def predict(self, context: Row, actions: Actions) -> Vector:
        return np.full(len(actions), 0.5)

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        self.rewards.append(reward)

    @property
    def loss(self) -> float:
        return 0.0

    def state(self) -> State:
        return {"rewards": list(self.rewards)}

    def restore(self, state: State) -> None:
        self.rewards = list(state["rewards"])


class Noted(Target):
    """Keeps the rewards that evaluation taught it, and weighs every row by 1."""

    label = "noted"

    def __init__(self) -> None:
        self.rewards: list[float] = []

    def probabilities(self, decided: DecodedDecision, logged: Vector) -> Vector:
        return np.full(len(decided.actions), 1.0 / len(decided.actions))

    def learn(self, decided: DecodedDecision, reward: float) -> None:
        self.rewards.append(reward)


def opened(url: str, **more: Any) -> Engine:
    given = {"policy": Told(), "learner": ToldLearner(), "reward_range": (LOW, HIGH)} | more
    return Engine.open(url, seed=7, ids=counted(), clock=lambda: 0.0, **given)


def taught(engine: Engine) -> tuple[list[float], list[float]]:
    assert isinstance(engine.policy, Told)
    assert isinstance(engine.learner, ToldLearner)
    return engine.policy.rewards, engine.learner.rewards


def live(engine: Engine, rewards: list[float] = REWARDS) -> list[str]:
    ids = []
    for reward in rewards:
        ids.append(engine.choose({"x": 1.0}, ["a", "b"], unit="u").id)
        engine.reward(ids[-1], reward)
    return ids


def test_live_learning_recovery_rebase_and_rollback_teach_the_scaled_reward(url: str) -> None:
    with opened(url) as engine:
        ids = live(engine)
        assert taught(engine) == (SCALED, SCALED)
        engine.correct(ids[1], 20.0)
        engine.rebase()
        assert taught(engine) == ([0.0, 0.75, 0.5, 1.0],) * 2
        engine.snapshots.roll_back(len(ids) * 2)
        assert taught(engine) == (SCALED, SCALED)
    found = verify(url, policy=Told(), learner=ToldLearner())
    assert found.sound, found.difference
    with open_storage(url, create=False) as storage:
        for info in storage.snapshots():
            storage.delete_snapshot(info.position)
    with opened(url) as engine:  # folded from the first fact on
        assert taught(engine) == (SCALED, SCALED)


def test_another_policy_and_learner_are_taught_the_scaled_rewards_of_the_whole_log(url: str) -> None:
    with opened(url, policy=UniformPolicy(), learner=None) as engine:
        live(engine)
    replay(url, policy=Told(), learner=ToldLearner())
    with opened(url) as engine:
        assert taught(engine) == (SCALED, SCALED)


def test_defaults_and_aggregates_are_scaled(url: str) -> None:
    with opened(url, rewards=Rewards("sum", window=10.0, default=-2.0)) as engine:
        first, _ = (engine.choose({"x": 1.0}, ["a", "b"], at=0.0).id for _ in range(2))
        engine.reward(first, 4.0, at=1.0)
        engine.reward(first, 6.0, at=1.0)
        engine.expire(at=20.0)
        assert taught(engine) == ([0.5, 0.2],) * 2


def test_variants_and_shadows_of_an_experiment_are_taught_the_scaled_reward(url: str) -> None:
    class Candidate(Told):
        name = "candidate"

    class Shadow(Told):
        name = "shadow"

    with opened(url, policies=[Candidate(), Shadow()]) as engine:
        live(engine)
        variants = {"old": None, "new": Candidate()}
        engine.experiments.start(
            Experiment("both", variants, window=9.0, learn_from="all", warm_start=True, shadows={"beside": Shadow()})
        )
        live(engine, REWARDS[:3])
        engine.snapshots.take()
    with open_storage(url, create=False) as storage:
        last = storage.snapshot(storage.snapshots()[-1].position)
        assert last is not None
        found: Any = decode_state(last.body)
    assert {name: state["rewards"] for name, state in found["experiment"]["policies"].items()} == dict.fromkeys(
        ["new", "beside"], SCALED + SCALED[:3]
    )


def drifts(url: str, low: float, high: float) -> list[tuple[int, Any, Any]]:
    """Where errors of the learner were found to have changed, and what they had been."""
    drift = Drift(unit={"name": "page-hinkley", "delta": 0.05, "threshold": 2.0, "min_instances": 8})
    with opened(url, learner=RiverLearner(), policy=UniformPolicy(), drift=drift, reward_range=(low, high)) as engine:
        for n in range(300):
            decision = engine.choose({"x": 1.0}, ["a", "b"], unit="u")
            likes = "a" if n < 150 else "b"
            engine.reward(decision.id, high if decision.action == likes else low)
    with open_storage(url, create=False, read_only=True) as storage:
        facts = list(storage.facts(kinds=[Kind.DRIFT]))
    told = [orjson.loads(fact.body or b"{}") for fact in facts]
    return [(fact.position, body["before"], body["after"]) for fact, body in zip(facts, told, strict=True)]


def test_drift_is_watched_on_scaled_rewards(url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    plain = drifts(f"sqlite:///{tmp_path_factory.mktemp('plain') / 'store.db'}", 0.0, 1.0)
    assert plain
    assert drifts(url, LOW, HIGH) == plain


def test_evaluation_of_a_store_teaches_targets_and_reward_model_the_scaled_reward(url: str) -> None:
    class Same(ToldLearner):
        def fresh(self) -> Same:
            return self

    with opened(url, learner=None) as engine:
        live(engine)
    target, model = Noted(), Same()
    evaluate(url, [target], estimators=["dr"], policy=Told(), learner=model)
    assert target.rewards == model.rewards == SCALED


def test_replay_of_a_table_teaches_the_scaled_reward() -> None:
    frame = {
        "reward": np.array(REWARDS),
        "propensity": np.full(4, 0.5),
        "action": np.array(["a", "b", "a", "b"]),
        "x": np.arange(4.0),
    }
    target, model = Noted(), ToldLearner()
    log = from_frame(frame, features=["x"], actions=["a", "b"])
    evaluate_dataset(log, [target], estimators=["dr"], reward_range=(LOW, HIGH), learner=model)
    assert target.rewards == model.rewards == SCALED


def test_evaluation_of_lists_teaches_the_scaled_reward(url: str) -> None:
    class Kept(LearningTarget):
        def fresh(self) -> Kept:
            return self

    with opened(url, learner=None) as engine:
        for reward in REWARDS:
            shown = engine.recommend(k=2, actions=Catalogue(["a", "b", "c"]), unit="u")
            engine.reward(shown[0].id, reward)
    policy = Told()
    target = Kept(policy)
    evaluate_places(url, target, policy=Told())  # type: ignore[arg-type] # a target passes through
    assert isinstance(target.policy, Told)
    assert target.policy.rewards == SCALED
