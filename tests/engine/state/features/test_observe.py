"""Observations are logged, compared by key, and erased with their unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from croupier import Conflict, Engine, InputError, verify
from croupier.log.ids import counted
from croupier.state.features import observation
from croupier_storage import Kind, open_storage


def opened(url: str, **more: Any) -> Engine:
    return Engine.open(url, seed=7, learner=None, ids=counted(), clock=lambda: 5.0, **more)


@pytest.mark.parametrize("durability", ["group", "commit"])
def test_an_observation_is_a_fact_of_its_unit(url: str, durability: Any) -> None:
    with opened(url, durability=durability) as engine:
        assert engine.observe("u", "view", "a", at=1.0, price=2, new=True, gone=None, image=[1, 0.5]) == 1
        assert engine.observe("u", "visit") == 2
        assert engine.observe(None, "describe", "a", image=np.zeros(2)) == 3
    with open_storage(url, create=False, read_only=True) as storage:
        first, second, third = storage.facts(kinds=[Kind.OBSERVATION])
    assert (first.unit, first.at, second.at, third.unit) == ("u", 1.0, 5.0, None)
    attributes = {"price": 2.0, "new": "true", "image": [1.0, 0.5]}
    assert observation.decode(first.body) == ("view", "a", attributes)
    assert observation.decode(second.body) == ("visit", None, {})
    assert verify(url).sound


@pytest.mark.parametrize(
    "call",
    [
        lambda engine: engine.observe("", "view", "a"),
        lambda engine: engine.observe(7, "view", "a"),
        lambda engine: engine.observe("u", None, "a"),
        lambda engine: engine.observe("u", "view", "\0"),
        lambda engine: engine.observe("u", "view", "a", price=float("nan")),
        lambda engine: engine.observe("u", "view", "a", image=[1.0, float("inf")]),
        lambda engine: engine.observe("u", "view", "a", image=[[1.0]]),
        lambda engine: engine.observe("u", "view", "a", price=1 << 60),
        lambda engine: engine.observe("u", "view", "a", more={"a": 1}),
        lambda engine: engine.observe("u", "view", "a", words="x" * (1 << 20)),
        lambda engine: engine.observe("u", "view", "\ud800"),
        lambda engine: engine.observe("u", "view", "a", at=float("nan")),
        lambda engine: engine.observe("u", "view", "a", key=3),
    ],
)
def test_an_invalid_observation_is_rejected_and_changes_nothing(engine: Engine, call: Any) -> None:
    before = engine.state_hash()
    with pytest.raises(InputError):
        call(engine)
    assert (engine.position, engine.state_hash()) == (0, before)


def test_a_key_names_one_observation(url: str) -> None:
    with opened(url) as engine:
        assert engine.observe("u", "view", "a", key="k", at=1.0) == 1
        assert engine.observe("u", "view", "a", key="k", at=2.0) == 1
        decision = engine.choose({"x": 1.0}, ["a", "b"])
        for other in (
            lambda: engine.observe("v", "view", "a", key="k"),
            lambda: engine.observe("u", "view", "b", key="k"),
            lambda: engine.reward(decision.id, 1.0, key="k"),
        ):
            with pytest.raises(Conflict):
                other()
    with opened(url) as engine:
        assert engine.observe("u", "view", "a", key="k") == 1
        assert engine.position == 2


def test_forgetting_a_unit_erases_what_it_did(url: str, tmp_path: Path) -> None:
    with opened(url) as engine:
        for n in range(20):
            engine.observe("somebody@example.com" if n % 4 == 1 else "u", "view", f"item{n}")
        assert engine.forget("somebody@example.com") == 5
    written = {file.name: file.read_bytes() for file in tmp_path.glob("store.db*")}
    assert b"item1" in written["store.db"] + written.get("store.db-wal", b"")
    assert [name for name, content in written.items() if b"somebody@" in content] == []
    found = verify(url)
    assert (found.sound, found.erased) == (True, 5)
