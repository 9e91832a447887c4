"""Every refusal is of the documented tree, says what to do, and leaves store and state as they were."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import croupier
from croupier import CroupierError, Engine, InverseGapPolicy, RiverLearner, SoftmaxPolicy
from croupier.log.ids import counted
from croupier_storage import open_storage

NAN, INFINITY = float("nan"), float("inf")
CHOICES: list[tuple[str, dict[str, Any], str]] = [
    ("empty action list", {"actions": []}, "give at least one action"),
    ("everything excluded", {"exclude": ["a", "b"]}, "give at least one action"),
    ("duplicate ids", {"actions": ["a", "b", "a"]}, "'a' occurs twice"),
    ("one string", {"actions": "ab"}, "give a collection of ids, a single id in a list"),
    ("one string excluded", {"exclude": "a"}, "give a collection of ids, a single id in a list"),
    ("a number for an id", {"actions": ["a", 1]}, "name actions by strings"),
    ("an empty id", {"actions": ["a", ""]}, "name actions by strings"),
    ("NUL in an id", {"actions": ["a", "b\0"]}, "name actions by strings"),
    ("an id that cannot be one", {"actions": ["a", ["b"]]}, "name actions by strings"),
    ("half a character", {"actions": ["a", "\ud800"]}, "not valid Unicode"),
    ("NaN feature", {"context": {"x": NAN}}, "leave it out"),
    ("infinite feature", {"context": {"x": -INFINITY}}, "leave it out"),
    ("NaN in an array", {"context": np.array([1.0, NAN])}, r"not finite at the indices \[1\]"),
    ("a huge integer", {"context": {"x": 2**53 + 1}}, "give an identifier as a string"),
    ("a list of lists as a feature", {"context": {"x": [[1], [2]]}}, "flatten it"),
    ("numbers among tags", {"context": {"x": ["a", 2]}}, "tags are plain strings"),
    ("strings as counts", {"context": {"x": {"a": "b"}}}, "counts are numbers"),
    ("an object as a feature", {"context": {"x": object()}}, "give a number, a string, a boolean or None"),
    ("a number as a name", {"context": {1: 1.0}}, "names are strings"),
    ("mixed names", {"context": {1: 1.0, "a": 2.0}}, "a name that is not a string"),
    ("no mapping and no array", {"context": 3}, "give a mapping of named features or a 1-D array"),
    ("text as a context", {"context": "x"}, "give a mapping of named features or a 1-D array"),
    ("a matrix", {"context": np.zeros((2, 2))}, "1-D array"),
    ("words in an array", {"context": ["a", "b"]}, "not an array of numbers"),
    ("an array after mappings", {"context": np.zeros(3)}, "one shape"),
    ("a huge context", {"context": {"x": "y" * 2_000_000}}, "more than the limit"),
    ("NaN in an action's features", {"actions": {"a": {"p": NAN}, "b": None}}, r"actions\['a'\]\['p'\]"),
    ("actions described in two ways", {"actions": {"a": [1.0], "b": {"p": 1.0}}}, "arrays of one length"),
    ("actions of two lengths", {"actions": {"a": [1.0], "b": [1.0, 2.0]}}, "arrays of one length"),
    ("a number as unit", {"unit": 17}, "unit is 17; give a non-empty string"),
    ("an empty id", {"id": ""}, "id is ''; give a non-empty string"),
    ("half a character as unit", {"unit": "\ud800"}, "surrogate"),
    ("NaN as time", {"at": NAN}, "seconds since 1970"),
    ("text as time", {"at": "now"}, "seconds since 1970"),
]
REWARDS: list[tuple[str, dict[str, Any], str]] = [
    ("NaN", {"value": NAN}, "not between 0.0 and 1.0"),
    ("infinite", {"value": INFINITY}, "not between 0.0 and 1.0"),
    ("above the range", {"value": 1.5}, "set reward_range"),
    ("below the range", {"value": -0.1}, "set reward_range"),
    ("a boolean", {"value": True}, r"float\(clicked\)"),
    ("numpy's boolean", {"value": np.True_}, r"float\(clicked\)"),
    ("text", {"value": "1"}, "give a number"),
    ("none", {"value": None}, "give a number"),
    ("unknown decision", {"decision_id": "nobody"}, "no decision 'nobody' is in the log"),
    ("a number for an id", {"decision_id": 3}, "no decision 3 is in the log"),
    ("a number as key", {"key": 3}, "key is 3; give a non-empty string"),
    ("NaN as time", {"at": NAN}, "seconds since 1970"),
]


@pytest.fixture
def seasoned(url: str) -> Any:
    with Engine.open(url, seed=7, ids=counted(), clock=lambda: 0.0) as engine:
        for event in range(20):
            decision = engine.choose({"x": float(event)}, ["a", "b"])
            if event != 19:
                engine.reward(decision.id, float(event % 2))
        yield engine


def _refused(engine: Engine, url: str, call: Callable[[], object], message: str) -> None:
    before = engine.state_hash(), engine.position
    with pytest.raises(CroupierError, match=message) as caught:
        call()
    assert len(str(caught.value)) > 30
    engine.flush()
    assert (engine.state_hash(), engine.position) == before
    with open_storage(url, create=False, read_only=True) as storage:
        assert storage.head() == before[1]
        assert not list(storage.damaged_positions())


@pytest.mark.parametrize(("arguments", "message"), [c[1:] for c in CHOICES], ids=[c[0] for c in CHOICES])
def test_choose_refuses(seasoned: Engine, url: str, arguments: dict[str, Any], message: str) -> None:
    asked: dict[str, Any] = {"context": {"x": 1.0}, "actions": ["a", "b"]} | arguments
    _refused(seasoned, url, lambda: seasoned.choose(**asked), message)


@pytest.mark.parametrize(("arguments", "message"), [c[1:] for c in REWARDS], ids=[c[0] for c in REWARDS])
def test_reward_refuses(seasoned: Engine, url: str, arguments: dict[str, Any], message: str) -> None:
    asked: dict[str, Any] = {"decision_id": "d20", "value": 1.0} | arguments
    _refused(seasoned, url, lambda: seasoned.reward(**asked), message)


def test_an_array_of_another_length_is_refused_before_and_after_learning(url: str) -> None:
    with Engine.open(url, seed=7, learner=None) as engine:
        decision = engine.choose([1.0, 2.0], ["a", "b"])
        for _ in range(2):
            _refused(engine, url, lambda: engine.choose([1.0, 2.0, 3.0], ["a", "b"]), "array of 3 numbers")
            _refused(engine, url, lambda: engine.choose({"x": 1.0}, ["a", "b"]), "a mapping")
            engine.reward(decision.id, 1.0)


def test_a_model_too_large_for_its_memory_is_refused(url: str) -> None:
    with Engine.open(url, policy=SoftmaxPolicy(max_bytes=1 << 20), learner=None) as engine:
        actions = [f"a{n}" for n in range(1000)]
        _refused(engine, url, lambda: engine.choose(np.zeros(50), actions), "choose among fewer actions")
        engine.choose(np.zeros(50), actions[:5])


OPENINGS: list[tuple[str, dict[str, Any], str, str]] = [
    ("another seed", {"seed": 8}, "ConfigurationDiffers", "seed"),
    ("another policy", {"policy": InverseGapPolicy()}, "ConfigurationDiffers", "inverse-gap"),
    ("another parameter", {"policy": SoftmaxPolicy(alpha=0.5)}, "ConfigurationDiffers", "policy"),
    ("no learner", {"learner": None}, "ConfigurationDiffers", "learner"),
    ("another learner", {"learner": RiverLearner(link="identity")}, "ConfigurationDiffers", "learner"),
    ("another range", {"reward_range": (0, 2)}, "ConfigurationDiffers", "reward_range"),
    ("a range upside down", {"reward_range": (1, 0)}, "InputError", "the smaller one first"),
    ("a negative seed", {"seed": -1}, "InputError", "seed"),
    ("unknown durability", {"durability": "maybe"}, "InputError", "durability"),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), [c[1:] for c in OPENINGS], ids=[c[0] for c in OPENINGS])
def test_open_refuses(url: str, arguments: dict[str, Any], kind: str, message: str) -> None:
    with Engine.open(url, seed=7) as engine:
        engine.reward(engine.choose({"x": 1.0}, ["a"]).id, 1.0)
        state = engine.state_hash()
    with pytest.raises(getattr(croupier, kind), match=message):
        Engine.open(url, **({"seed": 7} | arguments))
    with Engine.open(url, seed=7) as engine:
        assert (engine.state_hash(), engine.position) == (state, 2)


def test_a_second_writer_is_refused(seasoned: Engine, url: str) -> None:
    _refused(seasoned, url, lambda: Engine.open(url, seed=7), "Close it first")
    with pytest.raises(croupier.StoreInUse):
        Engine.open(url, seed=7)


def test_a_store_of_a_newer_schema_is_refused(url: str) -> None:
    with Engine.open(url, seed=7):
        pass
    with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
        raw.execute("update schema_version set version = 999")
    raw.close()
    with pytest.raises(croupier.SchemaMismatch, match="newer"):
        Engine.open(url, seed=7)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear database, " * 100)
    with pytest.raises(croupier.StoreError):
        Engine.open(f"sqlite:///{file}")
    assert file.read_text().startswith("Dear database")
    with pytest.raises(croupier.StoreError):
        Engine.open("postgres-but-not-quite://x")
    with pytest.raises(croupier.StoreUnavailable):
        Engine.open(f"sqlite:///{tmp_path / 'no such folder' / 'store.db'}")


def test_every_public_error_is_of_the_tree() -> None:
    errors = [
        v
        for n in croupier.__all__
        if isinstance(v := getattr(croupier, n), type) and issubclass(v, Exception) and not issubclass(v, Warning)
    ]
    assert len(errors) > 10
    assert all(issubclass(error, CroupierError) for error in errors)
