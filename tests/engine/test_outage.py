"""When the database fails: a clear error by default, or serving from memory; never half a fact."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

import croupier.runtime.outage
import croupier.runtime.writer
from croupier import Engine, Status, StoreError, verify
from croupier.log.ids import counted
from croupier_storage import Kind, StoreUnavailable, open_storage
from croupier_storage.sql.storage import SQLStorage
from support import inside
from support.beneath import database
from support.waiting import until


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
        monkeypatch.setattr(croupier.runtime.outage, "RETRY", 0.05)
        monkeypatch.setattr(croupier.runtime.writer, "RETRY", 0.05)


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Fault:
    return Fault(monkeypatch)


def pair(engine: Engine, value: float = 1.0) -> str:
    decision = engine.choose({"x": 1.0}, ["a", "b"])
    engine.reward(decision.id, value)
    return decision.id


def test_by_default_calls_raise_and_what_was_enqueued_is_written_when_the_store_is_back(url: str, fault: Fault) -> None:
    with Engine.open(url, learner=None, durability="commit", ids=counted()) as engine:
        pair(engine)
        fault.on = True
        with pytest.raises(StoreError, match=r"disk is full.*repeat it"):
            engine.choose({"x": 1.0}, ["a", "b"], id="waits")
        with pytest.raises(StoreError, match=r"disk is full.*not logged"):
            engine.choose({"x": 1.0}, ["a", "b"], id="refused")
        fault.on = False
        until(lambda: inside.available(engine))
        assert engine.choose({"x": 1.0}, ["a", "b"], id="waits").position == 3
        assert engine.choose({"x": 1.0}, ["a", "b"], id="refused").position == 4
        pair(engine)
    assert verify(url).sound


def test_closing_while_the_store_is_unavailable_says_what_was_lost(url: str, fault: Fault) -> None:
    engine = Engine.open(url, learner=None, ids=counted())
    pair(engine)
    engine.flush()
    fault.on = True
    for _ in range(3):
        engine.choose({"x": 1.0}, ["a", "b"])
    with pytest.raises(StoreError, match=r"disk is full.*3 facts had been answered and did not reach the store"):
        engine.close()
    fault.on = False
    with Engine.open(url, learner=None) as engine:
        assert engine.position == 2
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
    waited = served[:1] if durability == "commit" else []  # enqueued before the store was known to be unavailable
    assert logged & {decision.id for decision in served} == {decision.id for decision in waited}


def test_a_disk_that_fills_is_an_error_that_says_so(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    engine = Engine.open(url, learner=None, durability="commit")
    beneath = database(inside.storage(engine))

    @event.listens_for(beneath, "connect")
    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("pragma max_page_count = 40")

    beneath.dispose()
    with pytest.raises(StoreError, match="full"):
        _fill(engine)
    with pytest.raises(StoreError):
        engine.close()
    with Engine.open(url, learner=None) as again:
        again.choose({"x": 1.0, "text": "y"}, ["a"])
    assert verify(url).sound


FAULTS = {
    "full": ("pragma max_page_count = 1", "pragma max_page_count = 1000000"),
    "read-only": ("pragma query_only = on", "pragma query_only = off"),
    "locked": ("pragma busy_timeout = 20", "pragma busy_timeout = 5000"),
}


class Refusal:
    """SQLite's own: full, read-only, or locked by another connection."""

    def __init__(self, engine: Engine, file: Path, fault: str) -> None:
        self.statement, self.whole = FAULTS[fault]
        self.other = sqlite3.connect(file, isolation_level=None)
        if fault == "locked":
            self.other.execute("begin immediate")
        event.listen(database(inside.storage(engine)), "checkout", lambda raw, *_: raw.execute(self.statement).close())

    def end(self) -> None:
        self.statement = self.whole
        self.other.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_what_sqlite_refuses_is_served_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr(croupier.runtime.outage, "RETRY", 0.05)
    monkeypatch.setattr(croupier.runtime.writer, "RETRY", 0.05)
    file = tmp_path / "store.db"
    with Engine.open(f"sqlite:///{file}", learner=None, durability="commit", on_store_failure="serve") as engine:
        pair(engine)
        state, refusal = engine.state_hash(), Refusal(engine, file, fault)
        served = [engine.choose({"x": 1.0, "text": "y" * 5000}, ["a", "b"]) for _ in range(5)]
        refusal.end()
        assert not any(decision.logged for decision in served)
        assert engine.state_hash() == state
        until(lambda: engine.choose({"x": 1.0}, ["a", "b"]).logged)
        pair(engine)
    found = verify(f"sqlite:///{file}")
    assert found.sound, found.difference
    assert found.rewards == 2


@pytest.mark.parametrize("fault", FAULTS)
def test_what_sqlite_refuses_raises_and_leaves_nothing_half_written(tmp_path: Path, fault: str) -> None:
    file = tmp_path / "store.db"
    engine = Engine.open(f"sqlite:///{file}", learner=None, durability="commit", lock_timeout=0.1)
    pair(engine)
    refusal = Refusal(engine, file, fault)
    for id, match in (("waits", "repeat it"), ("refused", "not logged")):
        with pytest.raises(StoreError, match=f"{fault}.*{match}"):
            engine.choose({"x": 1.0, "text": "y" * 5000}, ["a", "b"], id=id)
    refusal.end()
    until(lambda: inside.available(engine))
    pair(engine)
    engine.close()
    with Engine.open(f"sqlite:///{file}", learner=None) as again:
        assert again.position == 5
        pair(again)
    assert verify(f"sqlite:///{file}").sound


def _fill(engine: Engine) -> None:
    for n in range(20_000):
        engine.choose({"x": float(n), "text": "y" * 500}, ["a", "b"])
