"""When the database fails: a clear error by default, or serving from memory; never half a fact."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import croupier.outage
from croupier import Engine, Status, StoreError, verify
from croupier.ids import counted
from croupier_storage import Kind, StoreUnavailable, open_storage
from croupier_storage.sql import SQLStorage


class Fault:
    """Makes every append fail while it is on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.on = False
        append = SQLStorage.append

        def failing(storage: Any, facts: Any, action_sets: Any) -> None:
            if self.on:
                raise StoreUnavailable("the disk is full; nothing was written. Free some space")
            append(storage, facts, action_sets)

        monkeypatch.setattr(SQLStorage, "append", failing)
        monkeypatch.setattr(croupier.outage, "RETRY", 0.05)


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Fault:
    return Fault(monkeypatch)


def pair(engine: Engine, value: float = 1.0) -> str:
    decision = engine.choose({"x": 1.0}, ["a", "b"])
    engine.reward(decision.id, value)
    return decision.id


def test_by_default_the_call_raises_and_nothing_half_written_remains(url: str, fault: Fault) -> None:
    engine = Engine.open(url, learner=None, durability="commit", ids=counted())
    pair(engine)
    fault.on = True
    for _ in range(2):
        with pytest.raises(StoreError, match=r"disk is full.*open it again"):
            engine.choose({"x": 1.0}, ["a", "b"])
    fault.on = False
    with pytest.raises(StoreError):
        engine.close()
    with Engine.open(url, learner=None, durability="commit") as engine:
        assert engine.position == 2
        pair(engine)
    assert verify(url).sound


@pytest.mark.parametrize("durability", ["group", "commit"])
def test_served_decisions_are_marked_never_learned_and_logging_resumes(url: str, fault: Fault, durability: Any) -> None:
    with Engine.open(
        url, learner=None, durability=durability, on_store_failure="serve", seed=3, ids=counted()
    ) as engine:
        known = [pair(engine) for _ in range(20)]
        engine.flush()
        state, position = engine.state_hash(), engine.position
        fault.on = True
        served = []
        deadline = time.monotonic() + 20
        while len(served) < 10 and time.monotonic() < deadline:
            decision = engine.choose({"x": 1.0}, ["a", "b"])
            if not decision.logged:
                served.append(decision)
        assert len(served) == 10
        assert served[0].propensities.keys() == {"a", "b"}
        assert engine.reward(served[0].id, 1.0).status is Status.UNLOGGED
        fault.on = False
        decision = engine.choose({"x": 1.0}, ["a", "b"])
        while not decision.logged and time.monotonic() < deadline:
            decision = engine.choose({"x": 1.0}, ["a", "b"])
        assert decision.logged
        assert engine.reward(served[1].id, 1.0).status is Status.UNLOGGED
        assert engine.reward(known[0], 1.0).status is Status.DUPLICATE
        engine.flush()
        assert engine.position > position
        assert engine.state_hash() == state
        pair(engine)
    found = verify(url)
    assert found.sound, found.difference
    with open_storage(url, create=False, read_only=True) as storage:
        logged = {fact.id for fact in storage.facts(kinds=[Kind.DECISION])}
    assert not logged & {decision.id for decision in served}


def test_a_disk_that_fills_is_an_error_that_says_so(tmp_path: Path) -> None:
    import sqlite3

    from sqlalchemy import event

    url = f"sqlite:///{tmp_path / 'store.db'}"
    engine = Engine.open(url, learner=None, durability="commit")
    storage: Any = engine._live.storage

    @event.listens_for(storage._engine, "connect")
    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("pragma max_page_count = 40")

    storage._engine.dispose()
    with pytest.raises(StoreError, match="full"):
        _fill(engine)
    with pytest.raises(StoreError):
        engine.close()
    with Engine.open(url, learner=None) as again:
        again.choose({"x": 1.0, "text": "y"}, ["a"])
    assert verify(url).sound


def _fill(engine: Engine) -> None:
    for n in range(20_000):
        engine.choose({"x": float(n), "text": "y" * 500}, ["a", "b"])
