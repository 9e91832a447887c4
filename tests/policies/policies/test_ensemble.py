"""Thompson sampling by a frozen ensemble, against the integral that it approximates."""

import numpy as np
import pytest

from croupier_policies import Actions, EnsemblePolicy, LinearPolicy, Policy, PolicyError, RidgeModel, Thompson

ACTIONS = Actions(tuple(f"a{k}" for k in range(5)))


def trained(policy: Policy) -> Policy:
    rng = np.random.default_rng(0)
    for _ in range(30):
        k = int(rng.integers(5))
        policy.learn(rng.normal(size=3), ACTIONS, k, float(rng.random() < 0.3 + 0.05 * k), 0.2)
    return policy


def test_many_members_give_the_probability_of_being_best() -> None:
    size, x = 4_000, np.array([0.5, -0.2, 1.0])
    votes = trained(EnsemblePolicy(size=size, epsilon=0.0)).probabilities(x, ACTIONS)
    exact = trained(LinearPolicy(model=RidgeModel(), law=Thompson(epsilon=0.0))).probabilities(x, ACTIONS)
    assert exact.min() > 0.01
    assert exact.max() < 0.9
    assert (np.abs(votes - exact) < 4.0 * np.sqrt(exact * (1.0 - exact) / size)).all()


def test_members_are_fixed_by_the_seed() -> None:
    x = np.zeros(3)
    one, again, other = (trained(EnsemblePolicy(seed=seed)).probabilities(x, ACTIONS) for seed in (0, 0, 1))
    assert one.tolist() == again.tolist() != other.tolist()


def test_without_spread_it_is_greedy() -> None:
    policy = trained(EnsemblePolicy(scale=0.0, epsilon=0.0))
    assert sorted(policy.probabilities(np.zeros(3), ACTIONS).tolist()) == [0.0, 0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"scale": -1.0}, {"seed": -1}, {"epsilon": 1.5}, {"scale": float("nan")}]
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(PolicyError):
        EnsemblePolicy(**wrong)  # type: ignore[arg-type] # they are wrong on purpose
