"""River models as plain data: exact round trips, equal data for equal models, and refused forgeries."""

import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import compose, optim, tree
from river import linear_model as typed_linear_model
from river import preprocessing as typed_preprocessing

from croupier_policies.errors import ForgedState, NotStorable
from croupier_policies.river.allowlist import classes, stored_name
from croupier_policies.river.restore import restore_model
from croupier_policies.river.state import model_state

linear_model: Any = typed_linear_model  # River is typed in part only
preprocessing: Any = typed_preprocessing

OPTIMIZERS = [
    optim.AdaBound(), optim.AdaDelta(), optim.AdaGrad(), optim.AdaMax(), optim.Adam(), optim.AMSGrad(),
    optim.Averager(optim.SGD()), optim.FTRLProximal(), optim.Momentum(), optim.Nadam(), optim.NesterovMomentum(),
    optim.RMSProp(), optim.SGD(optim.schedulers.InverseScaling(0.1)),
]  # fmt: skip
SCALERS = [preprocessing.StandardScaler(), preprocessing.MinMaxScaler(), preprocessing.MaxAbsScaler()]
MODELS = [
    *[preprocessing.StandardScaler() | linear_model.LinearRegression(optimizer) for optimizer in OPTIMIZERS],
    *[scaler | linear_model.LogisticRegression(l1=0.01) for scaler in SCALERS],
    *[linear_model.PARegressor(mode=mode) for mode in (0, 1, 2)],
    compose.TransformerUnion(
        compose.Select("a", "b") | compose.Prefixer("p"), ("rest", compose.Discard("a") | compose.Suffixer("s"))
    )
    | linear_model.LinearRegression(intercept_lr=optim.schedulers.Optimal(optim.losses.Squared())),
    compose.Renamer({"a": "z"}) | preprocessing.Normalizer() | linear_model.LinearRegression(l2=0.1),
    preprocessing.PredClipper(linear_model.LinearRegression(loss=optim.losses.Huber()), 0.0, 1.0),
    preprocessing.TargetStandardScaler(linear_model.LinearRegression()),
    compose.SelectType(float, int) | preprocessing.Binarizer() | linear_model.Perceptron(),
    preprocessing.OneHotEncoder() | linear_model.LogisticRegression(optim.SGD(0.1)),
]


def rows(n: int, seed: int) -> list[tuple[dict[str, float], Any]]:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        names = ["a", "b", *"cdefgh"[: int(rng.integers(1, 7))]]
        x = {names[i]: float(rng.normal()) for i in rng.permutation(len(names))}
        made.append((x, bool(rng.random() < 0.5)))
    return made


def query(model: Any, x: dict[str, float]) -> float:
    last = model[-1] if isinstance(model, compose.Pipeline) else model
    classifies = hasattr(last, "predict_proba_one") and not isinstance(last, linear_model.LinearRegression)
    return float(model.predict_proba_one(dict(x))[True] if classifies else model.predict_one(dict(x)))


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_restored_model_continues_bit_for_bit(model: Any) -> None:
    model = model.clone()
    for x, y in rows(40, seed=1):
        model.learn_one(x, y)
    state = model_state(model)
    again = restore_model(json.loads(json.dumps(state, allow_nan=False)))
    assert model_state(again) == state
    for x, y in rows(40, seed=2):
        assert query(again, x).hex() == query(model, x).hex()
        model.learn_one(dict(x), y)
        again.learn_one(dict(x), y)
    assert model_state(again) == model_state(model)
    assert model_state(again.clone()) == model_state(model.clone())


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
def test_predicting_unseen_features_does_not_change_the_state(scaler: Any) -> None:
    asked, quiet = scaler.clone(), scaler.clone()
    asked.transform_one({"later": 1.0, "never": 2.0})
    for x in ({"first": 1.0}, {"later": 2.0}, {"first": 3.0}):
        asked.learn_one(x)
        quiet.learn_one(x)
    assert model_state(asked) == model_state(quiet)


KEYS = st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.tuples(st.text(), st.integers()))
VALUES = st.floats(allow_nan=False)


@given(st.dictionaries(KEYS, VALUES))
@settings(max_examples=60, deadline=None)
def test_weights_of_any_name_and_order_round_trip(weights: dict[Any, float]) -> None:
    model = linear_model.PARegressor()
    model.weights.update(weights)
    assert restore_model(json.loads(json.dumps(model_state(model), allow_nan=False))).weights == weights
    ordered = linear_model.LinearRegression()
    ordered._weights.update(weights)  # River's: what `weights` gives is a copy
    again = restore_model(json.loads(json.dumps(model_state(ordered), allow_nan=False)))
    assert list(map(repr, again.weights.items())) == list(map(repr, ordered.weights.items()))


