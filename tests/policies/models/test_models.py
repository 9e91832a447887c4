"""Hybrid and logistic models and random Fourier features against their formulas."""

import math
from typing import Any

import numpy as np
import pytest

from croupier_policies import (
    Actions,
    HybridModel,
    InverseGap,
    InverseGapPolicy,
    LinearPolicy,
    LogisticModel,
    PolicyError,
    RidgeModel,
    SoftmaxPolicy,
    TooLarge,
)
from croupier_policies.checks.states import bitwise_equal
from croupier_policies.encoding.encoder import Encoder
from croupier_policies.encoding.fourier import FourierFeatures
from support import simulations

DEVICES = pytest.mark.parametrize("device", ["cpu", "numpy", "array_api_strict"])
IDS = ("a", "b", "c")


class Textbook:
    """Two dense blocks with a common innovation."""

    def __init__(self, dx: int, dz: int, own: float) -> None:
        self.Q, self.P = np.eye(dx * dz), {id: own * np.eye(dx) for id in IDS}
        self.w, self.delta = np.zeros((2, dx * dz)), {id: np.zeros((2, dx)) for id in IDS}

    def query(self, x, z, action, centre):  # type: ignore[no-untyped-def]
        phi = np.outer(x, z).ravel()
        means = self.w @ phi + self.delta[action] @ x
        return centre + means[0] - centre * means[1], phi @ self.Q @ phi + x @ self.P[action] @ x

    def learn(self, x, z, action, reward):  # type: ignore[no-untyped-def]
        phi = np.outer(x, z).ravel()
        qphi, px = self.Q @ phi, self.P[action] @ x
        gain = 1.0 / (1.0 + phi @ qphi + x @ px)
        error = np.array([reward, 1.0]) - self.w @ phi - self.delta[action] @ x
        self.w += gain * error[:, None] * qphi
        self.delta[action] += gain * error[:, None] * px
        self.Q -= gain * np.outer(qphi, qphi)
        self.P[action] -= gain * np.outer(px, px)


def encoders(model: HybridModel) -> tuple[Encoder, Encoder]:
    """Those of contexts and of features as the model has them by now."""
    found, state = (Encoder(512, squares=False), Encoder(512, squares=False)), model.state()
    for encoder, name in zip(found, ("contexts", "features"), strict=True):
        encoder.restore(state[name])
    return found


@DEVICES
def test_a_hybrid_is_two_blocks_with_one_innovation(device: str) -> None:
    rng, z = np.random.default_rng(0), np.random.default_rng(1).normal(size=(3, 2))
    model, book = HybridModel(own=0.2, device=device), Textbook(4, 3, 0.2)
    actions, rewards = Actions(IDS, tuple(z)), []
    for t, x in enumerate(rng.normal(size=(50, 3))):
        k, reward = t % 3, float(rng.random())
        model.learn(x, actions, k, reward)
        contexts, features = encoders(model)
        book.learn(contexts.encode(x).dense(4), features.encode(z[k]).dense(3), IDS[k], reward)
        rewards.append(reward)
    found = model.estimates(np.ones(3), actions)
    contexts, features = encoders(model)
    x = contexts.encode(np.ones(3)).dense(4)
    for k, id in enumerate(IDS):
        mean, variance = book.query(x, features.encode(z[k]).dense(3), id, np.mean(rewards))
        assert float(found.mean[k]) == pytest.approx(mean, abs=1e-9)
        assert float(found.sd[k]) == pytest.approx(math.sqrt(variance), abs=1e-9)


def test_named_and_array_features_are_equivalent_for_a_hybrid() -> None:
    rng = np.random.default_rng(0)
    one, other = HybridModel(), HybridModel()
    for t in range(40):
        x, z, k, reward = rng.normal(size=2), rng.normal(size=(3, 2)), t % 3, float(rng.random())
        arrays = x, Actions(IDS, tuple(z))
        named = _named(x), Actions(IDS, tuple(map(_named, z)))
        np.testing.assert_allclose(one.estimates(*arrays).mean, other.estimates(*named).mean, rtol=0, atol=1e-9)
        one.learn(*arrays, k, reward)
        other.learn(*named, k, reward)


def _named(row):  # type: ignore[no-untyped-def]
    return {f"x{i}": float(value) for i, value in enumerate(row)}


def test_a_new_action_is_scored_by_its_features() -> None:
    rng, model = np.random.default_rng(0), HybridModel()
    for _ in range(400):
        z = rng.normal(size=(3, 1))
        k = int(rng.integers(3))
        model.learn({}, Actions(IDS, tuple(z)), k, 0.5 + 0.4 * math.tanh(z[k, 0]))
    newcomers = Actions(("x", "y"), (np.array([-2.0]), np.array([2.0])))
    mean = model.estimates({}, newcomers).mean
    assert mean[0] < 0.3 < 0.7 < mean[1]


def test_the_error_for_too_many_products_says_what_to_reduce() -> None:
    wide = Actions(("a",), (np.zeros(60),))
    with pytest.raises(TooLarge, match=r"61 context columns crossed with 61 action columns .* fewer fields"):
        HybridModel(max_bytes=1 << 20).estimates(np.zeros(60), wide)


