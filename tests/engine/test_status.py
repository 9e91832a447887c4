"""What an engine says of itself, and the warnings about what it cannot learn."""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Callable

import numpy as np
import pytest

from croupier import (
    CroupierWarning,
    Engine,
    EngineStatus,
    Experiment,
    InputError,
    LearningWarning,
    PolicyFailed,
    Rewards,
    RiverLearner,
    SoftmaxPolicy,
    UniformPolicy,
    verify,
)
from croupier.log.ids import counted
from croupier_policies import Actions, LinearPolicy, RidgeModel, Row, Vector

PAIR = ["left", "right"]


def _play(
    engine: Engine,
    events: int,
    reward: Callable[[random.Random], float | None],
    context: Callable[[random.Random, int], dict[str, float | str]] = lambda chance, t: {"n": chance.random()},
    units: bool = False,
) -> None:
    chance = random.Random(1)
    for t in range(events):
        decision = engine.choose(context(chance, t), PAIR, unit=f"u{t}" if units else None)
        if (value := reward(chance)) is not None:
            engine.reward(decision.id, value)


def _coin(chance: random.Random) -> float:
    return float(chance.random() < 0.5)


def _success(chance: random.Random) -> float | None:
    return 1.0 if chance.random() < 0.2 else None


def test_a_healthy_engine_says_little(url: str) -> None:
    with Engine.open(url, seed=7) as engine:
        _play(engine, 800, _coin)
        status = engine.status()
        assert (status.position, status.rewards_learned, status.store) == (1600, 800, "open")
        assert (status.decisions, status.rewarded, dict(status.counters), status.findings) == (800, 800, {}, ())
        assert str(status).splitlines() == [
            "Store: open; 1,600 facts.",
            "Learning: 800 rewards learned; of the last 800 decisions, 800 have a reward.",
            "No findings.",
        ]
    assert engine.status().store == "closed"