def test_state_shares_nothing_with_the_model() -> None:
    model = linear_model.LinearRegression()
    model.learn_one({"a": 1.0}, 1.0)
    state = model_state(model)
    kept, again = copy.deepcopy(state), restore_model(state)
    model.learn_one({"a": 2.0}, 1.0)
    again.learn_one({"b": 2.0}, 1.0)
    assert state == kept


SHARED = optim.SGD()


@pytest.mark.parametrize(
    "model",
    [
        tree.HoeffdingTreeRegressor(),
        preprocessing.StandardScaler(window_size=3) | linear_model.LinearRegression(),
        preprocessing.AdaptiveStandardScaler(),
        compose.FuncTransformer(dict) | linear_model.LinearRegression(),
        linear_model.BayesianLinearRegression(),
        linear_model.LinearRegression(optim.SGD(), initializer=optim.initializers.Normal(seed=1)),
        compose.SelectType(bytes),
        {"a": 1.0},
        3.0,
    ],
    ids=lambda model: type(model).__name__,
)
def test_classes_outside_the_list_are_not_storable(model: Any) -> None:
    with pytest.raises(NotStorable):
        model_state(model)


def test_shared_objects_and_foreign_attributes_are_not_storable() -> None:
    twice = compose.Pipeline(linear_model.LinearRegression(SHARED), linear_model.LinearRegression(SHARED))
    with pytest.raises(NotStorable, match="twice"):
        model_state(twice)
    model = linear_model.LinearRegression()
    model.mine = 1.0
    with pytest.raises(NotStorable, match="mine"):
        model_state(model)


def named_features(name: str, **attributes: Any) -> dict[str, Any]:
    return {"object": {"class": name, "attributes": attributes}}


def nested(depth: int) -> Any:
    data: Any = 1
    for _ in range(depth):
        data = [data]
    return data


MEAN = "river.stats.mean.Mean"
SUM = "river.stats.summing.Sum"
PARTS = [
    named_features("os.system", command="touch forged"),
    named_features("subprocess.Popen", args="touch forged"),
    named_features("river.tree.hoeffding_tree_regressor.HoeffdingTreeRegressor"),
    named_features("builtins.object"),
    named_features(SUM, sum=0.0, get="forged"),
    named_features(SUM, sum=0.0, __class__="forged"),
    named_features(SUM, sum=0.0, __dict__={"dict": [[], []]}),
    named_features(SUM),
    named_features(["unhashable"]),  # type: ignore[arg-type] # a forgery
    {"object": {"class": SUM}},
    {"object": {"class": SUM, "attributes": []}},
    {"object": {"class": SUM, "attributes": {"sum": 0.0}, "more": 1}},
    {"object": []},
    {"type": "object"},
    {"eval": "1"},
    {"float": "forged"},
    {"float": 10**400},
    {"tuple": 1},
    {"set": [[1]]},
    {"set": [{"tuple": [[1]]}]},
    {"dict": [["a"], []]},
    {"dict": [["a", "a"], [1, 2]]},
    {"dict": [[["unhashable"]], [1]]},
    {"dict": "ab"},
    {"defaultdict": ["os.getcwd", [], []]},
    {"defaultdict": ["float"]},
    {"a": 1, "b": 2},
    {},
    b"bytes",
    np.zeros(2),
    nested(100),
    nested(100_000),
]


@pytest.mark.parametrize("part", PARTS, ids=range(len(PARTS)))
def test_a_forgery_only_raises(part: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ForgedState):
        restore_model(part)
    with pytest.raises(ForgedState):
        restore_model(named_features(SUM, sum=part))
    assert list(tmp_path.iterdir()) == []


def test_a_passive_aggressive_mode_is_checked() -> None:
    state = model_state(linear_model.PARegressor())
    for mode in (3, -1, "os.system", [0], True):
        state["object"]["attributes"]["mode"] = mode
        with pytest.raises(ForgedState, match="mode"):
            restore_model(state)


def test_the_list_contains_only_river_and_our_classes() -> None:
    assert {name.split(".")[0] for name in classes()} == {"river", "croupier_policies"}
    assert all(stored_name(known.kind) == name for name, known in classes().items())
    assert {name for name in classes() if name.startswith("croupier_policies")} == {
        "croupier_policies.river_model.CrossedModel",
        "croupier_policies.river_model.SoftLog",
    }  # names of the snapshot format, which do not follow the modules
