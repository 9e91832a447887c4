"""Rewards as they come in life: late, doubled, missing, wrong, several, deferred."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from croupier import (
    ConfigurationDiffers,
    DecisionNotRewarded,
    Engine,
    InputError,
    InverseGapPolicy,
    Rewards,
    StateError,
    Status,
    UniformPolicy,
    verify,
)
from croupier.errors import CorruptStore, PolicyFailed
from croupier.log.configuration import canonical_json
from croupier.log.ids import counted
from croupier.log.reader import Log
from croupier.log.rewards import RewardState
from croupier.runtime.windows import OpenWindows
from croupier.state.decisions import PendingDecisions
from croupier.state.fold import Fold
from croupier_storage import Fact, Kind, decode_state, hash_state, open_storage
from support.inside import append, stop_ticking
from support.waiting import until

N = 60


def opened(url: str, rewards: Rewards | None = None, **options: Any) -> Engine:
    options = {"seed": 7, "learner": None, "ids": counted(), "clock": lambda: 0.0} | options
    return Engine.open(url, rewards=rewards or Rewards(), **options)


def decide(engine: Engine, n: int = N, **options: Any) -> list[str]:
    rng = random.Random(3)
    return [
        engine.choose({"x": rng.gauss(0, 1), "s": str(k % 3)}, ["a", "b", "c"], at=float(k), **options).id
        for k in range(n)
    ]


def worth(id: str) -> float:
    return round(math.sin(int(id[1:])) ** 2, 3)


def clean(url: str, skip: int = 0, **options: Any) -> str:
    """The state of a run in which every reward came at once, in order, and right."""
    with opened(url, **options) as engine:
        for id in decide(engine)[skip:]:
            engine.reward(id, worth(id))
        engine.rebase()
        return engine.state_hash()


@pytest.fixture
def aside(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    return lambda: f"sqlite:///{tmp_path_factory.mktemp('aside') / 'store.db'}"


def test_a_clean_run_is_not_changed_by_a_rebase(url: str) -> None:
    with opened(url) as engine:
        for id in decide(engine):
            engine.reward(id, worth(id))
        before = engine.state_hash()
        engine.rebase()
        assert engine.state_hash() == before
    assert verify(url).sound


def test_shuffled_duplicated_and_corrected_rewards_end_in_the_state_of_the_clean_run(
    url: str, aside: Callable[[], str]
) -> None:
    with opened(url) as engine:
        ids = decide(engine)
        random.Random(1).shuffle(ids)
        for n, id in enumerate(ids):
            wrong = n % 4 == 0
            engine.reward(id, 1.0 - worth(id) if wrong else worth(id))
            assert engine.reward(id, 0.5).status is Status.DUPLICATE
            if wrong:
                engine.correct(id, 0.123)
                engine.correct(id, worth(id))
        unlike = engine.state_hash()
        assert verify_soon(engine, url)
        engine.rebase()
        state = engine.state_hash()
        assert state != unlike
        engine.reward(engine.choose({"x": 0.1, "s": "1"}, ["a", "b"]).id, 1.0)
    assert state == clean(aside())
    found = verify(url)
    assert found.sound, found.difference


def verify_soon(engine: Engine, url: str) -> bool:
    engine.flush()
    return verify(url).sound


def test_late_rewards_are_kept_marked_and_learned_at_the_rebase(url: str, aside: Callable[[], str]) -> None:
    rule = Rewards(window=1000.0, default=0.0)
    with opened(url, rule) as engine:
        ids = decide(engine)
        for id in ids[::2]:
            engine.reward(id, worth(id), at=100.0)
        assert engine.expire(at=2000.0) == N // 2
        assert engine.expire(at=2000.0) == 0
        defaulted = engine.state_hash()
        assert {engine.reward(id, worth(id), at=3000.0).status for id in ids[1::2]} == {Status.LATE}
        assert engine.state_hash() == defaulted
        engine.rebase()
        state = engine.state_hash()
        assert engine.reward(ids[1], 0.5).status is Status.DUPLICATE
    assert verify(url).sound
    assert state == clean(aside(), rewards=rule)
    with opened(url, rule) as engine:
        assert engine.state_hash() == state


def test_a_window_that_closes_without_a_reward_teaches_the_default(url: str, aside: Callable[[], str]) -> None:
    states = []
    for rule, explicit in ((Rewards(window=10.0, default=0.25), False), (Rewards(window=10.0), True)):
        with opened(aside(), rule) as engine:
            ids = decide(engine, 9)
            if explicit:
                for id in ids:
                    engine.reward(id, 0.25, at=9.0)
            engine.expire(at=1000.0)
            states.append(engine.state_hash())
    assert states[0] == states[1]


@pytest.mark.parametrize(
    ("aggregate", "expected"), [("last", 0.125), ("sum", 0.875), ("mean", 0.875 / 3), ("max", 0.5)]
)
def test_several_rewards_are_learned_once_as_declared(
    url: str, aside: Callable[[], str], aggregate: Any, expected: float
) -> None:
    with opened(url, Rewards(aggregate, window=10.0, default=0.0)) as engine:
        ids = decide(engine, 5)
        untaught = engine.state_hash()
        for id in ids:
            statuses = [engine.reward(id, value, at=9.0).status for value in (0.25, 0.5, 0.125)]
            assert set(statuses) == {Status.PENDING}
        assert engine.state_hash() == untaught
        engine.expire(at=1000.0)
        learned = engine.state_hash()
        engine.rebase()
        assert engine.state_hash() == learned
    with opened(aside()) as engine:
        for id in decide(engine, 5):
            engine.reward(id, expected)
        assert engine.state_hash() == learned


def test_what_was_never_shown_is_never_learned(url: str) -> None:
    with opened(url, Rewards(window=10.0, default=0.0)) as engine:
        first, second, third = decide(engine, 3, deferred=True)
        with pytest.raises(StateError, match="never shown"):
            engine.reward(first, 1.0, at=1.0)
        engine.activate(first, at=1.0)
        assert engine.reward(first, 1.0, at=2.0).status is Status.APPLIED
        with pytest.raises(StateError):
            engine.activate(first)
        state = engine.state_hash()
        engine.expire(at=100.0)
        assert engine.state_hash() == state
        with pytest.raises(StateError):
            engine.activate(second, at=200.0)
        engine.rebase()
        assert engine.state_hash() == state
    assert third == "d3"
    assert verify(url).sound


def test_another_action_shown_than_drawn_is_logged_and_not_learned(url: str) -> None:
    with opened(url) as engine:
        first, second = decide(engine, 2)
        engine.action_taken(first, "z")
        state = engine.state_hash()
        assert engine.reward(first, 1.0).status is Status.KEPT
        assert engine.state_hash() == state
        engine.reward(second, 1.0)
        with pytest.raises(StateError):
            engine.action_taken(second, "z")
        learned = engine.state_hash()
        engine.rebase()
        assert engine.state_hash() == learned
    assert verify(url).sound


def test_a_retracted_reward_is_unlearned_at_the_rebase(url: str, aside: Callable[[], str]) -> None:
    with opened(url) as engine:
        ids = decide(engine)
        for id in ids:
            engine.reward(id, worth(id))
        engine.retract(ids[0])
        engine.rebase()
        state = engine.state_hash()
        engine.correct(ids[0], worth(ids[0]))
        engine.rebase()
        restored = engine.state_hash()
    assert state == clean(aside(), skip=1)
    assert restored == clean(aside())
    assert verify(url).sound


def test_nothing_can_be_corrected_that_was_not_said(url: str) -> None:
    with opened(url) as engine:
        (id,) = decide(engine, 1)
        for call in (lambda: engine.correct(id, 1.0), lambda: engine.retract(id)):
            with pytest.raises(DecisionNotRewarded, match="no reward"):
                call()
        assert engine.position == 1


def test_missing_defaulted_zero_late_and_retracted_stay_different_in_the_log(url: str) -> None:
    rule = Rewards(window=10.0, default=0.0)
    with opened(url, rule) as engine:
        defaulted, zero, late, retracted, missing = decide(engine, 5)
        engine.reward(zero, 0.0, at=5.0)
        engine.reward(retracted, 0.0, at=5.0)
        engine.expire(at=13.5)
        engine.reward(late, 0.0, at=13.6)
        engine.retract(retracted, at=13.7)
    stories = {}
    with open_storage(url, create=False) as storage:
        for fact in storage.facts(kinds=[Kind.DECISION]):
            reward_state = RewardState.from_decision(fact)
            for about in storage.facts_about(fact.position):
                reward_state.apply(about, rule)
            stories[fact.id] = (reward_state.rewards, reward_state.late, reward_state.closed, reward_state.retracted)
    assert stories == {
        missing: ((), (), False, False),
        defaulted: ((), (), True, False),
        zero: ((0.0,), (), False, False),
        late: ((), (0.0,), True, False),
        retracted: ((0.0,), (), False, True),
    }


def test_an_engine_closes_windows_by_itself(url: str) -> None:
    with Engine.open(url, learner=None, rewards=Rewards(window=0.05, default=0.0)) as engine:
        engine.choose({"x": 1.0}, ["a", "b"])
        until(lambda: engine.position == 2)
    assert verify(url).rewards == 1


@pytest.mark.parametrize("restarted", [False, True])
def test_a_window_is_closed_at_the_moment_at_which_it_ends(url: str, restarted: bool) -> None:
    """It holds start ≤ at < start + window: a reward of the last moment before counts, one at the end is late."""
    rule = Rewards(window=10.0, default=0.0)
    engine = opened(url, rule)
    stop_ticking(engine)
    first, second, third = (engine.choose({"x": 1.0}, ["a", "b"], at=5.0).id for _ in range(3))
    if restarted:
        engine.close()
        engine = opened(url, rule)
        stop_ticking(engine)
    with engine:
        last = math.nextafter(15.0, 0.0)
        assert engine.expire(at=last) == 0
        assert engine.reward(first, 1.0, at=last).status is Status.APPLIED
        assert engine.reward(second, 1.0, at=15.0).status is Status.LATE
        assert engine.reward(third, 1.0, at=15.0).status is Status.LATE
        assert engine.rewards_learned == 3  # one as it came, and two defaults
        fourth = engine.choose({"x": 1.0}, ["a", "b"], id="fourth", at=20.0).id
        assert engine.expire(at=30.0) == 1
        assert engine.reward(fourth, 1.0, at=30.0).status is Status.LATE


def test_windows_close_in_order_of_their_ends() -> None:
    windows = OpenWindows(Rewards(window=10.0, default=0.0))
    assert not windows.any_due(1e9)
    for position, at in ((1, 5.0), (2, 1.0), (3, 9.0), (4, 2.0)):
        windows.add(Fact(position, Kind.DECISION, at))
    assert [windows.any_due(at) for at in (10.9, 11.0)] == [False, True]
    assert windows.due(10.9) == []
    assert windows.due(15.0) == [2, 4, 1]
    assert windows.due(15.0) == []
    assert [windows.any_due(at) for at in (18.9, 19.0)] == [False, True]
    assert windows.due(1e9) == [3]
    endless = OpenWindows(Rewards())
    endless.add(Fact(1, Kind.DECISION, 0.0))
    assert not endless.any_due(1e9)


def test_a_decision_that_is_not_in_memory_has_the_rewards_of_the_position_asked_for(url: str) -> None:
    with opened(url) as engine:
        first, second, _ = decide(engine, 3)
        engine.reward(second, 0.5)
        engine.reward(first, 1.0)
        engine.correct(first, 0.25)
    with open_storage(url, create=False, read_only=True) as storage:
        pending = PendingDecisions(Log(storage), Rewards())
        states = []
        for upto in (3, 4, 5, 6):
            pending.clear()
            decided, state = pending.record(1, upto)
            assert decided.actions.ids == ("a", "b", "c")
            states.append((state.rewards, state.corrected))
            assert pending.record(1, upto).reward_state is state, "it is in memory now"
        assert states == [((), None), ((), None), ((1.0,), None), ((1.0,), 0.25)]
        pending.read([1, 2, 3], 6)
        assert [pending.record(position, 6).reward_state.rewards for position in (1, 2, 3)] == [(1.0,), (0.5,), ()]
        with pytest.raises(CorruptStore, match="position 4, but there is none"):
            pending.record(4, 6)


def test_the_fact_of_a_default_says_what_was_learned(url: str) -> None:
    """Whoever reads the log by SQL finds the default as the reward, and no reward where the default was not it."""
    with opened(url, Rewards("sum", window=10.0, default=0.25)) as engine:
        missing, rewarded, hidden, other = (
            engine.choose({"x": 1.0}, ["a", "b"], deferred=k == 2, at=0.0).id for k in range(4)
        )
        engine.reward(rewarded, 0.5, at=1.0)
        engine.action_taken(other, "z", at=1.0)
        assert engine.expire(at=10.0) == 4
    with open_storage(url, create=False, read_only=True) as storage:
        names = {fact.position: fact.id for fact in storage.facts(kinds=[Kind.DECISION])}
        told = {names[fact.decision or 0]: fact.reward for fact in storage.facts(kinds=[Kind.DEFAULT])}
    assert told == {missing: 0.25, rewarded: None, hidden: None, other: None}


def test_windows_survive_a_restart(url: str) -> None:
    rule = Rewards(window=10.0, default=0.0)
    with opened(url, rule) as engine:
        ids = decide(engine, 4)
        engine.reward(ids[0], 1.0, at=3.0)
    with opened(url, rule) as engine:
        assert engine.expire(at=100.0) == 3
        assert engine.expire(at=100.0) == 0


def test_enough_corrections_rebase_by_themselves_while_the_engine_serves(url: str, aside: Callable[[], str]) -> None:
    with opened(url, rebase_after=5) as engine:
        ids = decide(engine)
        for id in ids:
            engine.reward(id, worth(id) if int(id[1:]) > 5 else 0.0)
        for id in ids[:5]:
            engine.correct(id, worth(id))
        until(lambda: engine.policy is not None and engine.position > 2 * N + 5)  # it serves meanwhile
        state = engine.state_hash()
    assert state == clean(aside())
    assert verify(url).sound


def test_a_rebase_beside_traffic_is_the_fold_of_what_it_says(url: str) -> None:
    import threading

    with opened(url, ids=None) as engine:
        for id in decide(engine, 300):
            engine.reward(id, 0.5)
        rebasing = threading.Thread(target=engine.rebase)
        rebasing.start()
        while rebasing.is_alive():
            engine.reward(engine.choose({"x": 1.0, "s": "0"}, ["a", "b"]).id, 1.0)
        rebasing.join()
        state = engine.state_hash()
    found = verify(url)
    assert found.sound, found.difference
    assert found.state_hash == state


def test_a_rebase_goes_on_with_the_facts_after_its_position(url: str) -> None:
    with opened(url) as engine:
        for id in decide(engine, 30):
            engine.reward(id, worth(id))
        effective = engine.position
        for id in decide(engine, 10):
            engine.reward(id, worth(id))
        state, learned = engine.state_hash(), engine.rewards_learned
        engine.flush()
        append(engine, Kind.REBASE, 0.0, body=canonical_json({"upto": effective}))
        assert (engine.state_hash(), engine.rewards_learned) == (state, learned)
    assert verify(url).sound


def test_another_configuration_learns_the_whole_log_and_goes_on(url: str, aside: Callable[[], str]) -> None:
    with opened(url) as engine:
        for id in decide(engine):
            engine.reward(id, worth(id))
    with pytest.raises(ConfigurationDiffers, match="replay=True"):
        opened(url, policy=InverseGapPolicy())
    with opened(url, policy=InverseGapPolicy(), replay=True, ids=counted("e")) as engine:
        assert engine.policy.name == "inverse-gap"
        taught = engine.state_hash()
        engine.reward(engine.choose({"x": 0.1, "s": "1"}, ["a", "b"]).id, 1.0)
        state = engine.state_hash()
    assert verify(url).sound
    with opened(url, policy=InverseGapPolicy()) as engine:
        assert engine.state_hash() == state
    with opened(url) as engine:  # none given: the log's own
        assert engine.policy.name == "inverse-gap"
    with pytest.raises(ConfigurationDiffers):
        opened(url, policy=UniformPolicy())
    cold = InverseGapPolicy()
    with open_storage(url, create=False, read_only=True) as storage:
        for fact, decided in Log(storage).decoded(storage.facts(0, 2 * N, kinds=[Kind.DECISION])):
            cold.learn(*decided[:3], worth(fact.id or ""), decided.propensity)
        states = [decode_state(storage.snapshot(info.position).body) for info in storage.snapshots()]
    assert taught == hash_state(states[0] | {"policy": cold.state(), "rewards": N, "parts": states[-1]["parts"]})


def test_rolling_back_goes_on_from_the_earlier_state(url: str) -> None:
    with opened(url) as engine:
        for id in decide(engine, 30):
            engine.reward(id, worth(id))
        there, earlier = engine.position, engine.state_hash()
        for id in decide(engine, 30):
            engine.reward(id, 0.0)
        assert engine.state_hash() != earlier
        engine.snapshots.roll_back(there)
        assert engine.state_hash() == earlier
        engine.reward(engine.choose({"x": 0.1, "s": "1"}, ["a", "b"]).id, 1.0)
        state = engine.state_hash()
    found = verify(url)
    assert found.sound, found.difference
    assert found.state_hash == state


def test_a_log_that_goes_back_often_is_folded_in_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also without snapshots, it folds what was before a position only once, and never takes a later state for it."""
    places, learned = [], 0
    with opened(url) as engine:
        for _ in range(2):
            for id in decide(engine, 10):
                engine.reward(id, worth(id))
            places.append(engine.position)
        for place in (*reversed(places), *[places[0]] * 5):
            engine.flush()
            append(engine, Kind.REBASE, 0.0, body=canonical_json({"to": place}))
        state = engine.state_hash()
    with open_storage(url) as storage:
        for info in storage.snapshots():
            storage.delete_snapshot(info.position)
    learn = Fold.learn

    def counting(self: Fold, *arguments: Any) -> None:
        nonlocal learned
        learned += 1
        learn(self, *arguments)

    monkeypatch.setattr(Fold, "learn", counting)
    with opened(url) as engine:
        assert engine.state_hash() == state
    assert learned <= 20 + 20 + 10


def test_rebases_that_each_go_back_before_the_last_are_refused(url: str) -> None:
    """Folding n of them would take time exponential in n."""
    with opened(url) as engine:
        decide(engine, 3)
        for _ in range(2):
            engine.flush()
            append(engine, Kind.REBASE, 0.0, body=canonical_json({"upto": 0}))
        engine.flush()
        with pytest.raises(PolicyFailed, match="more than 2 deep"):
            append(engine, Kind.REBASE, 0.0, body=canonical_json({"upto": 0}))


RULES: list[tuple[dict[str, Any], str]] = [
    ({"aggregate": "median"}, "choose one of"),
    ({"window": 0.0}, "positive number"),
    ({"window": math.inf}, "positive number"),
    ({"aggregate": "sum"}, "need a window"),
    ({"default": 0.0}, "need a window"),
]


@pytest.mark.parametrize(("arguments", "message"), RULES)
def test_rules_that_cannot_be_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Rewards(**arguments)


def test_a_default_outside_the_range_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="outside the range"):
        opened(url, Rewards(window=1.0, default=3.0))
