"""River's models as policies: laws, what is storable, and models that break on strings."""

import json
from pathlib import Path

import numpy as np
import pytest
from river import compose, forest, linear_model, preprocessing, tree

from croupier_policies import Actions, NotStorable, PolicyError, RiverPolicy, checks
from croupier_policies.checks import events
from croupier_policies.checks.common import check_late_rewards_are_learned, query, train
from croupier_policies.checks.policies import (
    check_draws_match_probabilities,
    check_order_does_not_matter,
    check_probabilities_are_a_distribution,
)
from croupier_policies.checks.states import bitwise_equal
from croupier_policies.exploration.scores import greedy, softmax

VECTORS = Path(__file__).parents[4] / "shared" / "data" / "vw" / "explore_vectors.json"
TREES = [tree.HoeffdingTreeRegressor(), forest.ARFRegressor(n_models=3, seed=1)]


def test_epsilon_greedy_conforms() -> None:
    checks.check_policy(lambda: RiverPolicy(law="epsilon", epsilon=0.1))


def test_a_custom_storable_model_conforms() -> None:
    yours = {
        "check_memory_is_bounded",
        "check_extremes_stay_finite",
        "check_findings_change_nothing",
    }  # they bring outliers
    for check in checks.POLICY_CHECKS:
        if check.__name__ not in yours:
            check(lambda: RiverPolicy(linear_model.LogisticRegression(), growth=0.0))


@pytest.mark.parametrize("model", TREES, ids=lambda model: type(model).__name__)
def test_trees_take_strings_and_are_restored_by_replay(model: object) -> None:
    policy = RiverPolicy(model)
    assert not policy.storable
    with pytest.raises(NotStorable):
        policy.state()
    for log in events.logs(60):
        asked = RiverPolicy(model)
        for event in log:
            query(asked, event)
            train(asked, [event])
        silent = train(asked.fresh(), log)
        assert bitwise_equal([query(asked, event) for event in log], [query(silent, event) for event in log])
    check_order_does_not_matter(lambda: RiverPolicy(model))


def test_a_tree_returns_probabilities() -> None:
    for check in (
        check_probabilities_are_a_distribution,
        check_draws_match_probabilities,
        check_late_rewards_are_learned,
    ):
        check(lambda: RiverPolicy(TREES[0], law="epsilon", epsilon=0.1))


def test_it_learns_a_nonlinear_relation() -> None:
    policy, rng, actions = RiverPolicy(tree.HoeffdingTreeRegressor(grace_period=20)), np.random.default_rng(0), "ab"
    for _ in range(3000):
        x, k = rng.uniform(-1, 1, 2), int(rng.integers(2))
        right = float((x[0] * x[1] > 0) == (k == 0))
        policy.learn(x, Actions(tuple(actions)), k, right, 0.5)
    xs = rng.uniform(-1, 1, (200, 2))
    share = np.mean([policy.probabilities(x, Actions(("a", "b")))[int(x[0] * x[1] < 0)] for x in xs])
    assert share > 0.8, share


def test_a_pipeline_is_used_unchanged() -> None:
    model = compose.SelectType(float) | preprocessing.StandardScaler() | linear_model.LinearRegression()
    assert "OneHot" not in json.dumps(RiverPolicy(model).config())
    assert "OneHot" in json.dumps(RiverPolicy(linear_model.LinearRegression()).config())


def test_a_growing_rate_separates_small_gaps() -> None:
    fixed, growing = RiverPolicy(growth=0.0), RiverPolicy(growth=0.5)
    for policy in (fixed, growing):
        for t in range(600):
            policy.learn({}, Actions(("a", "b")), t % 2, float(t % 20 < (7 if t % 2 else 13)), 0.5)
    assert growing.probabilities({}, Actions(("a", "b")))[0] > fixed.probabilities({}, Actions(("a", "b")))[0] + 0.1


def test_bad_arguments_are_refused() -> None:
    for wrong in ({"law": "ucb"}, {"epsilon": 2.0}, {"rate": -1.0}, {"growth": 3.0}, {"model": object()}):
        with pytest.raises(PolicyError):
            RiverPolicy(**wrong)
    with pytest.raises(NotStorable, match="pass the River model"):
        RiverPolicy(**RiverPolicy(TREES[0]).config())


def test_a_diverged_model_is_reported() -> None:
    policy = RiverPolicy(compose.SelectType(float) | linear_model.LinearRegression())
    for _ in range(200):
        policy.learn({"x": 1e300, "y": -1e300}, Actions(("a",)), 0, 1.0, 1.0)
    with pytest.raises(PolicyError, match="diverged"):
        policy.probabilities({"x": 1e300, "y": 1e300}, Actions(("a",)))


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared reference data is not beside us")
def test_the_laws_equal_vowpal_wabbits() -> None:
    vectors = json.loads(VECTORS.read_text())
    by_scores, by_top = (  # the others have no scores, which no decision has
        [case for case in vectors[name] if "pdf" in case] for name in ("softmax", "epsilon_greedy")
    )
    assert by_scores
    assert by_top
    for case in by_scores:
        p = softmax(np.array(case["scores"], dtype=np.float64), case["lam"], 0.0)
        assert p == pytest.approx(case["pdf"], abs=case["atol"])
    for case in by_top:
        scores = np.zeros(case["n"])
        scores[min(case["top"], case["n"] - 1)] = 1.0
        assert greedy(scores, case["epsilon"]) == pytest.approx(case["pdf"], abs=case["atol"])
