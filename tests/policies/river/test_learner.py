"""The River learner: predictions, loss, state, and limits."""

import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import compose, datasets, forest, naive_bayes, optim, preprocessing, tree
from river import linear_model as typed_linear_model

from croupier_policies.base import Actions
from croupier_policies.errors import ForgedState, NotStorable, PolicyError
from croupier_policies.river.learner import RiverLearner

linear_model: Any = typed_linear_model  # River is typed in part only
NAIVE: Any = naive_bayes.GaussianNB
TWO = Actions(("sale", "new"))


def pipeline(last: Any) -> Any:
    numbers = compose.SelectType(float) | preprocessing.StandardScaler()
    strings = compose.SelectType(str) | preprocessing.OneHotEncoder(drop_zeros=True)
    return (numbers + strings) | last


MODELS: dict[str, Callable[[], Any]] = {
    "default": lambda: None,
    "linear": lambda: pipeline(linear_model.LinearRegression(optim.Adam(0.01))),
    "logistic": lambda: pipeline(linear_model.LogisticRegression(optim.AdaGrad(0.1), l2=0.001)),
    "passive": lambda: pipeline(linear_model.PARegressor(C=0.1)),
    "tree": lambda: tree.HoeffdingTreeRegressor(grace_period=20, leaf_prediction="mean"),
    "tree classifier": lambda: tree.HoeffdingTreeClassifier(grace_period=20),
}
STORABLE = ("default", "linear", "logistic", "passive")


def events(n: int, seed: int = 0) -> list[tuple[Any, Actions, int, float]]:
    """Rows with changing features, actions and shapes, and fractional rewards."""
    rng, made = np.random.default_rng(seed), []
    for t in range(n):
        row: dict[str, Any] = {f"n{j}": float(rng.normal()) for j in range(4) if rng.random() < 0.8}
        row["device"] = str(rng.choice(["mobile", "desk", f"new{t // 20}"]))
        ids = tuple(f"a{j}" for j in range(5) if j < 2 or rng.random() < 0.5)
        own: tuple[dict[str, float | str], ...] = tuple(
            {"price": float(rng.normal()), "kind": str(rng.choice(["x", "y"]))} for _ in ids
        )
        context = np.array(rng.normal(size=3)) if t % 7 == 0 else row
        actions = Actions(ids, own if t % 3 else None)
        reward = (0.0, 1.0, float(rng.random()))[t % 3]
        made.append((context, actions, int(rng.integers(len(ids))), reward))
    return made


def trained(learner: RiverLearner, log: list[tuple[Any, Actions, int, float]]) -> RiverLearner:
    for context, actions, index, reward in log:
        learner.learn(context, actions, index, reward, 0.5)
    return learner


def test_the_package_does_not_import_river() -> None:
    code = "import sys, croupier_policies.river.learner; sys.exit('river' in sys.modules)"
    assert (
        subprocess.run(  # noqa: S603 # our own interpreter and code
            [sys.executable, "-c", code], check=False
        ).returncode
        == 0
    )


def test_the_loss_is_that_of_predictions_made_before_learning() -> None:
    learner, squares = RiverLearner(), 0.0
    assert math.isnan(learner.loss)
    for context, actions, index, reward in events(50):
        squares += (reward - float(learner.predict(context, actions)[index])) ** 2
        learner.learn(context, actions, index, reward, 0.5)
    assert learner.count == 50
    assert learner.loss == squares / 50


@pytest.mark.parametrize("model", STORABLE)
def test_predicting_changes_nothing(model: str) -> None:
    learner = trained(RiverLearner(MODELS[model]()), events(60))
    before = learner.state()
    for context, actions, _, _ in events(60, seed=9):
        learner.predict(context, actions)
    learner.predict({"unseen": 3.0, "also": "unseen"}, Actions(("nobody",), ({"unseen too": 1.0},)))
    assert learner.state() == before


@pytest.mark.parametrize("model", MODELS)
def test_predictions_do_not_change_learning(model: str) -> None:
    quiet, asked = RiverLearner(MODELS[model]()), RiverLearner(MODELS[model]())
    for context, actions, index, reward in events(80):
        asked.predict(context, actions)
        asked.predict({"other": 1.0}, TWO)
        asked.learn(context, actions, index, reward, 0.5)
        quiet.learn(context, actions, index, reward, 0.5)
        assert asked.predict(context, actions).tobytes() == quiet.predict(context, actions).tobytes()