def test_a_hybrid_earns_more_than_ridge_on_many_actions() -> None:
    stream = simulations.many(60, 3_000, 0)
    hybrid = LinearPolicy(model=HybridModel(), law=InverseGap(alpha=0.25))
    lifts = [simulations.lift(stream, simulations.play(policy, stream, 0)) for policy in (hybrid, SoftmaxPolicy())]
    assert lifts[0] > lifts[1] + 0.1


def test_logistic_coefficients_are_those_of_the_rates() -> None:
    rng, model = np.random.default_rng(0), LogisticModel(squares=False)
    for x in rng.normal(size=(6_000, 2)):
        chance = 1.0 / (1.0 + math.exp(-(x[0] - 0.5 * x[1] - 2.0)))
        model.learn(x, Actions(("a",)), 0, float(rng.random() < chance))
    for x in rng.normal(size=(20, 2)):
        expected = 1.0 / (1.0 + math.exp(-(x[0] - 0.5 * x[1] - 2.0)))
        estimates = model.estimates(x, Actions(("a",)))
        noise = expected * (1.0 - expected) * 4.0 / math.sqrt(6_000 * expected * (1.0 - expected)) + 0.02
        assert estimates.mean[0] == pytest.approx(expected, abs=noise)
        assert 0.0 < estimates.sd[0] * estimates.sigma < 0.1


@DEVICES
def test_one_logistic_step_by_hand(device: str) -> None:
    model = LogisticModel(device=device)
    model.learn({}, Actions(("a",)), 0, 1.0)
    p, base = 0.5, math.log(0.75 / 0.25)  # of one success, with half a success and half a failure before
    theta = (1.0 - p) / (1.0 + p * (1.0 - p))
    expected = 1.0 / (1.0 + math.exp(-(base + theta)))
    assert float(model.estimates({}, Actions(("a",))).mean[0]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("power", "best"), [(1, 0), (2, 1)])
@pytest.mark.parametrize("make", [SoftmaxPolicy, InverseGapPolicy])
def test_the_default_follows_the_better_predictor(make: Any, power: int, best: int) -> None:
    policy, rng = make(), np.random.default_rng(0)
    for t, x in enumerate(rng.uniform(-1.0, 1.0, size=(1_000, 10))):
        noise = 0.02 * float(rng.normal())
        policy.learn(x, Actions(("a", "b")), t % 2, float(np.clip(0.5 + 0.2 * x[0] ** power + noise, 0.0, 1.0)), 0.5)
    assert policy.model.best is policy.model.members[best]
    context, actions = np.full(10, 0.9), Actions(("a", "b"))
    mean = policy.estimates(context, actions).mean
    assert mean.tolist() == policy.model.members[best].estimates(context, actions).mean.tolist()
    assert mean == pytest.approx(0.5 + 0.2 * 0.9**power, abs=0.05)


def test_a_batch_skips_what_single_events_would_skip() -> None:
    rng, ids = np.random.default_rng(0), tuple(f"a{k}" for k in range(60))
    one, batch = RidgeModel(max_bytes=20_000), RidgeModel(max_bytes=20_000)
    contexts, indices, rewards = rng.normal(size=(90, 4)), rng.integers(60, size=90), rng.random(90)
    events = zip(contexts, indices.tolist(), rewards.tolist(), strict=True)
    expected = [one.learn(x, Actions(ids), k, reward) for x, k, reward in events]
    np.testing.assert_array_equal(batch.learn_batch(contexts, Actions(ids), indices, rewards), expected)
    assert np.isnan(expected).sum() == one.ignored  # what is skipped is told from what is predicted
    assert 0 < one.ignored < 90
    assert bitwise_equal(one.state(), batch.state())


def test_fourier_features_fit_a_nonlinear_relation() -> None:
    rows, errors = np.random.default_rng(0).uniform(-1.0, 1.0, size=(3_000, 2)), {}
    truth = np.sin(3.0 * rows[:, 0]) * rows[:, 1] > 0.0
    for waves in (0, 64):
        model = RidgeModel(waves=waves)
        for x, right in zip(rows, truth, strict=True):
            model.learn(x, Actions(("a",)), 0, float(right))
        found = np.array([float(model.estimates(x, Actions(("a",))).mean[0]) for x in rows[:300]])
        errors[waves] = np.mean((found > 0.5) != truth[:300])
    assert errors[64] < 0.15 < errors[0]


def test_fourier_features_have_the_stated_distribution() -> None:
    waves = FourierFeatures(64, seed=1)
    matrix = waves.matrix(5, 200)
    assert matrix.shape == (201, 64)
    assert matrix[:-1].std() * math.sqrt(200) == pytest.approx(1.2, rel=0.05)
    assert np.linalg.norm(waves.features([(5, 0.3), (9, -1.0)], 2)) == pytest.approx(3.0, rel=0.2)
    assert (FourierFeatures(64, seed=2).matrix(5, 200) != matrix).any()
    with pytest.raises(PolicyError, match="leave no column"):
        RidgeModel(waves=64, max_columns=64)
