"""The ridge posterior: kernels and array formulas against a dense solve, growth, layout and limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from croupier_policies import Actions, LinearPolicy, RidgeModel, TooLarge, Vector
from croupier_policies.backends import select as devices
from croupier_policies.backends.noise import Noise
from croupier_policies.base import Row
from croupier_policies.encoding.scaler import SparseRow
from croupier_policies.models.posteriors import ActionPosteriors
from croupier_policies.reference import ridge as reference
from croupier_policies.reference.constants import LANES

DEVICES = pytest.mark.parametrize("device", ["cpu", "numpy", "array_api_strict"])


class Textbook:
    """A_a = I + Σ xxᵀ, solved at every prediction; rows are dense."""

    def __init__(self, d: int) -> None:
        self.d = d
        self.rows: dict[str, list[tuple[Vector, float]]] = {}
        self.rewards: list[float] = []
        self.squares = 0.25

    def query(self, action: str, x: Vector) -> tuple[float, float]:
        centre = float(np.mean(self.rewards)) if self.rewards else 0.5
        seen = self.rows.get(action, [])
        X = np.array([row for row, _ in seen]).reshape(-1, self.d)  # noqa: N806 # a matrix keeps its capital
        A = np.eye(self.d) + X.T @ X  # noqa: N806
        r = np.array([reward for _, reward in seen])
        mean = centre + x @ np.linalg.solve(A, X.T @ (r - centre))  # centred, which is θ - r̄·θ1
        return mean, math.sqrt(x @ np.linalg.solve(A, x))

    def learn(self, action: str, x: Vector, reward: float) -> None:
        mean, sd = self.query(action, x)
        self.squares += (reward - mean) ** 2 / (1.0 + sd**2)
        self.rows.setdefault(action, []).append((x, reward))
        self.rewards.append(reward)

    @property
    def sigma(self) -> float:
        return math.sqrt(self.squares / (1 + len(self.rewards)))


class Ridge:
    """The ridge model without the encoding."""

    def __init__(self, device: str, max_bytes: int = 2**30, prior: float = 1.0) -> None:
        self.posteriors = ActionPosteriors(devices.backend_for(device), max_bytes, prior)
        self.noise = Noise()

    def learn(self, action: str, row: SparseRow, reward: float, columns: int) -> None:
        posteriors, centre = self.posteriors, self.noise.mean_reward
        slot = posteriors.admit(action, columns)
        quadratic, predicted, predicted1 = posteriors.backend.ridge_step(
            row, columns, posteriors.posterior, slot, reward
        )
        self.noise.add(reward, centre + predicted - centre * predicted1, quadratic)

    def scores(self, rows: list[SparseRow], ids: list[str]) -> Vector:
        """Mean and sd of each action, (2, K), as a numpy array."""
        posteriors, slots = self.posteriors, np.array([self.posteriors.slots.get(id, -1) for id in ids], dtype=np.int64)
        pair = posteriors.backend.scores(rows, posteriors.columns, posteriors.posterior, self.noise.mean_reward, slots)
        return np.array([np.asarray(part) for part in pair])


def sparse(x: Vector) -> SparseRow:
    cols = np.flatnonzero(x)
    return SparseRow(cols, x[cols], 0.0)


def vectors(rng: np.random.Generator, n: int, d: int) -> Vector:
    X = rng.normal(size=(n, d)) * (rng.random((n, d)) < 0.7)  # noqa: N806
    X[:, 0] = 1.0
    return X


@DEVICES
@settings(max_examples=12)
@given(d=st.integers(1, 9), actions=st.integers(1, 2 * LANES + 3), n=st.integers(0, 60), seed=st.integers(0, 10**6))
def test_it_equals_the_dense_solution(device: str, d: int, actions: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ridge, book = Ridge(device), Textbook(d)
    ids = [f"a{k}" for k in range(actions)]
    for x in vectors(rng, n, d):
        action, reward = ids[rng.integers(actions)], float(rng.random())
        ridge.learn(action, sparse(x), reward, d)
        book.learn(action, x, reward)
    x = vectors(rng, 1, d)[0] if n else np.eye(d)[0]  # before any row there is the intercept only
    expected = np.array([book.query(id, x) for id in ids]).T
    np.testing.assert_allclose(ridge.scores([sparse(x)], ids), expected, rtol=0, atol=1e-9)
    assert ridge.noise.sigma == pytest.approx(book.sigma, abs=1e-9)
    assert ridge.noise.mean_reward == pytest.approx(np.mean(book.rewards) if n else 0.5)


@DEVICES
def test_separate_rows_score_as_single_ones(device: str) -> None:
    rng, d = np.random.default_rng(0), 5
    ridge, ids = Ridge(device), [f"a{k}" for k in range(20)]
    for t, x in enumerate(vectors(rng, 100, d)):
        ridge.learn(ids[t % 19], sparse(x), float(rng.random()), d)
    rows = [sparse(x)._replace(unseen=0.1 * k) for k, x in enumerate(vectors(rng, 20, d))]
    together = ridge.scores(rows, ids)
    for k, row in enumerate(rows):
        np.testing.assert_allclose(together[:, k], ridge.scores([row], ids[k : k + 1])[:, 0], rtol=0, atol=1e-12)


@DEVICES
def test_unseen_values_add_their_prior_variance(device: str) -> None:
    ridge = Ridge(device)
    ridge.learn("a", sparse(np.array([1.0, 2.0])), 1.0, 2)
    row = sparse(np.array([1.0, 1.0]))
    known, more = (ridge.scores([row._replace(unseen=unseen)], ["a", "b"]) for unseen in (0.0, 3.0))
    np.testing.assert_array_equal(more[0], known[0])
    np.testing.assert_allclose(more[1] ** 2, known[1] ** 2 + 3.0, rtol=1e-12)
    assert known[1][1] == pytest.approx(math.sqrt(2.0))  # the prior of an action never learned


@DEVICES
def test_the_packed_triangle(device: str) -> None:
    rng, d = np.random.default_rng(0), 4
    ridge, X = Ridge(device), vectors(rng, 30, d)  # noqa: N806
    for k in range(LANES + 2):
        ridge.learn(f"a{k}", sparse(X[0]), 0.5, d)
    for x in X[1:]:
        ridge.learn(f"a{LANES + 1}", sparse(x), 0.5, d)
    inverse = np.linalg.inv(np.eye(d) + X.T @ X)
    state = ridge.posteriors.state()
    assert state["P"].shape == (2, d * (d + 1) // 2, LANES)
    np.testing.assert_allclose(state["P"][1, :, 1], inverse[np.tril_indices(d)], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(state["P"][1, :, 2], np.eye(d)[np.tril_indices(d)])  # a spare lane: the prior
    weights = reference.packed(np, X[:1])[0]
    assert weights @ state["P"][1, :, 1] == pytest.approx(X[0] @ inverse @ X[0])


@DEVICES
@settings(max_examples=8)
@given(seed=st.integers(0, 10**6), steps=st.lists(st.integers(1, 4), min_size=2, max_size=6))
def test_growing_equals_allocating_everything_at_first(device: str, seed: int, steps: list[int]) -> None:
    rng, widest = np.random.default_rng(seed), sum(steps)
    grown, known = (Ridge(device) for _ in range(2))
    for t, d in enumerate(np.cumsum(steps)):
        for x in vectors(rng, 8, int(d)):
            action, reward = f"a{rng.integers(10 * (t + 1))}", float(rng.random())
            grown.learn(action, sparse(x), reward, int(d))
            known.learn(action, sparse(x), reward, widest)
    one, other = grown.posteriors.state(), known.posteriors.state()
    assert one["actions"] == other["actions"]
    for part in ("P", "theta", "theta1"):
        np.testing.assert_allclose(one[part], other[part], rtol=0, atol=1e-9)
    assert grown.noise.sigma == pytest.approx(known.noise.sigma, abs=1e-12)


def test_memory_stays_within_the_stated_limit() -> None:
    for groups, d in ((1, 5), (3, 20), (2, 41)):
        needed = Ridge("cpu").posteriors.bytes_for(groups * LANES, d)
        ridge = Ridge("cpu", needed)
        for k in range(groups * LANES):
            columns = 1 + k * (d - 1) // (groups * LANES - 1)
            ridge.learn(f"a{k}", sparse(np.ones(columns)), 0.5, columns)
        assert ridge.posteriors.columns_for("a0") == d
        assert ridge.posteriors.columns_for("one more") < d
        ridge.posteriors.check(groups * LANES, d)
        with pytest.raises(TooLarge, match=f"{groups * LANES} actions with {d + 1} columns"):
            ridge.posteriors.check(groups * LANES, d + 1)
        assert sum(array.nbytes for array in ridge.posteriors.posterior[:3]) <= needed


def _full(model: RidgeModel) -> None:
    for t in range(60):
        model.learn({"x": float(t % 5), "city": f"c{t}"}, Actions(("a", "b")), t % 2, float(t % 2))


def test_without_memory_for_more_columns_known_ones_still_learn() -> None:
    model = RidgeModel(max_bytes=40_000)
    _full(model)
    state = model.state()
    columns = state["encoder"]["size"]
    assert columns == state["posteriors"]["theta"].shape[1] < 60
    assert state["encoder"]["ignored"] > 0
    _full(model)
    state = model.state()
    assert state["encoder"]["size"] == columns
    assert state["noise"]["count"] == 120
    mean = model.estimates({"x": 2.0}, Actions(("a", "b"))).mean
    assert mean[0] < 0.1 < 0.9 < mean[1]


def test_without_memory_for_more_actions_new_ones_are_refused_at_prediction() -> None:
    policy = LinearPolicy(model=RidgeModel(max_bytes=6_000))
    row: Row = {"x": 1.0}
    ids = tuple(f"a{k}" for k in range(100))
    for k in range(LANES):
        policy.learn(row, Actions(ids[:LANES]), k, 1.0, 0.5)
    with pytest.raises(TooLarge, match=r"100 actions with 3 columns .* max_bytes"):
        policy.probabilities(row, Actions(ids))
    before = policy.state()
    for k in range(LANES, 100):
        policy.learn(row, Actions(ids), k, 1.0, 0.5)
    after = policy.state()
    learned = after["noise"]["count"] - before["noise"]["count"]
    assert after["ignored"] == 100 - LANES - learned > 0
    assert policy.probabilities(row, Actions(ids[:LANES])).shape == (LANES,)