@pytest.mark.parametrize("model", MODELS)
def test_predictions_are_one_per_action_between_0_and_1(model: str) -> None:
    learner = trained(RiverLearner(MODELS[model]()), events(60))
    for context, actions, _, _ in events(60, seed=3):
        estimates = learner.predict(context, actions)
        assert estimates.shape == (len(actions),)
        assert estimates.dtype == np.float64
        assert ((estimates >= 0) & (estimates <= 1)).all()


@pytest.mark.parametrize("model", STORABLE)
def test_a_restored_learner_continues_bit_for_bit(model: str) -> None:
    learner = trained(RiverLearner(MODELS[model]()), events(70))
    other = learner.fresh()
    other.restore(json.loads(json.dumps(learner.state())))
    assert other.state() == learner.state()
    for context, actions, index, reward in events(70, seed=5):
        assert other.predict(context, actions).tobytes() == learner.predict(context, actions).tobytes()
        learner.learn(context, actions, index, reward, 0.5)
        other.learn(context, actions, index, reward, 0.5)
    assert other.state() == learner.state()
    assert other.loss == learner.loss


@pytest.mark.parametrize("model", STORABLE)
def test_the_configuration_rebuilds_it_untrained(model: str) -> None:
    learner = trained(RiverLearner(MODELS[model]()), events(30))
    rebuilt = RiverLearner(**json.loads(json.dumps(learner.config())))
    assert rebuilt.storable
    assert rebuilt.config() == learner.config() == learner.fresh().config()
    assert rebuilt.state() == RiverLearner(MODELS[model]()).state()


def test_a_tree_is_restored_by_replay() -> None:
    learner = trained(RiverLearner(MODELS["tree"]()), events(40))
    assert not learner.storable
    assert learner.config() == RiverLearner(MODELS["tree"]()).config()
    assert learner.config() != RiverLearner(tree.HoeffdingTreeRegressor(grace_period=21)).config()
    with pytest.raises(NotStorable, match="allow-list"):
        learner.state()
    with pytest.raises(NotStorable, match="pass the River model"):
        RiverLearner(**learner.config())
    again = trained(learner.fresh(), events(40))
    assert again.count == 40
    assert again.loss == learner.loss


def test_the_callers_model_is_not_changed() -> None:
    model = linear_model.LinearRegression()
    model.learn_one({"x": 1.0}, 1.0)
    weights = dict(model.weights)
    learner = trained(RiverLearner(compose.SelectType(float) | model), [({"x": 1.0}, TWO, 0, 1.0)] * 5)
    assert model.weights == weights
    assert learner.fresh().predict({"x": 1.0}, TWO).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("model", ["default", "logistic"])
def test_fractional_rewards_are_learned_as_they_are(model: str) -> None:
    learner = RiverLearner(MODELS[model]())
    trained(learner, [({"n": float(t % 5)}, TWO, t % 2, (0.3, 0.8)[t % 2]) for t in range(3000)])
    np.testing.assert_allclose(learner.predict({"n": 2.0}, TWO), [0.3, 0.8], atol=0.03)


def test_a_pipeline_sees_a_fractional_reward_once() -> None:
    learner = RiverLearner(MODELS["logistic"]())
    trained(learner, [({"n": 1.0}, TWO, 0, 0.5)])
    counts = str(learner.state()["model"]).count("'Counter': [['n'], [1]]")
    assert counts == 1


@given(st.floats(0, 1), st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=30, deadline=None)
def test_extreme_numbers_leave_the_default_finite(reward: float, number: float) -> None:
    learner = RiverLearner()
    trained(learner, [({"n": 1.0}, TWO, 0, 0.5), ({"n": number}, TWO, 1, reward), ({"n": -number}, TWO, 0, reward)])
    assert np.isfinite(learner.predict({"n": number / 2}, TWO)).all()


def test_a_numpy_reward_gives_the_same_state() -> None:
    plain = trained(RiverLearner(), [({"n": 1.0}, TWO, 0, 0.5)])
    other = trained(RiverLearner(), [({"n": 1.0}, TWO, 0, np.float64(0.5))])
    assert repr(other.state()) == repr(plain.state())


