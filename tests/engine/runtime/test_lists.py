"""Lists through the engine: exact draws, a log that proves itself, rewards by place, repeats, outages."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from scipy.stats import binom

from croupier import (
    Conflict,
    Engine,
    InputError,
    SoftmaxPolicy,
    Status,
    UniformPolicy,
    UnknownDecision,
    verify,
)
from croupier.log.ids import counted
from croupier.ratings import Catalogue
from croupier_policies import Actions, Policy
from croupier_policies.catalogue.lists import enumerate_marginals
from croupier_storage import Fact, Kind, StoreUnavailable, open_storage
from croupier_storage.sql.storage import SQLStorage

LISTS = 1500
ITEMS = Catalogue([f"i{k}" for k in range(6)], np.random.default_rng(0).normal(size=(6, 3)))


def taught(policy: Policy | None = None, url: str = "sqlite://") -> Engine:
    engine = Engine.open(url, seed=7, learner=None, policy=policy or SoftmaxPolicy(epsilon=0.3), ids=counted())
    for t in range(80):
        shown = engine.recommend(k=2, actions=ITEMS, context={"x": float(t % 4)}, unit=f"u{t % 5}")
        for decision in shown:
            engine.reward(decision.id, float(decision.action in ("i1", "i4")))
    return engine


def body(fact: Fact) -> dict[str, Any]:
    return dict(orjson.loads(fact.body or b"{}"))


def test_lists_are_drawn_as_often_as_their_probability_says() -> None:
    """Every list of three and every action at every place, by exact binomial bounds at one in a hundred thousand."""
    with taught() as engine:
        context = {"x": 1.0}
        policy, actions = engine.policy, ITEMS.actions
        marginal = enumerate_marginals(policy, context, actions, 3)
        shown = [engine.recommend(k=3, actions=ITEMS, context=context) for _ in range(LISTS)]
    for place in range(3):
        for k, id in enumerate(ITEMS.ids):
            hits = sum(one.actions[place] == id for one in shown)
            low, high = binom.interval(1 - 1e-5, LISTS, marginal[place, k])
            assert low <= hits <= high, (place, id)
    chances = {one.actions: float(np.prod([d.propensity for d in one])) for one in shown}
    for actions_, chance in chances.items():
        low, high = binom.interval(1 - 1e-5, LISTS, chance)
        assert low <= sum(one.actions == actions_ for one in shown) <= high, actions_
    for one in shown[:50]:
        for place, (decision, logged) in enumerate(zip(one, one.marginals, strict=True)):
            assert logged == pytest.approx(marginal[place, ITEMS.ids.index(decision.action)], abs=1e-12)


def test_the_log_proves_itself_and_opens_to_the_same_state(url: str) -> None:
    with taught(url=url) as engine:
        engine.recommend(k=5, actions=ITEMS, exclude=["i0"], unit="u1")
        engine.recommend(k=2, actions=["a", "b", "c"], unit="u2")
        engine.recommend(k=3, actions={"a": {"price": 1.0}, "b": {"price": 2.0}, "c": None})
        hash = engine.state_hash()
    found = verify(url)
    assert found.sound, found.difference
    assert found.decisions == 170
    with Engine.open(url, learner=None, policy=SoftmaxPolicy(epsilon=0.3)) as engine:
        assert engine.state_hash() == hash
    with open_storage(url, create=False, read_only=True) as storage:
        sets = {fact.actions for fact in storage.facts(kinds=[Kind.DECISION.value])}
        assert len(sets) == 3, "the catalogue is stored once, whatever was left out of it"


def test_what_earlier_places_took_is_no_candidate(url: str) -> None:
    with taught(url=url):
        pass
    with open_storage(url, create=False, read_only=True) as storage:
        facts = [fact for fact in storage.facts(kinds=[Kind.DECISION.value]) if "without" in body(fact)]
    assert len(facts) == 80  # the second place of every list
    for fact in facts:
        assert body(fact)["place"] == 2
        assert len(body(fact)["without"]) == 1
        assert fact.action not in body(fact)["without"]


def test_each_place_is_rewarded_by_itself() -> None:
    with taught() as engine:
        shown = engine.recommend(k=3, actions=ITEMS, unit="u1")
        assert [decision.id for decision in shown] == [f"{shown.id}/{place}" for place in (1, 2, 3)]
        assert engine.reward(shown[1].id, 1.0).status is Status.APPLIED
        assert engine.reward(f"{shown.id}/3", 0.0).status is Status.APPLIED
        with pytest.raises(UnknownDecision):
            engine.reward(shown.id, 1.0)
        assert len({decision.as_of for decision in shown}) == 1
        assert len(set(shown.actions)) == 3


def test_longer_lists_log_conditional_probabilities_only() -> None:
    with taught(UniformPolicy()) as engine:
        shown = engine.recommend(k=6, actions=ITEMS)
    assert shown.marginals == (None,) * 6
    assert [decision.propensity for decision in shown] == pytest.approx([1 / 6, 1 / 5, 1 / 4, 1 / 3, 1 / 2, 1.0])
    assert sum(shown[2].propensities.values()) == pytest.approx(1.0)


def test_an_id_asked_again_gives_the_same_list(url: str) -> None:
    with taught(url=url) as engine:
        asked: dict[str, Any] = {"k": 3, "actions": ITEMS, "id": "mine", "context": {"x": 1.0}, "unit": "u"}
        first = engine.recommend(**asked)
        engine.reward("mine/1", 1.0)
        again = engine.recommend(**asked)
        assert (again.actions, again.marginals) == (first.actions, first.marginals)
        assert engine.recommend(**asked | {"k": 4}).actions[:3] == first.actions
        for changed in ({"context": {"x": 2.0}}, {"unit": "v"}, {"exclude": ["i2"]}):
            with pytest.raises(Conflict):
                engine.recommend(**asked | changed)
    assert verify(url).sound


@pytest.mark.parametrize("k", [0, 7, True, 1.0])
def test_places_that_cannot_be_filled_are_refused(k: int) -> None:
    with taught() as engine:
        position = engine.position
        with pytest.raises(InputError, match="places"):
            engine.recommend(k=k, actions=ITEMS)
        with pytest.raises(InputError, match="excluded"):
            engine.recommend(k=1, actions=ITEMS, exclude=ITEMS.ids)
        assert engine.position == position


def test_a_catalogue_is_checked_and_named_by_its_content() -> None:
    features = np.random.default_rng(0).normal(size=(6, 3))
    assert Catalogue(ITEMS.ids, features).version == ITEMS.version
    assert Catalogue(ITEMS.ids, features + 1e-9).version != ITEMS.version
    assert Catalogue.of({"a": {"price": 1}, "b": None}).actions.rows == ({"price": 1.0}, {})
    assert Catalogue(["a", "b"]).actions.rows is None
    features[:] = 0.0
    assert Catalogue(ITEMS.ids, features).version != ITEMS.version
    assert ITEMS.encode(["i2", "unknown"]).actions.ids == ("i0", "i1", "i3", "i4", "i5")


@pytest.mark.parametrize(
    ("ids", "rows"),
    [
        (["a", "a"], None),
        ([], None),
        (["a"], [[1.0], [2.0]]),
        (["a"], [[np.nan]]),
        (["a", "b"], [[1.0], [1.0, 2.0]]),
        (["a", ""], None),
    ],
)
def test_a_catalogue_that_cannot_be_meant_is_refused(ids: list[str], rows: list[list[float]] | None) -> None:
    with pytest.raises(InputError):
        Catalogue(ids, rows)


def test_what_is_known_of_a_unit_goes_with_it(url: str) -> None:
    with taught(url=url) as engine:
        engine.flush()
        assert engine.forget("u1") > 0
        assert engine.recommend(k=2, actions=ITEMS, unit="u1").actions
    assert verify(url).sound
    assert isinstance(ITEMS.actions, Actions)


def test_a_list_of_which_a_crash_kept_the_first_place_is_completed(url: str) -> None:
    with taught(url=url) as engine:
        engine.choose({"x": 1.0}, ITEMS, id="cut/1", unit="u")  # what is left of a list whose other places were lost
        shown = engine.recommend(k=3, actions=ITEMS, id="cut", context={"x": 1.0}, unit="u")
        assert len(set(shown.actions)) == 3
        assert shown.marginals == (None,) * 3, "its places were drawn from more than one state"
        assert engine.recommend(k=3, actions=ITEMS, id="cut", context={"x": 1.0}, unit="u").actions == shown.actions
    assert verify(url).sound


def test_lists_go_on_while_the_store_is_away(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> None:
        raise StoreUnavailable("the disk is full; nothing was written. Free some space")

    with Engine.open(url, learner=None, seed=7, durability="commit", on_store_failure="serve", ids=counted()) as engine:
        assert engine.recommend(k=2, actions=ITEMS)[0].logged
        with monkeypatch.context() as patch:
            patch.setattr(SQLStorage, "append", failing)
            shown = engine.recommend(k=3, actions=ITEMS)
            assert not any(decision.logged for decision in shown)
            assert len(set(shown.actions)) == 3
            assert engine.reward(shown[2].id, 1.0).status is Status.UNLOGGED
    assert verify(url).decisions == 5  # the list waited in memory, and was written when the store was back
