"""Off-policy evaluation of lists by place: against the exact value, and of a policy against itself."""

from __future__ import annotations

import numpy as np
import pytest

from croupier import Catalogue, CataloguePolicy, Engine, EvidenceError, UniformPolicy
from croupier.log.ids import counted
from croupier.ratings.places import evaluate_places, place_ips
from croupier_policies.base import Odds
from croupier_policies.catalogue.lists import marginals

FEW = Catalogue([f"i{k}" for k in range(8)], np.random.default_rng(0).normal(size=(8, 2)))
REWARD = {"i0": 0.9, "i1": 0.6, "i2": 0.5}
EXAMINED = (1.0, 0.6, 0.3)  # probability that a place is examined


def test_ips_by_place_finds_the_value_of_another_policy() -> None:
    """Against the exact value under the target, within four standard errors, over 20,000 lists."""
    rng, n, k = np.random.default_rng(3), 20_000, 3
    logging, other = Odds(np.array([1.0, 2.0, 3.0, 1.0, 1.0]), 0.1), Odds(np.array([4.0, 1.0, 1.0, 2.0, 1.0]), 0.1)
    reward = np.array([0.9, 0.1, 0.2, 0.5, 0.3])
    logged, target = marginals(logging, k), marginals(other, k)
    shown = np.stack([_list(rng, logging, k) for _ in range(n)])
    rewards = (rng.random((n, k)) < reward[shown] * EXAMINED).astype(np.float64)
    places = np.arange(k)
    found = place_ips(target[places, shown], logged[places, shown], rewards)
    for s, one in enumerate(found):
        assert abs(one.value - EXAMINED[s] * float(target[s] @ reward)) < 4 * one.error
        assert one.mean_weight == pytest.approx(1.0, abs=0.05)
        assert 1000 < one.ess <= one.rows == n


def _list(rng: np.random.Generator, odds: Odds, k: int) -> np.ndarray:
    left, shown = list(range(len(odds.weights))), []
    for _ in range(k):
        w = odds.weights[left]
        p = (1 - odds.epsilon) * w / w.sum() + odds.epsilon / len(left)
        shown.append(left.pop(int(rng.choice(len(left), p=p))))
    return np.array(shown)


def test_places_without_a_reward_are_left_out() -> None:
    one = np.ones((3, 2))
    found = place_ips(one, one, np.array([[1.0, np.nan], [0.0, np.nan], [1.0, np.nan]]))
    assert (found[0].rows, found[0].value) == (3, pytest.approx(2 / 3))
    assert (found[1].rows, np.isnan(found[1].value)) == (0, True)


@pytest.fixture
def lists(url: str) -> str:
    rng = np.random.default_rng(1)
    with Engine.open(url, policy=CataloguePolicy(epsilon=0.3), learner=None, seed=3, ids=counted()) as engine:
        for t in range(600):
            shown = engine.recommend(k=2 + t % 2, actions=FEW, unit=f"u{t % 3}")
            for place, decision in enumerate(shown):
                engine.reward(decision.id, float(rng.random() < REWARD.get(decision.action, 0.1) * EXAMINED[place]))
        engine.recommend(k=4, actions=FEW)  # without marginals
    return url


def test_a_store_evaluates_its_own_lists_and_others(lists: str) -> None:
    own = evaluate_places(lists, "logged")
    assert [one.rows for one in own] == [600, 600, 300]
    assert all(one.mean_weight == 1.0 for one in own)
    learned = evaluate_places(lists, CataloguePolicy(epsilon=0.3))
    for one, other in zip(own, learned, strict=True):  # the same policy trained on the log is the logging policy
        assert other == pytest.approx(one, rel=1e-9)
    uniform = evaluate_places(lists, UniformPolicy())
    mean = np.mean([REWARD.get(id, 0.1) for id in FEW.ids])
    for s, one in enumerate(uniform):
        assert abs(one.value - EXAMINED[s] * mean) < 4 * one.error
    assert own[0].value > uniform[0].value


def test_a_log_without_lists_is_refused(url: str) -> None:
    with Engine.open(url, policy=UniformPolicy(), learner=None, seed=3) as engine:
        engine.reward(engine.choose({}, ["a", "b"]).id, 1.0)
    with pytest.raises(EvidenceError, match="no list with marginal"):
        evaluate_places(url, "logged")
