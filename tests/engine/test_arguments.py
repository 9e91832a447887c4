"""Whatever is passed to a public function of the live loop: it is accepted, or refused by an error of our tree."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import (
    Catalogue,
    Drift,
    Engine,
    Experiment,
    Features,
    Rewards,
    Rule,
    UniformPolicy,
)
from croupier.engine_experiments import Experiments
from croupier.engine_snapshots import Snapshots
from croupier.runtime.options import OPTIONS
from croupier.studies.statistics.guardrails import Guardrail
from support.nasty import ALLOWED, NASTY, nasty_names, share

# nearly nothing is rewarded here, and most features never vary
pytestmark = pytest.mark.filterwarnings("ignore::croupier.LearningWarning")

Call = tuple[Callable[..., Any], dict[str, Any]]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}"
    features = Features(numbers={"price": "standard"}, vectors={"image": 2})
    with Engine.open(url, seed=7, learner=None, features=features, clock=itertools.count(1e9).__next__) as engine:
        engine.experiments.start(Experiment("x", {"old": None, "new": UniformPolicy()}, window=60.0))
        yield engine
        assert engine.verify().sound


def verbs(engine: Engine, deferred: str, decision: str) -> dict[str, Call]:
    """Every verb with arguments that it accepts."""
    return {
        "choose": (
            engine.choose,
            {
                "context": {"x": 1.0},
                "actions": ["a", "b", "c"],
                "unit": "u",
                "id": None,
                "exclude": ["c"],
                "deferred": False,
                "at": None,
            },
        ),
        "choose from a mapping": (
            engine.choose,
            {"context": {"x": 1.0}, "actions": {"a": {"p": 1.0}, "b": None}, "exclude": []},
        ),
        "choose from a catalogue": (
            engine.choose,
            {"context": {}, "actions": Catalogue(["a", "b"]), "exclude": ["a"]},
        ),
        "recommend": (
            engine.recommend,
            {
                "k": 2,
                "actions": ["a", "b", "c"],
                "context": None,
                "unit": "u",
                "id": None,
                "exclude": ["c"],
                "at": None,
            },
        ),
        "reward": (engine.reward, {"decision_id": decision, "value": 1.0, "key": None, "at": None}),
        "activate": (engine.activate, {"decision_id": deferred, "at": None}),
        "action_taken": (engine.action_taken, {"decision_id": decision, "action": "b", "at": None}),
        "correct": (engine.correct, {"decision_id": decision, "value": 1.0, "at": None}),
        "retract": (engine.retract, {"decision_id": decision, "at": None}),
        "expire": (engine.expire, {"at": None}),
        "observe": (
            engine.observe,
            {
                "unit": "u",
                "kind": "view",
                "item": "a",
                "key": None,
                "at": None,
                "price": 1.0,
                "image": [1.0, 2.0],
                "other": "x",
            },
        ),
        "used_keys": (engine.used_keys, {"keys": ["a"]}),
        "unit_features": (engine.unit_features, {"unit": "u", "at": None}),
        "item_features": (engine.item_features, {"items": ["a"], "at": None}),
        "forget": (engine.forget, {"unit": "nobody"}),
        "verify": (engine.verify, {"policies": (), "progress": None}),
        "snapshots.pin": (engine.snapshots.pin, {"position": 1, "pinned": True}),
        "snapshots.export": (engine.snapshots.export, {"position": 1, "file": Path(os.devnull)}),
        "snapshots.import_": (engine.snapshots.import_, {"file": Path(os.devnull)}),
        "snapshots.roll_back": (engine.snapshots.roll_back, {"position": 0}),
        "experiments.start": (engine.experiments.start, {"experiment": None}),
        "experiments.set_weights": (engine.experiments.set_weights, {"weights": {"old": 1.0, "new": 1.0}}),
        "experiments.evaluate_promotion": (
            engine.experiments.evaluate_promotion,
            {"variant": "new", "rule": None, "budget_exhausted": False, "level": 0.95},
        ),
        "experiments.advance": (
            engine.experiments.advance,
            {"variant": "new", "rule": None, "budget_exhausted": False, "level": 0.95},
        ),
        "experiments.promote": (engine.experiments.promote, {"variant": "new", "rule": None, "level": 0.95}),
    }


NO_ARGUMENTS = {"rebase", "flush", "close", "state_hash", "open"}


def _signatures(of: type, prefix: str = "") -> dict[str, set[str]]:
    methods = inspect.getmembers(of, inspect.isfunction)
    return {
        prefix + name: set(inspect.signature(method).parameters) - {"self", "attributes"}
        for name, method in methods
        if not name.startswith("_")
    }


def test_every_verb_and_argument_is_tried(engine: Engine) -> None:
    tried = {name: set(arguments) for name, (_, arguments) in verbs(engine, "x", "y").items()}
    public = _signatures(Engine) | _signatures(Experiments, "experiments.") | _signatures(Snapshots, "snapshots.")
    for name, parameters in public.items():
        if parameters and name not in NO_ARGUMENTS:
            assert parameters <= tried[name], name


@share(0.35)
@given(st.data())
def test_no_other_error_leaves_a_verb(engine: Engine, data: st.DataObject) -> None:
    decision = engine.choose({"x": 1.0}, ["a", "b"], unit="u")
    deferred = engine.choose({"x": 1.0}, ["a", "b"], unit="u", deferred=True)
    call, arguments = data.draw(
        st.sampled_from(sorted(verbs(engine, "", ""))).map(lambda name: verbs(engine, deferred.id, decision.id)[name])
    )
    for name in data.draw(st.lists(st.sampled_from(sorted(arguments)), min_size=1, max_size=2, unique=True)):
        arguments[name] = NASTY[data.draw(nasty_names, label=name)]()
    with contextlib.suppress(ALLOWED):
        call(**arguments)
    assert engine.reward(decision.id, 1.0).decision == decision.id  # it still works


@share(0.05)
@given(name=st.text(min_size=1), value=nasty_names)
def test_no_other_error_leaves_an_observation_for_the_name_of_an_attribute(
    engine: Engine, name: str, value: str
) -> None:
    with contextlib.suppress(ALLOWED):
        engine.observe("u", "view", **{f"_{name}": NASTY[value](), name + "_": 1.0})


def test_options_are_all_checked() -> None:
    assert set(OPTIONS) == set(inspect.signature(Engine.open).parameters)


@share(0.15)
@given(option=st.sampled_from(sorted(OPTIONS)), value=nasty_names)
def test_no_other_error_leaves_open(option: str, value: str) -> None:
    with contextlib.suppress(ALLOWED):
        Engine.open(**{"url": "sqlite://", "learner": None, option: NASTY[value]()}).close()


CONSTRUCTORS: dict[str, Call] = {
    "Catalogue": (Catalogue, {"ids": ["a", "b"], "features": [[1.0], [2.0]]}),
    "Catalogue.of": (Catalogue.of, {"items": {"a": {"x": 1.0}}}),
    "Rewards": (Rewards, {"aggregate": "mean", "window": 60.0, "default": 0.0}),
    "Features": (
        Features,
        {
            "kinds": ["view"],
            "half_lives": [60.0],
            "windows": [60.0],
            "session_gap": 60.0,
            "last": 0,
            "numbers": {"a": "standard"},
            "categories": {"b": "target"},
            "text": {"c": 3},
            "vectors": {"d": 3},
            "events": ["e"],
            "targets": ["view"],
            "units": 10,
            "items": 10,
            "values": 10,
            "terms": 10,
        },
    ),
    "Drift": (
        Drift,
        {
            "error": "squared",
            "all": None,
            "unit": {"name": "adwin", "delta": 0.1},
            "action": None,
            "retain": 0.5,
            "units": 10,
            "actions": 10,
        },
    ),
    "Experiment": (
        Experiment,
        {
            "name": "x",
            "variants": {"old": None, "new": UniformPolicy()},
            "window": 60.0,
            "weights": None,
            "holdout": 0.0,
            "learn_from": "own",
            "warm_start": False,
            "planned_units": 10.0,
            "guardrails": {"view": 0.1},
            "shadows": {},
        },
    ),
    "Rule": (
        Rule,
        {"shares": (0.1,), "min_effect": 0.0, "tolerance": 0.1, "guardrails": (), "alpha": 0.01},
    ),
    "Guardrail": (Guardrail, {"name": "view", "margin": 0.1}),
}


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_every_field_is_tried(name: str) -> None:
    call, arguments = CONSTRUCTORS[name]
    assert set(inspect.signature(call).parameters) == set(arguments)
    call(**arguments)


@share(0.1)
@given(st.data())
def test_no_other_error_leaves_a_constructor(data: st.DataObject) -> None:
    call, arguments = CONSTRUCTORS[data.draw(st.sampled_from(sorted(CONSTRUCTORS)))]
    name = data.draw(st.sampled_from(sorted(arguments)))
    with contextlib.suppress(ALLOWED):
        call(**{**arguments, name: NASTY[data.draw(nasty_names, label=name)]()})
