"""Whatever is passed to a public function, a policy or a command is accepted, or refused by an error of our trees."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import croupier
from croupier import ConstantPolicy, Engine, Experiment, LoggedPolicy, UniformPolicy, evaluate, study
from croupier.cli.app import app
from croupier.cli.failures import Status
from croupier.errors import CroupierError, CroupierWarning
from croupier_policies import EnsemblePolicy
from croupier_policies.registry import implementations
from support.nasty import ALLOWED, NASTY, TEXTS, nasty_names, share

pytestmark = pytest.mark.filterwarnings("ignore::croupier.CroupierWarning", "ignore::RuntimeWarning")

#: Public names that take nothing from an application, and why.
EXCLUDED = {
    **{name: "an error or a warning, which the library makes" for name in croupier.__all__
       if inspect.isclass(getattr(croupier, name))
       and issubclass(getattr(croupier, name), CroupierError | CroupierWarning)},
    **dict.fromkeys(("Decision", "EngineStatus", "Outcome", "Recommendation", "Status", "Verification"),
                    "a result, which the library makes"),
    **dict.fromkeys(("Comparison", "Evaluation", "Study"), "a result; its methods are tried"),
    **dict.fromkeys(("Catalogue", "Drift", "Engine", "Experiment", "Features", "Rewards", "Rule"),
                    "tried in test_arguments.py"),
    "Text": "a string, made by Python's own `str`",
}  # fmt: skip
Call = tuple[Callable[..., Any], dict[str, Any]]


class Places(NamedTuple):
    """A store with an experiment, a log, and ratings."""

    folder: Path
    url: str
    log: Path
    ratings: Path


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    folder = tmp_path_factory.mktemp("places")
    url, log, ratings = f"sqlite:///{folder}/shop.db", folder / "log.csv", folder / "ratings.csv"
    with Engine.open(url, policy=UniformPolicy(), seed=7, learner=None, clock=itertools.count(1e9).__next__) as engine:
        engine.experiments.start(Experiment("x", {"old": None, "new": ConstantPolicy(action="b")}, window=20.0))
        for k in range(20):
            decision = engine.choose({"device": "phone", "hour": float(k)}, ["a", "b"], unit=f"u{k}")
            engine.reward(decision.id, float(decision.action == "b"))
            engine.observe(f"u{k}", "buy", f"i{k % 3}", stars=float(k % 5))
    rows = [f"{k % 2},0.5,{'ab'[k % 2]},home,{k}" for k in range(40)]
    log.write_text("\n".join(["reward,propensity,action,page,at", *rows]))
    ratings.write_text("\n".join(["user,item,stars", *(f"u{k % 9},i{k % 7},{k % 5}" for k in range(60))]))
    (folder / "mapping.json").write_text('{"unit": "user", "kind": {"constant": "rate"}, "at": {"constant": 5}}')
    here = os.getcwd()
    os.chdir(folder)  # a nasty path is one in here
    yield Places(folder, url, log, ratings)
    os.chdir(here)


# Policies and functions


def policies() -> dict[str, Call]:
    """Every policy and learner that an application can make, with the arguments that it must have."""
    public = (getattr(croupier, name) for name in croupier.__all__)
    classes = {cls for cls in public if cls in implementations().values()} | {EnsemblePolicy}
    assert LoggedPolicy not in classes  # an abstract class
    needed = {ConstantPolicy: {"action": "a"}}
    return {cls.__name__: (cls, dict(needed.get(cls, {}))) for cls in classes}


@pytest.fixture(scope="module")
def functions(places: Places) -> dict[str, Call]:
    """Every public function, and every method of a result, with arguments that it accepts."""
    evaluated = evaluate(places.url, ["uniform"], estimators=["ips"])
    return {
        "compare": (croupier.compare, {"url": places.url, "targets": ["uniform", "logged"], "estimator": "snips"}),
        "evaluate": (croupier.evaluate, {"url": places.url, "targets": ["uniform"], "estimators": ["ips"]}),
        "study": (croupier.study, {"store": places.url, "offline": False}),
        "truncated_svd": (croupier.truncated_svd, {"users": list("aabb"), "items": list("xyxy"), "values": [1, 0, 1, 0],
                                                   "rank": 1}),
        "verify": (croupier.verify, {"store": places.url}),
        "Evaluation.__getitem__": (evaluated.__getitem__, {"label": "uniform"}),
        "Study.contrast": (study(places.url, offline=False).contrast, {"variant": "new"}),
    }  # fmt: skip


def test_everything_public_is_tried(functions: dict[str, Call]) -> None:
    tried = {*policies(), *functions, *EXCLUDED, "LoggedPolicy"}
    assert {*croupier.__all__} <= tried
    for call, arguments in functions.values():
        call(**arguments)


def attempt(call: Callable[..., Any], arguments: dict[str, Any], data: st.DataObject) -> None:
    """A call with one or two nasty arguments."""
    names = sorted(inspect.signature(call).parameters)
    for name in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)):
        arguments[name] = NASTY[data.draw(nasty_names, label=name)]()
    with contextlib.suppress(ALLOWED), np.errstate(all="ignore"):
        call(**arguments)


@share(0.1)
@given(st.data())
def test_no_other_error_leaves_a_policy(data: st.DataObject) -> None:
    call, arguments = data.draw(st.sampled_from(sorted(policies())).map(policies().__getitem__))
    if inspect.signature(call).parameters:
        attempt(call, arguments, data)


@share(0.1)
@given(st.data())
def test_no_other_error_leaves_a_function(functions: dict[str, Call], data: st.DataObject) -> None:
    call, arguments = functions[data.draw(st.sampled_from(sorted(functions)))]
    attempt(call, dict(arguments), data)


# Commands


def commands() -> dict[str, Any]:
    """Every command by its words."""
    found: dict[str, Any] = {}

    def walk(command: Any, words: str) -> None:
        if not hasattr(command, "commands"):
            found[words] = command
            return
        for name, below in command.commands.items():
            walk(below, f"{words} {name}".strip())

    walk(typer.main.get_command(app), "")
    return found


#: By command, the values of its arguments and needed options: those of parameters without a default.
NEEDED: dict[str, dict[str, str]] = {
    "verify": {"store": "{store}"},
    "replay": {"store": "{copy}"},
    "forget": {"store": "{copy}", "unit": "u1"},
    "set-default": {"store": "{copy}", "window": "60"},
    "status": {"store": "{copy}"},
    "ingest": {"store": "{copy}", "files": "{ratings}", "mapping": "{mapping}"},
    "evaluate": {"store": "{store}", "target": "uniform"},
    "compare": {"store": "{log}", "target": "logged"},
    "plan": {"sd": "1", "per_day": "10", "window": "7", "horizon": "1000"},
    "crossval": {"source": "{ratings}"},
    "snapshots list": {"store": "{store}"},
    "snapshots pin": {"store": "{copy}", "position": "1"},
    "snapshots export": {"store": "{store}", "position": "1", "file": "out"},
    "snapshots import": {"store": "{copy}", "file": "{mapping}"},
}
#: What a shell can pass, and what it is likely to.
WORDS = [
    *(value for make in TEXTS.values() if isinstance(value := make(), str) and "\0" not in value and len(value) < 1e5),
    *("nan", "inf", "-inf", "1e400", "9" * 400, "-1", "0", "1.5", "0x10", "1e-320", "{}", "[", "null", "true", "a=b"),
    *("=", "reward=", "=reward", "2026-13-45", "constant:", "policy:", 'policy:softmax:{"alpha": []}', "column:at:"),
    *("snapshot:-1", "sqlite://", "postgresql+psycopg://", "memory://x", "/dev/null", "/", "..", "--", "-x", "*"),
    *('softmax:{"max_columns": 1e300}', "river:{}", "none", "buy:", ":", "utf-16", "\\t", "\ud800", "tab", "uniform"),
]


def test_every_command_is_tried() -> None:
    assert commands().keys() == NEEDED.keys()
    for words, command in commands().items():
        required = {parameter.name for parameter in command.params if parameter.required}
        assert required <= NEEDED[words].keys(), words


def words_of(command: Any, values: dict[str, list[str]]) -> list[str]:
    """The words of a command line, from values by parameter."""
    found: list[str] = []
    for parameter in command.params:
        if (given := values.get(parameter.name)) is None:
            continue
        if parameter.param_type_name == "argument":
            found += given
        elif getattr(parameter, "is_flag", False):
            found.append(parameter.opts[0])
        else:
            found += [parameter.opts[0], *given]
    return found


@share(0.15)
@given(st.data())
def test_no_command_fails_but_in_words(places: Places, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(NEEDED)))
    command = commands()[name]
    copy = places.folder / "copy.db"
    copy.write_bytes((places.folder / "shop.db").read_bytes())
    known = {"store": places.folder / "shop.db", "copy": copy, "log": places.log, "ratings": places.ratings}
    known["mapping"] = places.folder / "mapping.json"
    values = {key: [value.format(**known)] for key, value in NEEDED[name].items()}
    options = [parameter for parameter in command.params if parameter.name != "help"]
    for parameter in data.draw(st.lists(st.sampled_from(options), min_size=1, max_size=2, unique_by=id)):
        count = getattr(parameter, "nargs", 1)
        words = data.draw(st.lists(st.sampled_from(WORDS), min_size=max(count, 1), max_size=max(count, 1)))
        values[parameter.name] = words
    done = CliRunner().invoke(app, [*name.split(), *words_of(command, values)])
    assert done.exit_code in (Status.DONE, Status.CHECK_FAILED, Status.WRONG_USE, Status.UNREADABLE), done.stderr
