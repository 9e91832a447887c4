"""A catalogue of hundreds of items through the engine: learned, listed, proved, reopened, forgotten."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from scipy.stats import binom

from croupier import Catalogue, CataloguePolicy, Drift, Engine, FactorLearner, Recommendation, verify
from croupier.log.ids import counted
from croupier_policies.catalogue.lists import marginals
from croupier_storage import Kind, open_storage

ITEMS = Catalogue([f"i{k}" for k in range(300)], np.random.default_rng(0).normal(size=(300, 8)))
FEW = Catalogue([f"i{k}" for k in range(12)], np.random.default_rng(0).normal(size=(12, 8)))


def opened(url: str, **more: Any) -> Engine:
    given = {"policy": CataloguePolicy(), "learner": FactorLearner(rank=4), "seed": 5, "ids": counted()}
    return Engine.open(url, **{**given, **more})


def live(engine: Engine, lists: int = 150) -> Recommendation:
    """Users who like what their number divides."""
    for t in range(lists):
        unit, context = f"u{t % 7}", {"hour": float(t % 24)}
        shown = engine.recommend(k=1 + t % 3, actions=ITEMS if t % 5 else FEW, unit=unit, context=context)
        for decision in shown:
            engine.reward(decision.id, float(int(decision.action[1:]) % (2 + t % 7) == 0))
        engine.choose(context, ITEMS, unit=unit, exclude=shown.actions)
    return shown


def test_the_log_proves_itself_and_opens_to_the_same_state(url: str) -> None:
    with opened(url) as engine:
        live(engine)
        hash = engine.state_hash()
        engine.rebase()
    found = verify(url)
    assert found.sound, found.difference
    assert found.decisions == 450
    with open_storage(url, create=False, read_only=True) as storage:
        bodies = [len(body) for body in storage.action_sets([bytes.fromhex(ITEMS.version)]).values()]
        contexts = {bytes(fact.context or b"") for fact in storage.facts(kinds=[Kind.DECISION.value])}
        largest = max(len(fact.body or b"") for fact in storage.facts(kinds=[Kind.DECISION.value]))
    assert bodies[0] > 300 * 8 * 8
    assert largest < 200, "a decision keeps its own probabilities, no vector of hundreds"
    assert all(orjson.loads(context)["unit"] in {f"u{k}" for k in range(7)} for context in contexts)
    with opened(url) as engine:
        assert engine.state_hash() == hash, "what was learned at once is what the effective facts teach"
        engine.forget("u3")
        policy = engine.policy
        assert isinstance(policy, CataloguePolicy)
        assert "u3" not in policy.state()["users"]["names"]
    assert verify(url).sound


def test_places_are_drawn_as_often_as_their_marginal_says() -> None:
    """In a thousand lists over twelve items, by exact binomial bounds at one in a hundred thousand a cell."""
    lists = 1000
    with opened("sqlite://") as engine:
        live(engine)
        context = {"unit": "u1", "hour": 3.0}
        found = marginals(engine.policy.odds(context, FEW.actions), 3)  # type: ignore[arg-type] # this policy has odds
        shown = [engine.recommend(k=3, actions=FEW, unit="u1", context={"hour": 3.0}) for _ in range(lists)]
    assert found.max() > 0.3
    for place in range(3):
        for k, id in enumerate(FEW.ids):
            low, high = binom.interval(1 - 1e-5, lists, found[place, k])
            assert low <= sum(one.actions[place] == id for one in shown) <= high, (place, id)
    logged = [(one.marginals[s], found[s, FEW.ids.index(one.actions[s])]) for one in shown for s in range(3)]
    assert [one for one, _ in logged] == pytest.approx([other for _, other in logged], abs=1e-12)


def test_a_unit_given_in_the_context_stands() -> None:
    with opened("sqlite://") as engine:
        engine.reward(engine.choose({"unit": "household-1"}, FEW, unit="u1").id, 1.0)
        engine.reward(engine.choose({}, FEW, unit="u2").id, 1.0)
        engine.reward(engine.choose({}, FEW).id, 1.0)
        assert engine.policy.state()["users"]["names"] == ["household-1", "u2"]


def turned(engine: Engine) -> int:
    """How often "turns" is shown what it likes in the 120 decisions after its taste has turned; "stays" likes on."""
    hits = 0
    for t in range(240):
        for unit in ("turns", "stays"):
            decision = engine.choose({}, FEW, unit=unit)
            liked = decision.action in (("i1", "i4") if t < 120 or unit == "stays" else ("i7", "i9"))
            engine.reward(decision.id, float(liked))
            hits += liked and unit == "turns" and t >= 120
    return hits


def test_a_user_whose_taste_turns_is_followed_faster_where_drift_is_watched(url: str) -> None:
    """The drift of a unit is a fact, at which the policy forgets that user's taste and no other's."""
    drift = Drift(unit={"name": "page-hinkley", "delta": 0.05, "threshold": 1.0, "min_instances": 10})
    watched, unwatched = [], []
    for seed in range(4):
        for hits, watch in ((unwatched, None), (watched, drift)):
            with opened("sqlite://", seed=seed, drift=watch) as engine:
                hits.append(turned(engine))
    assert [one >= other for one, other in zip(watched, unwatched, strict=True)] == [True] * 4
    assert sum(watched) > 2 * sum(unwatched)
    with opened(url, drift=drift) as engine:
        turned(engine)
        hash = engine.state_hash()
    with open_storage(url, create=False, read_only=True) as storage:
        units = {fact.unit for fact in storage.facts(kinds=[Kind.DRIFT.value])}
    assert "turns" in units
    assert "stays" not in units
    assert verify(url).sound
    with opened(url, drift=drift) as engine:
        assert engine.state_hash() == hash