def test_an_application_that_rewards_successes_only_is_told_once(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with (
        Engine.open(url, seed=7, learner=None, policy=UniformPolicy()) as engine,
        warnings.catch_warnings(record=True) as caught,
        caplog.at_level(logging.WARNING, "croupier"),
    ):
        warnings.simplefilter("always")
        _play(engine, 499, _success)
        assert not caught
        assert engine.status().findings == ()
        _play(engine, 1_500, _success)
    found = [str(each.message) for each in caught]
    assert len(found) == 1
    assert "the engine sees only successes and cannot learn; declare `Rewards(window=…, default=0)`" in found[0]
    assert "croupier set-default" in found[0]
    assert issubclass(caught[0].category, CroupierWarning)
    assert caught[0].filename == __file__  # the line of the application
    assert [record.message for record in caplog.records] == found
    assert len(engine.status().findings) == 1


def test_it_is_told_across_short_sessions(url: str) -> None:
    for session in range(6):
        with Engine.open(url, seed=7, learner=None) as engine:
            if session < 5:
                _play(engine, 95, _success)
            else:
                with pytest.warns(LearningWarning, match="only successes"):
                    _play(engine, 95, _success)


@pytest.mark.parametrize(
    ("rule", "reward"),
    [
        (Rewards(window=3600.0, default=0.0), _success),  # failures come as defaults
        (Rewards(), lambda chance: _coin(chance) if chance.random() < 0.2 else None),  # both kinds are reported
        (Rewards(), lambda chance: 0.0 if chance.random() < 0.2 else None),  # no success yet
        (Rewards(window=3600.0, default=0.5), lambda chance: None),  # nothing yet
    ],
)
def test_other_applications_are_not_told(
    url: str, rule: Rewards, reward: Callable[[random.Random], float | None]
) -> None:
    with Engine.open(url, seed=7, learner=None, rewards=rule, clock=lambda: 0.0) as engine:
        _play(engine, 700, reward)
        assert engine.status().findings == ()


def test_rewards_that_are_all_equal_are_told(url: str) -> None:
    with Engine.open(url, seed=7, learner=None) as engine, pytest.warns(LearningWarning, match="all equal"):
        _play(engine, 600, lambda _: 0.25)


@pytest.mark.parametrize(("high", "told"), [(2e5, True), (150.0, False)])
def test_a_reward_range_that_is_hardly_used_is_told(url: str, high: float, told: bool) -> None:
    with Engine.open(url, seed=7, learner=None, reward_range=(-high, high)) as engine:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            _play(engine, 400, lambda chance: chance.uniform(10.0, 90.0))
        assert [str(each.message)[:33] for each in caught] == ["rewards use 0.02% of the declared"] * told
        assert len(engine.status().findings) == told


def test_a_sentinel_is_counted_under_its_name_and_state_and_log_do_not_change(url: str) -> None:
    def context(chance: random.Random, t: int) -> dict[str, float | str]:
        return {"age": 32767.0 if t == 333 else chance.gauss(40.0, 10.0), "hour": float(t % 24)}

    states = []
    for looked in (True, False):
        with Engine.open("sqlite://" if looked else url, seed=7, ids=counted()) as engine, warnings.catch_warnings():
            warnings.simplefilter("ignore", LearningWarning)
            if not looked:
                engine._loop.watch.next_look = 10**9
            _play(engine, 900, _coin, context)
            states.append(engine.state_hash())
            if looked:
                status = engine.status()
    assert status.counters["values far outside those seen before (the policy)"] == 1
    assert status.counters["values far outside those seen before (the learner)"] == 1
    assert all("'age'" in sentence for sentence in status.findings)
    assert "Finding: the policy: 'age' had 1 value" in str(status)
    assert states[0] == states[1]
    assert verify(url).sound


def test_rewards_that_are_not_learned_are_counted(url: str) -> None:
    clock = [0.0]
    with Engine.open(url, seed=7, learner=None, rewards=Rewards(window=10.0), clock=lambda: clock[0]) as engine:
        first, second, third = (engine.choose({"n": 1.0}, PAIR) for _ in range(3))
        engine.reward(first.id, 1.0)
        engine.reward(first.id, 1.0)
        engine.action_taken(second.id, "left" if second.action == "right" else "right")
        engine.reward(second.id, 1.0)
        clock[0] = 20.0
        engine.reward(third.id, 1.0)
        counters = engine.status().counters
    assert {name: count for name, count in counters.items() if name.startswith("rewards")} == {
        "rewards duplicate": 1,
        "rewards kept": 1,
        "rewards late": 1,
    }


def test_new_features_without_room_are_named_whatever_came_first(url: str) -> None:
    policy = SoftmaxPolicy(max_columns=40)
    with Engine.open(url, seed=7, learner=None, policy=policy) as engine:
        with pytest.warns(LearningWarning, match="'visitor'"):
            _play(engine, 200, _coin, lambda chance, t: {"visitor": f"v{t}"})
        with pytest.warns(LearningWarning, match="'tier'"):
            _play(engine, 100, _coin, lambda chance, t: {"visitor": f"v{t}", "tier": f"t{t % 2}"})
        assert engine.status().counters["features without room (the policy)"] > 200


def test_the_learner_is_told_of_too(url: str) -> None:
    with (
        Engine.open(url, seed=7, learner=RiverLearner(limit=20), policy=UniformPolicy()) as engine,
        pytest.warns(LearningWarning, match="the learner has all of its 20 weights"),
    ):
        _play(engine, 60, _coin, lambda chance, t: {"visitor": f"v{t}"})


@pytest.mark.parametrize("width", [200, 700])
def test_the_default_policy_on_wide_arrays_fails_at_once_or_never(url: str, width: int) -> None:
    rng = np.random.default_rng(0)
    with Engine.open(url, policy=SoftmaxPolicy(max_columns=300), seed=7, learner=None) as engine:
        if width > 299:
            with pytest.raises(PolicyFailed, match=r"replay=True.*engine.status\(\)"):
                engine.choose(rng.normal(size=width), PAIR)
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LearningWarning)
            for _ in range(400):
                row = rng.normal(size=width)
                decision = engine.choose(row, PAIR)
                engine.reward(decision.id, float((decision.action == "left") == (rng.random() < 0.5)))
        state = engine.state_hash()
    assert verify(url).sound
    with Engine.open(url) as engine:
        assert engine.state_hash() == state
        engine.choose(rng.normal(size=width), PAIR)


class Sour(UniformPolicy):
    """Refuses candidates that it does not know."""

    name = "sour"

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        if "left" not in actions.ids:
            raise ValueError("there is no left")
        return super().probabilities(context, actions)


def test_a_policy_that_fails_names_the_way_out(url: str) -> None:
    with Engine.open(url, seed=7, learner=None, policy=Sour()) as engine:
        with pytest.raises(PolicyFailed, match=r"there is no left.*open the store with another policy and replay=True"):
            engine.choose({}, ["up", "down"])
        assert engine.status().store == "open"


def test_policies_of_an_experiment_are_named(url: str) -> None:
    small = LinearPolicy(model=RidgeModel(max_columns=4))
    with Engine.open(url, seed=7, learner=None, policy=SoftmaxPolicy()) as engine:
        engine.experiments.start(Experiment("trial", {"now": None, "small": small}, window=60.0))
        with pytest.warns(LearningWarning, match="the policy 'small': there was no room"):
            _play(engine, 200, _coin, lambda chance, t: {"visitor": f"v{t % 9}"}, units=True)


def test_a_status_is_a_value() -> None:
    status = EngineStatus(0, 0, "open", 0, 0)
    assert status == EngineStatus(0, 0, "open", 0, 0)
    with pytest.raises(AttributeError):
        status.position = 1  # type: ignore[misc]
    assert issubclass(LearningWarning, CroupierWarning)
    assert not issubclass(CroupierWarning, InputError)
