"""Forgetting: discounting toward the prior, half-lives, and the bank on changing and stationary data."""

import numpy as np
import pytest
from numpy.typing import NDArray

from croupier_policies import (
    Actions,
    BankModel,
    HybridModel,
    LinearPolicy,
    LogisticModel,
    Model,
    PolicyError,
    RidgeModel,
    SoftmaxPolicy,
)
from croupier_policies.backends import select as devices
from croupier_policies.checks.states import bitwise_equal
from croupier_policies.encoding.scaler import SparseRow
from croupier_policies.models.posteriors import ActionPosteriors
from support import simulations

ONE = Actions(("a",))


@pytest.mark.parametrize("device", ["cpu", "numpy", "array_api_strict"])
@pytest.mark.parametrize("prior", [1.0, 0.1])
def test_the_discounted_posterior_equals_the_dense_solution(device: str, prior: float) -> None:
    rng, d, factor = np.random.default_rng(0), 4, 0.9
    posteriors = ActionPosteriors(devices.backend_for(device), 2**20, prior)
    A, b, b1 = np.eye(d) / prior, np.zeros(d), np.zeros(d)  # noqa: N806 # a matrix keeps its capital
    for t in range(60):
        x, reward = rng.normal(size=d), float(rng.random())
        slot = posteriors.admit("a", d)
        posteriors.backend.ridge_step(SparseRow(np.arange(d), x, 0.0), d, posteriors.posterior, slot, reward)
        A, b, b1 = A + np.outer(x, x), b + reward * x, b1 + x  # noqa: N806 # a matrix keeps its capital
        if t % 7 == 6:
            posteriors.discount(factor)
            A, b, b1 = factor * A + (1.0 - factor) * np.eye(d) / prior, factor * b, factor * b1  # noqa: N806 # a matrix keeps its capital
    state = posteriors.state()
    np.testing.assert_allclose(state["P"][0, :, 0], np.linalg.inv(A)[np.tril_indices(d)], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(state["theta"][0, :, 0], np.linalg.solve(A, b), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(state["theta1"][0, :, 0], np.linalg.solve(A, b1), rtol=1e-9, atol=1e-12)


def test_a_feature_that_disappears_returns_to_its_prior() -> None:
    model = RidgeModel(half_life=5.0)
    for t in range(40):
        model.learn({"once": "yes"} if t < 20 else {"later": "yes"}, ONE, 0, 0.9)
    for _ in range(20_000):
        model.learn({"later": "yes"}, ONE, 0, 0.1)
    estimates = model.estimates({"once": "yes"}, ONE)
    assert np.isfinite(estimates.mean).all()
    assert 1.4 < estimates.sd[0] < 1.9  # 1.5 and a known intercept
    assert model.state()["noise"]["weight"] == pytest.approx(1.0 / (1.0 - 0.5 ** (1 / 5.0)), rel=0.2)


def test_old_rewards_count_half_after_a_half_life() -> None:
    model = RidgeModel(half_life=64.0)
    for t in range(64 * 30):
        model.learn({}, ONE, 0, float(t >= 64 * 29))
    assert model.estimates({}, ONE).mean[0] == pytest.approx(0.5, abs=0.02)


def test_a_bank_follows_the_best_predictor() -> None:
    bank = BankModel()
    for _ in range(1500):
        bank.learn({}, ONE, 0, 0.2)
    assert bank.best is bank.members[0], "nothing changed: who forgets nothing leads"
    for t in range(2000):
        bank.learn({}, ONE, 0, 0.8 + 0.01 * (t % 2))
    assert bank.estimates({}, ONE).mean[0] == pytest.approx(0.8, abs=0.03)
    assert bank.members[0].estimates({}, ONE).mean[0] > 0.7, "it went on from what the best one knew"


def test_a_bank_without_memory_weights_all_errors_equally() -> None:
    bank, errors = BankModel(members=[RidgeModel(squares=False), RidgeModel()], memory=0.0), np.zeros(2)
    alone = [RidgeModel(squares=False), RidgeModel()]
    for x, reward in np.random.default_rng(0).random((200, 2)):
        context = np.array([x])
        errors += [(reward - member.learn(context, ONE, 0, reward)) ** 2 for member in alone]
        bank.learn(context, ONE, 0, reward)
    assert bank.state()["losses"].tolist() == pytest.approx(errors.tolist(), rel=1e-12)
    with pytest.raises(PolicyError, match="memory"):
        BankModel(memory=0.5)


def test_members_that_are_not_alike_adopt_nothing() -> None:
    """After a turn the one that forgets is ahead: what is alike goes on from it, what is not as if it were alone."""
    alone = RidgeModel()
    alike, unlike = (
        BankModel(members=[RidgeModel(), RidgeModel(squares=squares, half_life=50.0)]) for squares in (True, False)
    )
    for t in range(1000):
        for model in (alone, alike, unlike):
            model.learn({}, ONE, 0, 0.2 if t < 500 else 0.9)
    assert not bitwise_equal(alike.members[0].state(), alone.state())
    assert bitwise_equal(unlike.members[0].state(), alone.state())


def test_members_must_be_on_one_device() -> None:
    with pytest.raises(PolicyError, match="one device"):
        BankModel(members=[RidgeModel(), RidgeModel(device="numpy")])


def lift(model: Model, stream: simulations.Stream, start: int) -> float:
    return simulations.lift(stream, simulations.play(LinearPolicy(model=model), stream, 0), start)


def test_the_bank_recovers_after_a_change() -> None:
    stream = simulations.drift(5, 6_000, 0)
    assert lift(BankModel(), stream, 3_000) > lift(RidgeModel(), stream, 3_000) + 0.2


def test_the_bank_loses_little_on_stationary_data() -> None:
    stream = simulations.clicks(0.2, 5, 6_000, 0)
    assert lift(BankModel(), stream, 0) > lift(SoftmaxPolicy().model, stream, 0) - 0.05


@pytest.mark.parametrize("model", [RidgeModel(), LogisticModel(), HybridModel(own=1.0)], ids=lambda model: model.name)
def test_a_policy_discounts_one_action_or_all(model: Model) -> None:
    both, policy = Actions(("a", "b")), LinearPolicy(model=model.fresh())
    for t in range(50):
        policy.learn({"x": float(t % 5)}, both, t % 2, 0.9, 0.5)
    before = policy.estimates({"x": 2.0}, both)
    policy.discount(0.1, "a")
    one = policy.estimates({"x": 2.0}, both)
    assert one.sd[0] > 1.5 * before.sd[0]
    assert (one.sd[1], one.mean[1]) == (before.sd[1], before.mean[1])
    policy.discount(0.1)
    every = policy.estimates({"x": 2.0}, both)
    assert every.sigma * every.sd[1] > 1.5 * before.sigma * before.sd[1]
    policy.discount(0.1, "never seen")


@pytest.mark.parametrize("device", ["cpu", "numpy", "array_api_strict"])
def test_the_shared_posterior_is_discounted_like_the_dense_one(device: str) -> None:
    rng, model, retain = np.random.default_rng(0), HybridModel(device=device), 0.3
    actions = Actions(("a", "b", "c"), tuple(rng.normal(size=(3, 2))))
    for t in range(60):
        model.learn(rng.normal(size=3), actions, t % 3, float(rng.random()))
    before, w = _shared(model)
    model.discount(retain)
    A = np.linalg.inv(before)  # noqa: N806 # a matrix keeps its capital
    expected = np.linalg.inv(retain * A + (1.0 - retain) * np.eye(len(A)))
    found, forgotten = _shared(model)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(forgotten, retain * expected @ A @ w, rtol=1e-9, atol=1e-12)


def _shared(model: HybridModel) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Q of all products, and w and w1 as columns."""
    crossed = model.state()["crossed"]
    dx, dz = crossed["w"].shape
    dense = np.empty((dx, dz, dx, dz))
    for i in range(dx):
        for j in range(i + 1):
            block = crossed["Q"][i * (i + 1) // 2 + j]
            dense[i, :, j, :], dense[j, :, i, :] = block, block.T
    return dense.reshape(dx * dz, dx * dz), np.stack([crossed[name].ravel() for name in ("w", "w1")], axis=1)
