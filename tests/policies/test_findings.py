"""What policies and learners say that they cannot learn, and banks some of whose members cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from croupier_policies import (
    Actions,
    BagPolicy,
    BankModel,
    CataloguePolicy,
    Configurable,
    FactorLearner,
    HybridModel,
    InverseGapPolicy,
    LinearPolicy,
    LogisticModel,
    Model,
    PolicyError,
    Reason,
    RidgeModel,
    RiverLearner,
    RiverPolicy,
    Row,
    SoftmaxPolicy,
    TooLarge,
)
from croupier_policies.base import Learner, Policy, RefusedNames, listed
from croupier_policies.checks.states import bitwise_equal
from croupier_policies.encoding.encoder import Encoder

PAIR = Actions(("left", "right"))
SCALED: dict[str, Callable[[], Policy | Learner]] = {
    "softmax": SoftmaxPolicy,
    "inverse gap": InverseGapPolicy,
    "linear": LinearPolicy,
    "hybrid": lambda: LinearPolicy(model=HybridModel()),
    "logistic": lambda: LinearPolicy(model=LogisticModel()),
    "bank": lambda: LinearPolicy(model=BankModel()),
    "catalogue": CataloguePolicy,
    "bag": lambda: BagPolicy(size=2),
    "river": RiverLearner,
    "river policy": RiverPolicy,
}
scaled = pytest.mark.parametrize("make", SCALED.values(), ids=SCALED)


def _learn(model: Policy | Learner, rows: Sequence[Row], actions: Actions = PAIR) -> None:
    for t, row in enumerate(rows):
        model.learn(row, actions, t % len(actions), float(t % 3 == 0), 0.5)


def _of(model: Configurable, reason: Reason) -> dict[str, int]:
    return {name: each.count for each in model.findings() if each.reason == reason for name in each.names}


def _temperatures(rng: np.random.Generator, n: int, named: bool) -> list[Row]:
    rows = rng.normal(20.0, 3.0, size=(n, 2))
    return [{"temperature": float(row[0]), "wind": float(row[1])} if named else row for row in rows]


@scaled
@pytest.mark.parametrize("named", [True, False], ids=["fields", "an array"])
@pytest.mark.parametrize("sentinel", [-999.0, 65535.0, 1.7e12, -1e300])
def test_a_value_far_outside_is_counted_under_its_name(
    make: Callable[[], Policy | Learner], named: bool, sentinel: float
) -> None:
    model, rng = make(), np.random.default_rng(0)
    name = "temperature" if named else "0"
    _learn(model, _temperatures(rng, 60, named))
    assert list(model.findings()) == []
    _learn(model, [{"temperature": sentinel, "wind": 21.0} if named else np.array([sentinel, 21.0])] * 3)
    assert _of(model, Reason.FAR_VALUES) == {name: 1}
    for _ in range(12):
        _learn(model, _temperatures(rng, 100, named))
        assert _of(model, Reason.FAR_VALUES) == {name: 1}
    if abs(sentinel) > 1e4:  # three times -999 leave 6 % of the scale to the usual values
        assert set(_of(model, Reason.LOST_SCALE)) == {name}


@scaled
def test_a_sentinel_before_the_first_look_shows_in_the_scale(make: Callable[[], Policy | Learner]) -> None:
    model, rng = make(), np.random.default_rng(0)
    _learn(model, [{"temperature": 65535.0, "wind": 21.0}, *_temperatures(rng, 50, True)])
    model.findings()
    _learn(model, _temperatures(rng, 200, True))
    assert set(_of(model, Reason.LOST_SCALE)) == {"temperature"}


@scaled
def test_ordinary_numbers_have_no_findings(make: Callable[[], Policy | Learner]) -> None:
    model, rng = make(), np.random.default_rng(0)
    for block in range(8):
        rows = [
            {
                "normal": rng.normal(),
                "skewed": float(rng.lognormal(0.0, 1.0)),
                "clock": 1.7e9 + 60.0 * (200 * block + t),
                "rare": float(rng.random() < 0.02),
                "count": float(rng.poisson(3.0)),
            }
            for t in range(200)
        ]
        _learn(model, rows)
        assert list(model.findings()) == []


@scaled
def test_a_policy_that_settles_on_one_action_has_no_findings(make: Callable[[], Policy | Learner]) -> None:
    model, rng = make(), np.random.default_rng(0)
    actions = Actions(("cheap", "dear"), ({"price": 1.0}, {"price": 9.0}))
    for t in range(4_000):
        drawn = t % 2 if t < 200 else int(t % 1_000 == 0)
        model.learn({"wind": float(rng.normal())}, actions, drawn, float(drawn), 0.5)
        if t % 50 == 0:
            assert list(model.findings()) == []


@scaled
def test_a_feature_that_never_varies_is_named(make: Callable[[], Policy | Learner]) -> None:
    model, rng = make(), np.random.default_rng(0)
    _learn(model, [{"version": 3.0, "wind": rng.normal()} for _ in range(250)])
    assert _of(model, Reason.NEVER_VARY) == {"version": 1}


def test_findings_change_neither_state_nor_predictions() -> None:
    rng = np.random.default_rng(0)
    one, other = SoftmaxPolicy(max_columns=6), SoftmaxPolicy(max_columns=6)
    for _ in range(5):
        rows: list[Row] = [{f"f{rng.integers(9)}": rng.normal() * 10.0 ** rng.integers(9)} for _ in range(60)]
        _learn(one, rows)
        _learn(other, rows)
        assert list(one.findings())
        assert bitwise_equal(one.state(), other.state())
        assert bitwise_equal(one.probabilities(rows[0], PAIR), other.probabilities(rows[0], PAIR))


def test_restoring_starts_the_comparison_anew_and_keeps_the_counts() -> None:
    model = LinearPolicy(model=RidgeModel(max_columns=4))
    _learn(model, [{"a": float(t % 5), "colour": f"c{t}"} for t in range(200)])
    assert _of(model, Reason.FEATURES_WITHOUT_ROOM) == {"colour": 199}
    assert all("'colour'" in each.text for each in model.findings())
    restored = model.fresh()
    restored.restore(model.state())
    assert [(each.reason, each.count, each.names) for each in restored.findings()] == [
        (Reason.FEATURES_WITHOUT_ROOM, 199, ())
    ]
    younger = LinearPolicy(model=RidgeModel(max_columns=4))
    _learn(younger, [{"a": float(t % 5)} for t in range(30)])
    restored.restore(younger.state())
    assert list(restored.findings()) == []


def test_actions_users_and_items_without_room_are_counted() -> None:
    ids = tuple(f"a{k}" for k in range(40))
    for model in (RidgeModel(max_bytes=3_000), LogisticModel(max_bytes=3_000), HybridModel(max_bytes=4_000)):
        policy = LinearPolicy(model=model)
        for k in range(40):
            policy.learn({"x": float(k)}, Actions(ids), k, 1.0, 0.5)
        assert model.ignored > 0
        assert set(_of(policy, Reason.REWARDS_WITHOUT_ROOM)) == set(ids[40 - model.ignored :])
    factors = FactorLearner(rank=1, limit=10)
    catalogue = CataloguePolicy(rank=1, max_columns=4, limit=50)
    for k in range(40):
        factors.learn({"unit": f"u{k}"}, Actions(ids), k, 1.0, 0.5)
        catalogue.learn({"unit": f"u{k}"}, Actions(ids), k, 1.0, 0.5)
    assert _of(factors, Reason.NAMES_WITHOUT_ROOM) == {"new users": 35, "new items": 35}
    assert _of(catalogue, Reason.NAMES_WITHOUT_ROOM) == {"new users": 30, "new items": 15}
    river = RiverLearner(limit=30)
    for k in range(40):
        river.learn({"x": float(k)}, Actions(ids), k, 1.0, 0.5)
    assert [each.reason for each in river.findings()] == [Reason.NAMES_WITHOUT_ROOM]


def test_a_model_that_diverged_is_told() -> None:
    from river import compose, linear_model, optim

    learner = RiverLearner(compose.Select("x", "y") | linear_model.LinearRegression(optim.SGD(10.0)))
    for t in range(200):
        learner.learn({"x": 1e200, "y": -1e200 * (t % 2)}, PAIR, 0, float(t % 2), 0.5)
    assert [each.reason for each in learner.findings()] == [Reason.DIVERGED]


def test_names_in_sentences_are_few() -> None:
    assert listed(["a"]) == "'a'"
    assert listed([f"n{k}" for k in range(100)]).endswith("and 95 others")
    names = RefusedNames()
    for k in range(1_000):
        names.add(f"n{k}")
    assert len(names.names) == 64
    assert Encoder(8).findings() == []


# -- banks


def _wide(rng: np.random.Generator, n: int, width: int) -> list[Row]:
    return list(rng.normal(size=(n, width)))


@pytest.mark.parametrize("make", [SoftmaxPolicy, InverseGapPolicy])
@pytest.mark.parametrize("width", [20, 300])
def test_a_default_policy_learns_with_the_model_that_has_room(make: Callable[..., Policy], width: int) -> None:
    policy, rng = make(max_columns=width + 1), np.random.default_rng(0)
    rows = _wide(rng, 900, width)
    for t, row in enumerate(rows):
        assert abs(policy.probabilities(row, PAIR).sum() - 1.0) < 1e-9
        policy.learn(row, PAIR, t % 2, float((row[0] > 0.0) == (t % 2 == 0)), 0.5)
    right = [policy.probabilities(row, PAIR)[int(row[0] <= 0.0)] for row in _wide(rng, 200, width) if abs(row[0]) > 0.7]
    assert np.mean(right) > 0.8
    assert sum(_of(policy, Reason.MODEL_UNABLE).values()) == 900


def test_a_member_that_skips_everything_loses_to_one_that_errs() -> None:
    small, large = RidgeModel(max_columns=8), RidgeModel(max_columns=512)
    bank = BankModel(members=[small, large], memory=0.0)
    rng = np.random.default_rng(0)
    for t, row in enumerate(_wide(rng, 50, 100)):  # noise that the large one overfits: its error is above that of ½
        bank.learn(row, PAIR, t % 2, float(rng.random() < 0.5))
        assert bank.best is bank.members[1]
        assert bank.estimates(row, PAIR).rewards == t + 1
    assert bank.members[0].learned == 0
    restored = bank.fresh()
    restored.restore(bank.state())
    row = rng.normal(size=100)
    assert bitwise_equal(restored.estimates(row, PAIR).mean, bank.estimates(row, PAIR).mean)


class Choosy(RidgeModel):
    """Refuses rows in which x is negative."""

    name = "choosy"

    def estimates(self, context: Row, actions: Actions):  # type: ignore[no-untyped-def]
        self._check(context)
        return super().estimates(context, actions)

    def learn(self, context: Row, actions: Actions, index: int, reward: float) -> float:
        self._check(context)
        return super().learn(context, actions, index, reward)

    def _check(self, context: Row) -> None:
        if context["x"] < 0.0:  # type: ignore[index,operator]
            raise PolicyError("x is negative")


@pytest.mark.parametrize("first", [True, False])
def test_a_member_that_raises_is_passed_over(first: bool) -> None:
    members: list[Model] = [Choosy(), RidgeModel(squares=False)]
    bank = BankModel(members=members if first else members[::-1])
    for t in range(60):
        row = {"x": float(t % 7 - 3)}
        assert np.isfinite(bank.estimates(row, PAIR).mean).all()
        bank.learn(row, PAIR, t % 2, float(t % 2))
    assert bank.members[1 if first else 0].learned == 60
    assert sum(_of(bank, Reason.MODEL_UNABLE).values()) == sum(t % 7 < 3 for t in range(60))
    with pytest.raises(PolicyError, match="negative"):  # a row that is wrong for all of them is the caller's error
        BankModel(members=[Choosy(), Choosy(squares=False)]).estimates({"x": -1.0}, PAIR)


def test_a_bank_without_room_refuses_at_once_and_never_later() -> None:
    policy = SoftmaxPolicy(max_bytes=6_000)
    with pytest.raises(TooLarge):
        policy.probabilities({"x": 1.0}, Actions(tuple(f"a{k}" for k in range(400))))
    for t in range(200):
        candidates = Actions((f"a{t}", f"a{t + 1}"))
        p = policy.probabilities({"x": float(t % 5)}, candidates)
        assert abs(p.sum() - 1.0) < 1e-9
        policy.learn({"x": float(t % 5)}, candidates, t % 2, 1.0, 0.5)
    assert p.tolist() == [0.5, 0.5]
    assert any(each.reason == Reason.ALL_UNABLE and each.count > 100 for each in policy.findings())
    assert sum(_of(policy, Reason.REWARDS_WITHOUT_ROOM).values()) > 100


def test_batches_and_single_events_pass_over_the_same_members() -> None:
    rng = np.random.default_rng(0)
    one, batch = (BankModel(members=[RidgeModel(max_columns=8), RidgeModel()], memory=0.0) for _ in range(2))
    rows, indices, rewards = rng.normal(size=(40, 10)), rng.integers(2, size=40), rng.random(40)
    expected = [one.learn(x, PAIR, k, float(r)) for x, k, r in zip(rows, indices.tolist(), rewards, strict=True)]
    np.testing.assert_array_equal(batch.learn_batch(rows, PAIR, indices, rewards), expected)
    assert bitwise_equal(one.state(), batch.state())
    assert one.estimates_batch(rows, PAIR).mean.shape == (40, 2)
