"""Contexts and features with several values under a name, through the whole engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import croupier.log.encoding as log_encoding
from croupier import (
    BagPolicy,
    Catalogue,
    CataloguePolicy,
    Conflict,
    Engine,
    Experiment,
    FactorLearner,
    Features,
    InputError,
    InverseGapPolicy,
    RiverPolicy,
    SoftmaxPolicy,
    Text,
    UniformPolicy,
    VWPolicy,
    evaluate,
    study,
    verify,
)
from croupier.evaluation.datasets import Csv, StoreRows, evaluate_dataset, to_csv, to_dsjson
from croupier.log import packing
from croupier.log.private import PrivateFields
from croupier.log.reader import Log
from croupier.log.validation import CandidateSets
from croupier_policies import HybridModel, LinearPolicy, LogisticModel, Policy
from croupier_policies.checks.states import bitwise_equal
from croupier_storage import open_storage, references

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(6, 384)).astype(np.float32)


def context(t: int) -> dict[str, Any]:
    return {
        "hour": t % 24,
        "member": t % 3 == 0,
        "tags": ["new", f"t{t % 4}"],
        "basket": {"tea": t % 3, "milk": 1},
        "title": Text("Running shoes, red" if t % 2 else "Tea, red"),
        "embedding": VECTORS[t % 6, :4],
        "nothing": None,
    }


def items(t: int) -> dict[str, Any]:
    return {f"a{k}": {"vector": VECTORS[k], "tags": ["x" if k % 2 else "y"]} for k in range(t % 3, t % 3 + 3)}


def run(engine: Engine, events: int, actions: Any = ("a", "b")) -> None:
    for t in range(events):
        decision = engine.choose(context(t), actions(t) if callable(actions) else actions, id=f"d{t}", unit=f"u{t % 5}")
        engine.reward(decision.id, float(decision.action.endswith(("a", "1")) == bool(t % 2)))


POLICIES: list[Policy] = [
    SoftmaxPolicy(),
    InverseGapPolicy(),
    LinearPolicy(model=LogisticModel()),
    LinearPolicy(model=HybridModel(max_columns=64)),
    CataloguePolicy(),
    BagPolicy(size=2),
    RiverPolicy(),
    UniformPolicy(),
]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_every_policy_learns_from_it_and_verifies(url: str, policy: Policy) -> None:
    with Engine.open(url, policy=policy, seed=7) as engine:
        run(engine, 12)
        run_with = {f"a{k}": {"vector": VECTORS[k, :4], "tags": ["x"], "c": {"n": k}} for k in range(3)}
        decision = engine.choose(context(12), run_with)
        engine.reward(decision.id, 1.0)
        state = engine.state_hash()
        assert engine.verify().sound
    with Engine.open(url, policy=policy.fresh(), seed=7) as engine:
        assert engine.state_hash() == state


def test_vowpal_wabbit_learns_from_it(url: str) -> None:
    pytest.importorskip("vowpalwabbit")
    with Engine.open(url, policy=VWPolicy(), learner=FactorLearner(), seed=7) as engine:
        run(engine, 8)
        run_with = {f"a{k}": {"vector": VECTORS[k, :4], "tags": ["x"]} for k in range(3)}
        engine.reward(engine.choose(context(9), run_with).id, 1.0)


def test_the_policy_had_what_a_reader_of_the_log_has(url: str) -> None:
    seen: list[Any] = []

    class Watching(UniformPolicy):
        name = "watching"

        def probabilities(self, context: Any, actions: Any) -> Any:
            seen.append((context, actions.rows))
            return super().probabilities(context, actions)

    with Engine.open(url, policy=Watching(), learner=None, seed=7) as engine:
        run(engine, 6, items)
        engine.flush()
        asked = list(seen)
    with open_storage(url, create=False, read_only=True) as storage:
        decoded = Log(storage).decoded(fact for fact in storage.facts() if fact.kind == "decision")
        read = [(decision.context, decision.actions.rows) for _, decision in decoded]
    assert bitwise_equal(asked, read)
    assert set(asked[0][0]) == {"basket", "embedding", "hour", "member", "tags", "title"}
    assert type(asked[0][0]["title"]) is Text


def _bodies(url: str) -> tuple[dict[bytes, bytes], int]:
    with open_storage(url, create=False, read_only=True) as storage:
        sets = storage.action_sets([fact.actions for fact in storage.facts() if fact.actions is not None])
        inside = {item for body in sets.values() for item in references(body)[0]}
        return storage.action_sets(sorted(inside)), sum(map(len, sets.values()))


def test_the_vector_of_an_item_is_stored_once(url: str) -> None:
    with Engine.open(url, policy=UniformPolicy(), learner=None, seed=7) as engine:
        for t in range(12):
            engine.choose({}, {f"a{k}": {"v": VECTORS[k]} for k in range(6) if k != t % 6})
    features, sets = _bodies(url)
    assert len(features) == 6
    assert sum(map(len, features.values())) < 6 * (4 * 384 + 30)
    assert sets < 6 * 150


def test_the_vector_of_an_item_is_in_memory_once() -> None:
    sets = CandidateSets()
    one, other = (sets.encode({id: {"v": VECTORS[0].copy()} for id in ids}, ()) for ids in ("ab", "bc"))
    assert len({id(row) for each in (one, other) for row in each.actions.rows or ()}) == 1


def test_a_store_is_forgotten_with_what_only_the_unit_was_shown(url: str) -> None:
    with Engine.open(url, policy=UniformPolicy(), learner=None, seed=7) as engine:
        engine.choose({}, {"a": {"v": VECTORS[0]}, "b": {"v": VECTORS[1]}}, unit="gone")
        engine.choose({}, {"b": {"v": VECTORS[1]}, "c": {"v": VECTORS[2]}}, unit="stays")
        engine.flush()
        assert len(_bodies(url)[0]) == 3
        engine.forget("gone")
        assert len(_bodies(url)[0]) == 2
        engine.choose({}, {"a": {"v": VECTORS[0]}}, unit="again")  # the features of "a" are written again
    assert len(_bodies(url)[0]) == 3
    assert verify(url, policy=UniformPolicy(), learner=None).sound


def test_a_catalogue_of_mappings_with_arrays(url: str) -> None:
    films = Catalogue(["a", "b"], [{"v": VECTORS[0], "tags": ["x"]}, {"v": VECTORS[1]}])
    with Engine.open(url, policy=UniformPolicy(), learner=None, seed=7) as engine:
        for _ in range(3):
            engine.choose({}, films, exclude=["a"])
        assert engine.verify().sound
    assert len(_bodies(url)[0]) == 2


def test_an_old_id_asked_again_is_the_same_decision(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older versions wrote 8 bytes for every number, and the features of actions as lists in the set."""
    vector, actions = np.array([0.5, 2.0], dtype=np.float32), {"a": [0.5], "b": [2.0]}
    with monkeypatch.context() as patch:
        patch.setattr(packing, "width_of", lambda array: 8)
        patch.setattr(log_encoding, "_has_array", lambda row: False)
        patch.setattr(
            packing,
            "pack",
            lambda value, argument: log_encoding.encode_json(
                [[id, row.tolist()] for id, row in value] if isinstance(value, list) else value, argument
            ),
        )
        with Engine.open(url, policy=UniformPolicy(), learner=None, seed=7) as engine:
            first = engine.choose(vector, actions, id="d1")
    with open_storage(url, create=False, read_only=True) as storage:
        fact = storage.decision("d1")
        assert fact is not None
        assert fact.context == b"\x01" + vector.astype(np.float64).tobytes()
        assert storage.action_sets([fact.actions or b""]) == {fact.actions: b'[["a",[0.5]],["b",[2.0]]]'}
    with Engine.open(url, policy=UniformPolicy(), learner=None, seed=7) as engine:
        assert engine.choose(vector, actions, id="d1").action == first.action
        for changed in ({"context": [0.5, 3.0]}, {"actions": {"a": [0.5], "b": [3.0]}}):
            with pytest.raises(Conflict):
                engine.choose(**({"context": vector, "actions": actions, "id": "d1"} | changed))
        assert engine.verify().sound


