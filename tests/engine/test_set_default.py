"""A default reward declared for a store that has logged successes only."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from croupier import (
    ConfigurationDiffers,
    Engine,
    EvidenceError,
    InputError,
    LearningWarning,
    Rewards,
    SoftmaxPolicy,
    evaluate,
    verify,
)
from croupier.cli import app
from croupier.log.ids import counted
from croupier.replay import set_default
from croupier_storage import Kind, open_storage

RATES = {"red": 0.3, "blue": 0.5}
RULE = Rewards(window=60, default=0)


class Clock:
    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def _play(engine: Engine, clock: Clock, events: int, seed: int = 0) -> float:
    """Reward successes only, 10 seconds apart; the share of the better action in the last half."""
    chance, better = random.Random(seed), 0
    for event in range(events):
        clock.now += 10.0
        decision = engine.choose({"n": chance.random()}, list(RATES))
        better += event >= events // 2 and decision.action == "blue"
        if chance.random() < RATES[decision.action]:
            engine.reward(decision.id, 1.0)
    return better / (events - events // 2)


@pytest.fixture
def successes(url: str) -> str:
    """The store of an application that rewards its successes only; its last window is open at 8,000 seconds."""
    clock = Clock()
    with Engine.open(url, seed=7, learner=None, ids=counted(), clock=clock, snapshot_every=500) as engine:
        with pytest.warns(LearningWarning, match="sees only successes and cannot learn"):
            _play(engine, clock, 800)
        deferred = engine.choose({"n": 0.0}, list(RATES), deferred=True)
        other = engine.choose({"n": 0.0}, list(RATES))
        engine.action_taken(other.id, "red" if other.action == "blue" else "blue")
        assert deferred.id != other.id
    return url


def test_learning_works_after_it_and_the_log_stays_sound(successes: str) -> None:
    before = verify(successes)
    assert before.sound
    assert before.snapshots > 1
    missing = _unrewarded(successes, until=8_000.0 - 60.0)
    done = set_default(successes, window=60, value=0.0, now=8_000.0)
    assert done.defaults == len(missing) > 300
    with open_storage(successes, create=False, read_only=True) as storage:
        decisions = {fact.position: fact for fact in storage.facts(kinds=[Kind.DECISION])}
        defaults = list(storage.facts(kinds=[Kind.DEFAULT]))
        changes = list(storage.facts(kinds=[Kind.CONFIGURATION]))
    assert sorted(fact.decision or 0 for fact in defaults) == missing
    assert all(fact.at == decisions[fact.decision or 0].at + 60.0 and fact.reward == 0.0 for fact in defaults)
    assert [fact.at for fact in defaults] == sorted(fact.at for fact in defaults)
    assert [b'"rewards":{"aggregate":"first","default":0.0,"window":60.0}' in (f.body or b"") for f in changes] == [
        True
    ]
    after = verify(successes)
    assert after.sound, after.difference
    assert after.decisions == before.decisions
    clock = Clock(8_000.0)
    with Engine.open(successes, rewards=RULE, learner=None, clock=clock) as engine:
        assert _play(engine, clock, 600, seed=1) > 0.9
        assert not any("only successes" in sentence for sentence in engine.status().findings)
    assert verify(successes).sound
    assert evaluate(successes, ["constant:blue"])["constant:blue"].estimates["snips"].value == pytest.approx(
        0.5, abs=0.1
    )


def _unrewarded(url: str, until: float) -> list[int]:
    """Decisions that were shown, and have no reward, whose window has closed."""
    with open_storage(url, create=False, read_only=True) as storage:
        facts = [f for f in storage.decisions_without([Kind.REWARD, Kind.TAKEN]) if f.at <= until]
        return [f.position for f in facts if b"deferred" not in (f.body or b"")]


def test_the_state_is_that_of_a_store_with_the_default_from_the_beginning(url: str, tmp_path: Path) -> None:
    states = {}
    for name, rule in (("declared", RULE), ("set", Rewards())):
        clock, store = Clock(), f"sqlite:///{tmp_path / name}.db"
        policy = SoftmaxPolicy(epsilon=1.0)  # so that both draw alike, whatever they have learned
        with Engine.open(
            store, policy=policy, seed=7, learner=None, ids=counted(), clock=clock, rewards=rule
        ) as engine:
            _play(engine, clock, 300)
            if rule == RULE:
                engine.expire(3_000.0)
                engine.rebase()
                states[name] = engine.state_hash()
    set_default(store, window=60.0, value=0.0, now=3_000.0)
    with Engine.open(store, rewards=RULE, clock=lambda: 0.0) as engine:
        states["set"] = engine.state_hash()
    assert states["set"] == states["declared"]


def test_opening_needs_the_new_rule_and_takes_whole_numbers_for_it(successes: str) -> None:
    set_default(successes, window=60.0, value=0.0, now=8_000.0)
    with pytest.raises(ConfigurationDiffers, match="rewards"):
        Engine.open(successes)
    with Engine.open(successes, rewards=Rewards(window=60, default=0), clock=lambda: 8_000.0) as engine:
        assert engine.status().store == "open"


def test_again_it_completes_what_is_missing_and_keeps_earlier_defaults(successes: str) -> None:
    first = set_default(successes, window=60.0, value=0.0, now=4_000.0)
    second = set_default(successes, window=60.0, value=0.0, now=8_000.0)
    assert second.defaults > 0 < first.defaults
    assert second.rewards == first.rewards + second.defaults
    assert set_default(successes, window=60.0, value=0.0, now=8_000.0).defaults == 0
    later = set_default(successes, window=30.0, value=0.25, now=8_000.0)  # those that 60 seconds left open
    assert 0 < later.defaults < 4
    with open_storage(successes, create=False, read_only=True) as storage:
        values = [fact.reward for fact in storage.facts(kinds=[Kind.DEFAULT])]
    assert values.count(0.25) == later.defaults
    assert verify(successes).sound


def test_a_window_that_closed_without_a_default_gets_one(url: str) -> None:
    clock = Clock()
    with Engine.open(url, seed=7, learner=None, clock=clock, rewards=Rewards(window=20.0)) as engine:
        with pytest.warns(LearningWarning, match="only successes"):
            _play(engine, clock, 700)
        learned = engine.rewards_learned
    done = set_default(url, window=20.0, value=0.0, now=7_000.0)
    assert done.rewards == done.defaults + learned > 650
    assert verify(url).sound


def test_what_cannot_be_declared_is_refused_and_changes_nothing(successes: str, tmp_path: Path) -> None:
    for window, value in ((60.0, 2.0), (60.0, float("nan")), (0.0, 0.0), (float("inf"), 0.0)):
        with pytest.raises(InputError):
            set_default(successes, window=window, value=value)
    with Engine.open(successes, learner=None):
        pass
    open_storage(empty := f"sqlite:///{tmp_path / 'empty.db'}").close()
    with pytest.raises(EvidenceError):
        set_default(empty, window=1.0, value=0.0)
    summed = f"sqlite:///{tmp_path / 'summed.db'}"
    Engine.open(summed, learner=None, rewards=Rewards("sum", window=5.0)).close()
    with pytest.raises(InputError, match="'sum'"):
        set_default(summed, window=5.0, value=0.0)


def test_the_command_says_what_it_did_and_how_to_open_the_store(successes: str) -> None:
    result = CliRunner().invoke(app, ["set-default", successes, "--window", "60", "--value", "0"])
    assert "were given 0" in result.stdout
    assert "Rewards(window=60, default=0)" in result.stdout
    shown = CliRunner().invoke(app, ["status", successes])
    assert "Store: open" in shown.stdout
    assert "rewards learned" in shown.stdout
