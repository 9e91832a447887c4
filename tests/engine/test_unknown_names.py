"""A name that does not exist is an error that lists those that do, in every function and command that takes names."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from typer.testing import CliRunner

from croupier import (
    ConstantPolicy,
    CroupierError,
    Drift,
    Engine,
    Experiment,
    Features,
    Rewards,
    UniformPolicy,
    compare,
    evaluate,
    study,
)
from croupier.cli.app import app
from croupier.evaluation.datasets import (
    Dataset,
    compare_dataset,
    evaluate_dataset,
    evaluate_partition,
    from_frame,
    from_path,
)
from croupier.ingestion import Mapping
from croupier.ratings.dataset import from_file, from_store
from croupier.ratings.models import select_raters
from croupier.replay import replay

TABLE = {"reward": [0.0, 1.0] * 100, "propensity": [0.5] * 200, "action": ["a", "b"] * 100, "page": ["home"] * 200}


class Sources(NamedTuple):
    """A store with an experiment and observations, its engine, and the same names in other forms."""

    folder: Path
    url: str
    frame: Dataset
    csv: Path
    ratings: Path
    engine: Engine


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("names")
    csv, ratings = folder / "log.csv", folder / "ratings.csv"
    csv.write_text("\n".join(",".join(map(str, row)) for row in (TABLE, *zip(*TABLE.values(), strict=True))))
    ratings.write_text("user,item,stars\n" + "\n".join(f"u{k % 9},i{k % 7},{k % 5}" for k in range(60)))
    (folder / "mapping.json").write_text('{"unit": "user", "kind": "typo", "at": "stars"}')
    for url in (f"sqlite:///{folder}/shop.db", f"sqlite:///{folder}/open.db"):
        clock = itertools.count(1000.0).__next__
        engine = Engine.open(url, policy=UniformPolicy(), seed=7, clock=clock)
        variants = {"old": None, "new": ConstantPolicy(action="b")}
        engine.experiments.start(Experiment("banner", variants, window=20.0))
        for k in range(60):
            decision = engine.choose({"device": "phone"}, ["a", "b"], unit=f"u{k}")
            engine.reward(decision.id, float(decision.action == "b"))
            engine.observe(f"u{k}", "buy", "a", price=2.0)
        engine.snapshots.take()
        if url.endswith("shop.db"):
            engine.close()
    with engine:
        yield Sources(folder, f"sqlite:///{folder}/shop.db", from_frame(TABLE), csv, ratings, engine)


def _data(s: Sources, targets: list[str], **options: Any) -> object:
    return compare_dataset(s.frame, targets, estimator="snips", **options)


#: By what is asked, a call and a part of the message: what there is.
CALLS: dict[str, tuple[Callable[[Sources], object], str]] = {
    "evaluate: target": (lambda s: evaluate(s.url, ["typo"]), "uniform, constant:ACTION"),
    "evaluate: action": (lambda s: evaluate(s.url, ["constant:typo"]), "'a', 'b'"),
    "evaluate: snapshot": (lambda s: evaluate(s.url, ["snapshot:1"]), r"it has: \d"),
    "evaluate: policy": (lambda s: evaluate(s.url, ["policy:typo"]), "softmax, uniform"),
    "evaluate: argument": (lambda s: evaluate(s.url, ['policy:softmax:{"typo": 1}']), "epsilon"),
    "evaluate: estimator": (lambda s: evaluate(s.url, ["uniform"], estimators=["typo"]), "snips"),
    "evaluate: interval": (lambda s: evaluate(s.url, ["uniform"], intervals=["typo"]), "bootstrap"),
    "evaluate: segment": (lambda s: evaluate(s.url, ["uniform"], segment="typo"), "'device'"),
    "evaluation: target": (lambda s: evaluate(s.url, ["uniform"])["typo"], "'uniform'"),
    "compare: action": (lambda s: compare(s.url, ["constant:typo", "uniform"]), "'a', 'b'"),
    "compare: policy": (lambda s: compare(s.url, ["policy:typo", "uniform"]), "softmax, uniform"),
    "compare: estimator": (lambda s: compare(s.url, ["uniform", "logged"], estimator="typo"), "snips"),
    "compare: segment": (lambda s: compare(s.url, ["uniform", "logged"], segment="typo"), "'device'"),
    "study: experiment": (lambda s: study(s.url, "typo"), "'banner'"),
    "study: metric": (lambda s: study(s.url, metrics=["typo"]), "'buy', 'buy:price'"),
    "study: attribute": (lambda s: study(s.url, metrics=["buy:typo"]), "'buy', 'buy:price'"),
    "study: segment": (lambda s: study(s.url, segment="typo"), "'device'"),
    "study: contrast": (lambda s: study(s.url).contrast("typo"), "'new'"),
    "data set: target": (lambda s: evaluate_dataset(s.frame, ["typo"]), "column:P"),
    "data set: action": (lambda s: evaluate_dataset(s.frame, ["constant:typo"]), "'a', 'b'"),
    "data set: column": (lambda s: evaluate_dataset(s.frame, ["column:typo"]), "page"),
    "data set: estimates": (lambda s: evaluate_dataset(s.frame, ["column:page:typo"]), "page"),
    "data set: policy": (lambda s: evaluate_dataset(s.frame, ["policy:typo"]), "softmax, uniform"),
    "data set: estimator": (lambda s: evaluate_dataset(s.frame, ["logged"], estimators=["typo"]), "snips"),
    "data set: interval": (lambda s: evaluate_dataset(s.frame, ["logged"], intervals=["typo"]), "bootstrap"),
    "data set: segment": (lambda s: evaluate_dataset(s.frame, ["logged"], segment="typo"), "action, page"),
    "partition: segment": (lambda s: evaluate_partition(s.frame, ["logged"], segment="typo"), "action, page"),
    "data sets: action": (lambda s: _data(s, ["logged", "constant:typo"]), "'a', 'b'"),
    "data sets: segment": (lambda s: _data(s, ["logged", "constant:a"], segment="typo"), "action, page"),
    "frame: role": (lambda s: from_frame(TABLE, {"typo": "reward"}), "propensity, action, candidates"),
    "frame: column": (lambda s: from_frame(TABLE, {"reward": "typo"}), "action, page"),
    "frame: feature": (lambda s: from_frame(TABLE, features=["typo"]), "action, page"),
    "file: column": (lambda s: from_path(s.csv, {"reward": "typo"}), "action, page"),
    "file: feature": (lambda s: from_path(s.csv, features=["typo"]), "action, page"),
    "replay: policy": (lambda s: replay(s.url, policy="typo"), "softmax, uniform"),
    "replay: learner": (lambda s: replay(s.url, learner="typo"), "factors, river"),
    "replay: policy as learner": (lambda s: replay(s.url, learner="softmax"), "factors, river"),
    "ratings: model": (lambda s: select_raters(["typo"]), "popularity"),
    "ratings: role": (lambda s: from_file(s.ratings, {"typo": "stars"}), "user, item, value"),
    "ratings: column": (lambda s: from_file(s.ratings, {"value": "typo"}), "user, item, stars"),
    "ratings: kind": (lambda s: from_store(s.url, "typo", "price"), "'buy:price'"),
    "ratings: attribute": (lambda s: from_store(s.url, "buy", "typo"), "'buy:price'"),
    "experiment: weights": (lambda s: s.engine.experiments.set_weights({"typo": 1}), "'new', 'old'"),
    "experiment: candidate": (lambda s: s.engine.experiments.evaluate_promotion("typo"), "'new'"),
    "experiment: advance": (lambda s: s.engine.experiments.advance("typo"), "'new'"),
    "experiment: promote": (lambda s: s.engine.experiments.promote("typo"), "'new'"),
    "snapshots: pin": (lambda s: s.engine.snapshots.pin(12_345), r"the store has: \d"),
    "snapshots: export": (lambda s: s.engine.snapshots.export(12_345, s.folder / "x"), r"the store has: \d"),
    "options: aggregate": (lambda s: Rewards(aggregate="typo"), '"sum", "mean"'),  # type: ignore[arg-type]
    "options: encoding": (lambda s: Features(numbers={"price": "typo"}), '"standard", "min-max"'),  # type: ignore[dict-item]
    "options: detector": (lambda s: Drift(all={"name": "typo"}), '"adwin" or "page-hinkley"'),
    "options: durability": (lambda s: Engine.open("sqlite://", durability="typo"), '"group", "commit"'),
    "mapping: field": (lambda s: Mapping.of({"unit": "u", "kind": "k", "at": "t", "typo": "x"}), "'item'"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_function_lists_the_names_that_exist(name: str, sources: Sources) -> None:
    call, present = CALLS[name]
    with pytest.raises(CroupierError, match=present) as caught:
        call(sources)
    assert re.search("typo|12345|position 1;|learner .softmax.", str(caught.value))


COMMANDS = {
    "evaluate {store} -t typo": "uniform, constant:ACTION",
    "evaluate {store} -t constant:typo": "'a', 'b'",
    "evaluate {store} -t uniform --segment typo": "'device'",
    "evaluate {store} -t uniform --estimator typo": "snips",
    "evaluate {store} -t uniform --interval typo": "bootstrap",
    "evaluate {csv} -t logged --segment typo": "action, page",
    "evaluate {csv} -t column:typo": "page",
    "evaluate {csv} -t logged --column reward=typo": "action, page",
    "evaluate {csv} -t logged --column typo=reward": "propensity, action",
    "evaluate {csv} -t logged --feature typo": "action, page",
    "evaluate {csv} -t logged --fail-on typo": "refused",
    "compare {store} -t uniform -t constant:typo": "'a', 'b'",
    "compare {store} -t uniform -t logged --segment typo": "'device'",
    "compare {store} --experiment typo": "'banner'",
    "compare {store} --metric typo": "'buy', 'buy:price'",
    "compare {store} --segment typo": "'device'",
    "compare {csv} -t logged -t constant:a --segment typo": "action, page",
    "crossval {ratings} --model typo": "popularity",
    "crossval {ratings} --column value=typo": "user, item, stars",
    "crossval {store} --kind typo": "'buy:price'",
    "crossval {store} --kind buy --attribute typo": "'buy:price'",
    "replay {store} --policy typo": "softmax, uniform",
    "replay {store} --learner typo": "factors, river",
    "snapshots pin {store} 12345": r"the store has: \d",
    "snapshots export {store} 12345 {folder}/x": r"the store has: \d",
    "ingest {folder}/new.db {ratings} --mapping {folder}/mapping.json": "'user', 'item', 'stars'",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_lists_the_names_that_exist(command: str, sources: Sources) -> None:
    places = {"store": sources.folder / "shop.db", "csv": sources.csv, "ratings": sources.ratings}
    done = CliRunner().invoke(app, command.format(folder=sources.folder, **places).split())
    assert done.exit_code == 2
    assert re.search(COMMANDS[command], done.stderr), done.stderr
    assert re.search("typo|12345", done.stderr)


@pytest.mark.parametrize(("source", "segment"), [("{csv}", "page"), ("{csv}", "action"), ("{store}", "device")])
def test_targets_are_compared_within_segments(source: str, segment: str, sources: Sources) -> None:
    path = source.format(csv=sources.csv, store=sources.folder / "shop.db")
    words = ["compare", path, "-t", "logged", "-t", "constant:a", "--estimator", "snips", "--segment", segment]
    done = CliRunner().invoke(app, [*words, "--json", "--html", str(sources.folder / "page.html")])
    assert done.exit_code == 0, done.output
    names, counts = np.unique(TABLE[segment] if source == "{csv}" else ["phone"] * 60, return_counts=True)
    for target in json.loads(done.stdout)["evaluation"]["targets"]:
        found = {each["segment"]: each["rows"] for each in target["segments"]}
        assert found == dict(zip(names.tolist(), counts.tolist(), strict=True))
    assert (sources.folder / "page.html").read_text().count("By segment") == 2
    assert "By segment" in CliRunner().invoke(app, words).stdout