def test_an_id_asked_again_with_another_value_is_refused(url: str) -> None:
    with Engine.open(url, policy=UniformPolicy(), learner=None, seed=7) as engine:
        decision = engine.choose(context(0), ["a", "b"], id="d1")
        again = context(0) | {"basket": {"milk": 1.0}, "tags": ("new", "t0"), "empty": []}
        assert engine.choose(again, ["a", "b"], id="d1").action == decision.action
        for name, value in (("tags", ["t0", "new"]), ("title", "Tea, red"), ("basket", {"milk": 2})):
            with pytest.raises(Conflict):
                engine.choose(context(0) | {name: value}, ["a", "b"], id="d1")


def test_private_values_are_hidden_one_by_one(tmp_path: Path) -> None:
    url, key = f"sqlite:///{tmp_path / 'private.db'}", b"a secret of 16 bytes or more"
    names = ["tags", "basket", "title", "embedding"]
    with Engine.open(url, policy=UniformPolicy(), seed=7, private=names, private_key=key) as engine:
        engine.choose(context(0), {"a": {"tags": ["secret"]}, "b": None})
        engine.observe("u", "visit", tags="secret")
    content = (tmp_path / "private.db").read_bytes()
    assert all(word not in content for word in (b"milk", b"Tea", b"secret", b'"new"', VECTORS[0, :4].tobytes()))
    fields = PrivateFields(names, key)
    hidden = fields.hide({"tags": ["a", "b"], "basket": {"a": 1.0}, "title": Text("a"), "embedding": np.ones(2)})
    assert hidden["tags"] == [fields.hide({"tags": tag})["tags"] for tag in ("a", "b")]  # type: ignore[index]
    assert all(type(hidden[name]) is str and len(hidden[name]) == 32 for name in names[1:])  # type: ignore[index,arg-type]


