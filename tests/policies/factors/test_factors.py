"""Latent factors: kernels against formulas, initial factors, learning and limits."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier_policies import Actions, FactorLearner, PolicyError
from croupier_policies.checks.states import bitwise_equal
from croupier_policies.factors.svd import PRIOR, InitialFactors, truncated_svd
from croupier_policies.factors.tables import RowTable, hashed_factors
from croupier_policies.kernels import factors as factor_kernels
from croupier_policies.reference import factors as factor_reference
from croupier_policies.reference.factors import LearningRates


def ratings(n: int, seed: int = 0, users: int = 60, items: int = 40) -> tuple[list[str], list[str], np.ndarray]:
    """Ratings with two latent binary factors, 0 to 1, with noise."""
    rng = np.random.default_rng(seed)
    tastes, traits = np.random.default_rng(99).normal(size=(2, 100, 2))
    i, j = rng.integers(users, size=n), rng.integers(items, size=n)
    values = np.clip(0.5 + 0.15 * (tastes[i] * traits[j]).sum(axis=1) + rng.normal(0.0, 0.05, n), 0.0, 1.0)
    return [f"u{k}" for k in i], [f"i{k}" for k in j], values


@given(st.integers(0, 2**32), st.integers(0, 5))
def test_kernels_equal_the_formulas(seed: int, rank: int) -> None:
    rng = np.random.default_rng(seed)
    of_users, of_items = rng.normal(size=(5, 1 + rank)), rng.normal(size=(4, 1 + rank))
    i, j, values = rng.integers(5, size=30), rng.integers(4, size=30), rng.random(30)
    rates = LearningRates(0.2, 0.02, 0.05, 0.03)
    ours = of_users.copy(), of_items.copy(), np.zeros(5, dtype=np.int64), np.zeros(4, dtype=np.int64)
    theirs = of_users.copy(), of_items.copy(), np.zeros(5, dtype=np.int64), np.zeros(4, dtype=np.int64)
    factor_kernels.learn(i, j, values, 0.4, *ours, *rates)
    factor_reference.learn(i, j, values, 0.4, theirs[0], theirs[1], theirs[2:], rates)
    for one, other in zip(ours, theirs, strict=True):
        assert one == pytest.approx(other, abs=1e-12)
    out = np.empty(30)
    factor_kernels.predict(i, j, 0.4, *ours[:2], out)
    expected = [0.4 + factor_reference.score(ours[0][a], ours[1][b]) for a, b in zip(i, j, strict=True)]
    assert out == pytest.approx(np.clip(expected, 0.0, 1.0), abs=1e-12)


def test_unknown_users_and_items_are_predicted_the_mean() -> None:
    learner = FactorLearner(start=truncated_svd(*ratings(2000), rank=2))
    for user, item in ((None, "i1"), ("nobody", "i1"), ("u1", "nothing")):
        before = learner.state()
        assert 0.0 <= learner.predict_pair(user, item) <= 1.0
        assert bitwise_equal(before, learner.state())
    assert learner.predict_pair("nobody", "nothing") == learner.mean


def test_initial_factors_decompose_the_residuals_of_the_biases() -> None:
    users, items, values = ratings(3000)
    start = truncated_svd(users, items, values, rank=3)
    again = truncated_svd(users, items, values, rank=3)
    assert bitwise_equal([start.U, start.V], [again.U, again.V])
    i, j = ([names.index(name) for name in column] for names, column in ((start.users, users), (start.items, items)))
    rest = np.zeros((len(start.users), len(start.items)))
    np.add.at(rest, (i, j), values - start.mean - start.V[j, 0] - start.U[i, 0])
    left, sigma, right = np.linalg.svd(rest)
    assert start.U[:, 1:] @ start.V[:, 1:].T == pytest.approx(left[:, :3] * sigma[:3] @ right[:3], abs=1e-9)
    assert (np.abs(start.V[:, 1:]).max(axis=0) == start.V[:, 1:].max(axis=0)).all(), "the sign convention"
    first = values[np.array(j) == 0] - start.mean
    assert start.V[0, 0] == pytest.approx(first.sum() / (len(first) + PRIOR))


def test_initial_factors_survive_the_configuration_bit_for_bit() -> None:
    start = truncated_svd(*ratings(500), rank=2)
    learner = FactorLearner(start=start)
    twin = FactorLearner(**json.loads(json.dumps(learner.config())))
    assert bitwise_equal(twin.state(), learner.state())
    assert bitwise_equal(learner.fresh().state(), learner.state())
    with pytest.raises(PolicyError, match="the initial factors cannot be read"):
        InitialFactors.from_config(start.config() | {"U": "AAAA"})


@pytest.mark.parametrize(
    ("values", "rank"), [([0.5, 1.0], 1), ([0.5, 2.0, 0.1], 1), ([np.nan] * 3, 1), ([0.5] * 3, 3), ([0.5] * 3, 0)]
)
def test_invalid_ratings_are_refused(values: list[float], rank: int) -> None:
    with pytest.raises(PolicyError):
        truncated_svd(["a", "b", "c"], ["x", "y", "z"], values, rank=rank)


def test_initial_factors_and_further_rewards_lower_the_loss() -> None:
    """The loss on new ratings falls from untrained to initial factors to further learning."""
    users, items, values = ratings(4000)
    late = ratings(4000, seed=1)
    cold, warm = FactorLearner(rank=4), FactorLearner(start=truncated_svd(users, items, values, rank=4))
    for user, item, value in zip(*late, strict=True):
        cold.learn_pair(user, item, float(value))
        warm.learn_pair(user, item, float(value))
    assert warm.loss < 0.5 * cold.loss
    assert warm.loss < 0.5 * float(np.var(late[2]))
    frozen = FactorLearner(start=warm.start).predict_pairs(*late[:2])
    assert np.mean((warm.predict_pairs(*late[:2]) - late[2]) ** 2) < np.mean((frozen - late[2]) ** 2)


def test_several_epochs_recover_the_factors() -> None:
    users, items, values = ratings(4000)
    learner = FactorLearner(start=truncated_svd(users, items, values, rank=2), rate=0.05)
    learner.fit(users, items, values, epochs=20)
    held = ratings(1000, seed=2)
    assert np.sqrt(np.mean((learner.predict_pairs(*held[:2]) - held[2]) ** 2)) < 0.07, "the noise is 0.05"


def test_tables_are_bounded_and_grow_reproducibly() -> None:
    table = RowTable(2, limit=40)
    for k in range(60):
        table.add(f"n{k}", np.array([float(k), 1.0]))
    assert (len(table), table.ignored, table.find("n39"), table.find("n40")) == (40, 20, 39, -1)
    copy = RowTable(2, limit=40)
    copy.restore(table.state())
    assert bitwise_equal(copy.state(), table.state())
    assert copy.values[39].tolist() == [39.0, 1.0]
    limited = FactorLearner(rank=3, limit=8)
    for k in range(5):
        limited.learn_pair(f"u{k}", "x", 1.0)
    assert (len(limited.users), limited.users.ignored) == (2, 3)


def test_initial_values_depend_on_the_name() -> None:
    many = np.concatenate([hashed_factors(f"u{k}", "user", 0, 16, 0.1) for k in range(400)])
    assert abs(many.mean()) < 0.006
    assert many.std() == pytest.approx(0.1, abs=0.004)
    assert bitwise_equal(hashed_factors("a", "user", 1, 4, 0.1), hashed_factors("a", "user", 1, 4, 0.1))
    assert not bitwise_equal(hashed_factors("a", "user", 1, 4, 0.1), hashed_factors("a", "item", 1, 4, 0.1))


@pytest.mark.parametrize("wrong", [{"rate": 2.0}, {"shrink": float("nan")}, {"rank": -1}, {"limit": 0}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(PolicyError):
        FactorLearner(**wrong)  # type: ignore[arg-type] # on purpose


def test_an_array_context_has_no_user() -> None:
    learner = FactorLearner()
    learner.learn(np.array([1.0]), Actions(("a", "b")), 0, 1.0, 0.5)
    assert (len(learner.users), len(learner.items)) == (0, 1)
