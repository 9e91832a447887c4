"""Every public call as an application would write it, for the type checkers; never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_type

import numpy as np

from croupier import (
    Catalogue,
    CataloguePolicy,
    ConstantPolicy,
    CroupierError,
    Decision,
    Drift,
    Engine,
    FactorLearner,
    Features,
    InverseGapPolicy,
    Outcome,
    Recommendation,
    RiverLearner,
    SoftmaxPolicy,
    Status,
    UniformPolicy,
    Verification,
    truncated_svd,
    verify,
)
from croupier.ingestion import IngestionCounts, ingest


def loop() -> None:
    with Engine.open("sqlite:///shop.db", policy=SoftmaxPolicy(alpha=0.5), seed=7) as engine:
        assert_type(engine, Engine)
        decision = engine.choose({"device": "mobile", "hour": 14, "new": True, "x": None}, ["sale", "new"], unit="u")
        assert_type(decision, Decision)
        assert_type(decision.id, str)
        assert_type(decision.action, str)
        assert_type(decision.propensity, float)
        assert_type(decision.propensities, Mapping[str, float])
        outcome = engine.reward(decision.id, 1, key="k", at=0.0)
        assert_type(outcome, Outcome)
        assert_type(outcome.status, Status)
        engine.choose(np.zeros(3), {"a": {"price": 1.5}, "b": None}, exclude={"a"})
        engine.choose([1.0, 2.0], ("a", "b"), id="mine")
        engine.flush()
        assert_type(engine.state_hash(), str)


def recommending() -> None:
    films = Catalogue(["a", "b", "c"], np.zeros((3, 2)))
    policy = CataloguePolicy(start=truncated_svd(["u", "v", "w"], ["a", "b", "c"], [0.0, 1.0, 0.5], rank=1, logit=True))
    with Engine.open("sqlite://", policy=policy, learner=FactorLearner()) as engine:
        shown = engine.recommend(unit="u", k=2, context={"hour": 9}, actions=films, exclude=["a"])
        assert_type(shown, Recommendation)
        assert_type(shown.actions, tuple[str, ...])
        assert_type(shown.marginals, tuple[float | None, ...])
        for decision in shown:
            assert_type(decision, Decision)
        assert_type(engine.choose({}, films, unit="u"), Decision)


def openings() -> None:
    Engine.open("sqlite://", learner=None, policy=InverseGapPolicy(), durability="commit")
    Engine.open("sqlite://", learner=RiverLearner(), policy=UniformPolicy(), reward_range=(-1, 1))
    Engine.open("sqlite://", policy=ConstantPolicy(action="a"), clock=lambda: 0.0, ids=lambda: "x")


def behaviour() -> None:
    features = Features(numbers={"price": "standard"}, text={"title": 8}, half_lives=[60, 3600.0])
    with Engine.open("sqlite://", features=features, drift=Drift(action={"name": "adwin"})) as engine:
        assert_type(engine.observe("u", "view", "a", at=0.0, key="k", price=3, new=True, image=np.zeros(2)), int)
        engine.choose(None, engine.item_features(["a", "b"]), unit="u")
        assert_type(engine.unit_features("u"), dict[str, float | str])
        assert_type(ingest(engine, ["a.csv"], {"unit": "u", "kind": "k", "at": "t"}), IngestionCounts)


def proof() -> None:
    try:
        found = verify("sqlite:///shop.db")
    except CroupierError:
        return
    assert_type(found, Verification)
    assert_type(found.difference, str | None)
