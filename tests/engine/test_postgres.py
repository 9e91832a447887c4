"""The same engine on PostgreSQL, whose server really stops and starts."""

from __future__ import annotations

import time
from typing import Any

import pytest

import croupier.runtime.outage
from croupier import Engine, StoreError, StoreInUse, verify
from croupier.log.ids import counted
from support import inside
from support.waiting import until


def pairs(engine: Engine, count: int) -> None:
    for n in range(count):
        decision = engine.choose({"x": float(n % 7), "s": str(n % 3)}, ["a", "b", "c"], unit=f"u{n % 5}")
        engine.reward(decision.id, float(n % 2))


def test_the_loop_is_the_same_as_on_sqlite(postgres_url: str, url: str) -> None:
    states = []
    for store in (postgres_url, url):
        with Engine.open(store, seed=3, ids=counted(), clock=lambda: 0.0, learner=None) as engine:
            pairs(engine, 200)
            engine.correct("d7", 0.5)
            engine.rebase()
            engine.forget("u2")
            states.append(engine.state_hash())
        with Engine.open(store, learner=None) as engine:
            assert engine.state_hash() == states[-1]
            with pytest.raises(StoreInUse):
                Engine.open(store, learner=None)
        found = verify(store)
        assert found.sound, found.difference
    assert states[0] == states[1]


def test_a_server_that_stops_is_a_clear_error_and_nothing_half_written(postgres: Any, postgres_url: str) -> None:
    engine = Engine.open(postgres_url, seed=3, learner=None, durability="commit")
    pairs(engine, 20)
    postgres.stop()
    try:
        with pytest.raises(StoreError):
            pairs(engine, 20)
    finally:
        postgres.start()
    until(lambda: inside.available(engine), within=60.0)
    pairs(engine, 5)
    engine.close()
    with Engine.open(postgres_url, learner=None) as again:
        assert again.position == 51  # the decision that waited in memory was written once, when the server was back
        pairs(again, 5)
    assert verify(postgres_url).sound


@pytest.mark.parametrize("durability", ["group", "commit"])
def test_a_server_that_is_killed_loses_nothing_while_the_engine_lives(
    postgres: Any, postgres_url: str, durability: Any
) -> None:
    engine = Engine.open(postgres_url, seed=3, learner=None, durability=durability, on_store_failure="serve")
    pairs(engine, 50)
    time.sleep(0.05)  # some of it is committed; in a group, the server has not written all of that to its own log
    pairs(engine, 50)
    engine.flush()
    postgres.kill()
    postgres.start()
    until(lambda: engine.choose({"x": 1.0, "s": "0"}, ["a", "b"]).logged, within=60.0)
    pairs(engine, 5)
    engine.close()
    with Engine.open(postgres_url, learner=None) as again:
        assert again.rewards_learned == 105
    assert verify(postgres_url).sound


def test_a_server_that_stops_is_served_through(
    postgres: Any, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(croupier.runtime.outage, "RETRY", 0.05)
    with Engine.open(postgres_url, seed=3, learner=None, durability="commit", on_store_failure="serve") as engine:
        pairs(engine, 20)
        postgres.stop()
        try:
            served = [engine.choose({"x": 1.0, "s": "0"}, ["a", "b"]) for _ in range(5)]
        finally:
            postgres.start()
        assert not any(decision.logged for decision in served)
        deadline = time.monotonic() + 30
        while not engine.choose({"x": 1.0, "s": "0"}, ["a", "b"]).logged:
            assert time.monotonic() < deadline, "logging did not resume"
            time.sleep(0.05)
        pairs(engine, 5)
    found = verify(postgres_url)
    assert found.sound, found.difference