def test_memory_is_bounded() -> None:
    learner = RiverLearner(limit=40)
    trained(learner, [({f"n{t}": float(t), "s": str(t)}, Actions((str(t),)), 0, 1.0) for t in range(60)])
    state: Any = learner.state()
    parts = state["model"]["object"]["attributes"]
    weights, _ = parts["glm"]["object"]["attributes"]["_weights"]["VectorDict"]
    counts, _ = parts["scaler"]["object"]["attributes"]["counts"]["Counter"]
    assert 20 < len(weights) <= 40
    assert 20 < len(counts) <= 40
    assert np.isfinite(learner.predict({"n59": 1.0}, TWO)).all()


def bandit(dataset: Any, seed: int) -> list[tuple[Any, Actions, int, float]]:
    rng = np.random.default_rng(seed)
    actions = Actions(("False", "True"))
    rows = [(x, str(y), int(rng.integers(2))) for x, y in dataset]
    return [(x, actions, k, float(actions.ids[k] == y)) for x, y, k in rows]


@pytest.mark.parametrize(("link", "most"), [("logistic", 0.10), ("identity", 0.12)])
def test_it_learns_phishing(link: str, most: float) -> None:
    learner = trained(RiverLearner(link=link), bandit(datasets.Phishing(), seed=1))
    assert learner.loss < most  # a constant: .25


def test_it_shares_what_it_learns_between_actions() -> None:
    learner = trained(RiverLearner(), [({"s": "ab"[t % 2]}, TWO, t % 2, float(t % 2)) for t in range(200)])
    newcomer = Actions(("never shown",))
    assert learner.predict({"s": "b"}, newcomer)[0] > 0.6 > 0.4 > learner.predict({"s": "a"}, newcomer)[0]


def test_it_learns_from_the_features_of_actions() -> None:
    log: list[Any] = [({}, Actions((str(t),), ({"price": float(t % 2)},)), 0, float(t % 2)) for t in range(300)]
    estimates = trained(RiverLearner(), log).predict({}, Actions(("p", "q"), ({"price": 0.0}, {"price": 1.0})))
    assert estimates[1] - estimates[0] > 0.5


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (preprocessing.StandardScaler(), "neither a regressor nor a classifier"),
        (NAIVE(), "sample weights"),
        (object(), "not a River model"),
        (tree.SGTRegressor, "not a River model"),
        (forest.ARFRegressor(), "no seed"),
        (preprocessing.PredClipper(forest.ARFRegressor(), 0, 1), "no seed"),
        (preprocessing.OneHotEncoder({"s": {"a", "b"}}) | linear_model.LinearRegression(), "drop_zeros"),
    ],
)
def test_unsuitable_models_are_refused(model: Any, why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        RiverLearner(model)


def test_an_unknown_link_is_refused() -> None:
    with pytest.raises(PolicyError, match="identity"):
        RiverLearner(link="probit")


def test_selected_features_come_in_the_same_order_in_every_process() -> None:
    names = [f"n{j}" for j in range(9)]
    learner = RiverLearner(compose.Select(*names) | linear_model.LinearRegression())
    trained(learner, [(dict.fromkeys(names, 1.0), TWO, 0, 1.0)])
    state: Any = learner.state()
    _, (_, model) = state["model"]["object"]["attributes"]["steps"]["OrderedDict"]
    weights, _ = model["object"]["attributes"]["_weights"]["VectorDict"]
    assert weights == names


def fingerprint() -> str:
    logs = [trained(RiverLearner(MODELS[model]()), events(40)) for model in STORABLE]
    return hashlib.sha256(json.dumps([learner.state() for learner in logs]).encode()).hexdigest()


def test_another_process_reaches_the_same_state() -> None:
    code = f"import runpy; print(runpy.run_path({__file__!r})['fingerprint']())"
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)  # noqa: S603 # our own interpreter and code
    assert ran.stdout.strip() == fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        {"count": -1},
        {"count": "many"},
        {"squares": None},
        {"extra": 1},
        {"model": RiverLearner(linear_model.LinearRegression()).state()["model"]},
        {"model": None},
    ],
)
def test_a_forged_state_is_refused_and_changes_nothing(change: dict[str, Any]) -> None:
    learner = trained(RiverLearner(), events(20))
    before = learner.state()
    with pytest.raises(ForgedState):
        learner.restore(before | change)
    assert learner.state() == before