def test_features_of_units_are_added_to_it(url: str) -> None:
    with Engine.open(url, policy=SoftmaxPolicy(), features=Features(), seed=7) as engine:
        engine.observe("u1", "view", "a", at=0.0)
        decision = engine.choose(context(1), ["a", "b"], unit="u1", id="d", at=1.0)
        engine.reward(decision.id, 1.0, at=2.0)
        assert engine.choose(context(1), ["a", "b"], unit="u1", id="d", at=1.0).action == decision.action
        assert engine.verify().sound


def test_counts_do_not_overwrite_features_of_units(url: str) -> None:
    with Engine.open(url, policy=UniformPolicy(), features=Features(), seed=7) as engine:
        for context in ({"c": {"count.view": 5}}, {"c.count.view": 5}):
            with pytest.raises(InputError, match="reserved"):
                engine.choose(context, ["a"])
        engine.choose({"c": ["x"]}, ["a"])


@pytest.mark.parametrize("value", [Text("a b"), {"a": 1}, {"a"}])
def test_an_observation_takes_one_value_or_a_vector(url: str, value: Any) -> None:
    with (
        Engine.open(url, policy=UniformPolicy(), seed=7) as engine,
        pytest.raises(InputError, match="computed from numbers, strings, booleans and vectors"),
    ):
        engine.observe("u1", "view", x=value)


def test_what_is_exported_is_what_is_read_again(url: str, tmp_path: Path) -> None:
    with Engine.open(url, policy=SoftmaxPolicy(), seed=7) as engine:
        run(engine, 40)
        run_with = {f"a{k}": {"vector": VECTORS[k, :4], "tags": ["x"], "t": Text("T")} for k in range(3)}
        engine.reward(engine.choose(context(1), run_with).id, 1.0)
    to_csv(StoreRows(url), tmp_path / "log.csv")
    rows = [row for dataset in (StoreRows(url), Csv(tmp_path / "log.csv")) for row in _decisions(dataset)]
    assert bitwise_equal(rows[:41], rows[41:])
    assert to_dsjson(StoreRows(url, distributions=True), tmp_path / "log.dsjson") == 41
    assert b'"tags=new":"true"' in (tmp_path / "log.dsjson").read_bytes()


def _decisions(dataset: Any) -> list[Any]:
    rounds = [round for batch in dataset.batches() for round in batch.rounds()]
    return [(each.decision.context, each.decision.actions.ids, each.decision.actions.rows) for each in rounds]


def test_decisions_are_segmented_by_one_value_only(url: str) -> None:
    with Engine.open(url, policy=UniformPolicy(), seed=7) as engine:
        engine.experiments.start(Experiment("e", {"x": None, "y": UniformPolicy()}, window=100.0))
        run(engine, 30)
    assert evaluate(url, ["uniform"], segment="member")
    assert study(url, "e", segment="member")
    for call in (lambda: evaluate(url, ["uniform"], segment="tags"), lambda: study(url, "e", segment="basket")):
        with pytest.raises(InputError, match="several values in one context"):
            call()
    with pytest.raises(InputError, match="several values in one context"):
        evaluate_dataset(StoreRows(url), ["uniform"], segment="embedding")
