"""The laws other than the defaults: by hand, against Monte Carlo, and at ties."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier_policies import Boltzmann, EpsilonGreedy, Estimates, Law, PolicyError, Thompson, UpperBound, registry
from croupier_policies.reference import laws

LAWS = registry.registered(Law)
MEAN, SD = np.array([0.5, 0.6, 0.2]), np.array([0.1, 0.05, 1.0])


def probabilities(law: Law, rewards: int = 99, mean: Any = MEAN, sd: Any = SD, sigma: float = 0.5) -> Any:
    return np.asarray(law.probabilities(np, Estimates(mean, sd, sigma, rewards)))


def test_boltzmann() -> None:
    score = MEAN + 2.0 * 0.25 * 0.5 * SD
    odds = np.exp(10.0 * score / 0.5)  # λ = 1·√100
    np.testing.assert_allclose(probabilities(Boltzmann(epsilon=0.0)), odds / odds.sum(), rtol=1e-12)
    fixed = Boltzmann(inverse_temperature=7.0, growth=0.0)
    np.testing.assert_array_equal(probabilities(fixed, rewards=0), probabilities(fixed, rewards=10**6))


@pytest.mark.parametrize(("rewards", "rate"), [(0, 1.0), (24, 0.2), (10**6, 0.03)])
def test_epsilon_greedy_decays_to_its_floor(rewards: int, rate: float) -> None:
    p = probabilities(EpsilonGreedy(epsilon=0.03), rewards)
    np.testing.assert_allclose(p, [rate / 3, 1.0 - rate * 2 / 3, rate / 3], rtol=1e-12)


def test_upper_bound_takes_the_best_bound() -> None:
    assert probabilities(UpperBound(epsilon=0.3)).tolist() == pytest.approx([0.1, 0.1, 0.8])
    assert probabilities(UpperBound(epsilon=0.3, alpha=0.0)).tolist() == pytest.approx([0.1, 0.8, 0.1])


@given(st.integers(2, 6), st.integers(0, 10**6), st.sampled_from([0.01, 0.3, 3.0]))
def test_thompson_is_the_probability_of_being_best(count: int, seed: int, unequal: float) -> None:
    rng = np.random.default_rng(seed)
    mean, sd = rng.normal(size=count), np.exp(rng.normal(0.0, unequal, count))
    samples = rng.normal(mean, 0.5 * sd, size=(40_000, count))
    share = np.bincount(samples.argmax(axis=1), minlength=count) / len(samples)
    np.testing.assert_allclose(probabilities(Thompson(epsilon=0.0), mean=mean, sd=sd), share, rtol=0, atol=0.016)


@given(st.floats(-3, 3), st.floats(0.01, 3), st.floats(0.01, 3))
def test_thompson_between_two(gap: float, one: float, other: float) -> None:
    p = probabilities(Thompson(epsilon=0.0), mean=np.array([gap, 0.0]), sd=np.array([one, other]), sigma=1.0)
    normal = 0.5 * (1.0 + math.erf(gap / math.sqrt(2.0 * (one**2 + other**2))))
    assert p[0] == pytest.approx(normal, abs=2e-3)


@pytest.mark.parametrize("name", LAWS)
def test_ties_get_equal_probabilities(name: str) -> None:
    mean, sd = np.array([0.1, 0.9, 0.9, 0.9]), np.full(4, 0.2)
    p = probabilities(LAWS[name](), mean=mean, sd=sd)
    np.testing.assert_allclose(p[1:], p[1], rtol=1e-12)
    assert p[0] < p[1]


@pytest.mark.parametrize("name", LAWS)
def test_zero_uncertainty_does_not_divide_by_zero(name: str) -> None:
    for sigma in (0.0, 0.3):
        p = probabilities(
            LAWS[name](epsilon=0.0), rewards=10**6, mean=np.array([0.6, 0.5]), sd=np.zeros(2), sigma=sigma
        )
        assert p.tolist() == pytest.approx([1.0, 0.0], abs=1e-2)
    assert probabilities(LAWS[name](), mean=np.zeros(2), sd=np.zeros(2), sigma=0.0).tolist() == pytest.approx(
        [0.5, 0.5]
    )


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("epsilon", [-0.1, 1.1, float("nan")])
def test_an_invalid_floor_is_refused(name: str, epsilon: float) -> None:
    with pytest.raises(PolicyError, match=r"between 0 and 1|must be a finite number"):
        LAWS[name](epsilon=epsilon)


def test_other_parameters_are_numbers_and_not_negative() -> None:
    for wrong in (-1.0, float("inf"), float("nan")):
        with pytest.raises(PolicyError, match="gamma must be"):
            registry.resolve(Law, {"name": "inverse-gap", "config": {"gamma": wrong}})
    with pytest.raises(PolicyError, match="is not registered"):
        registry.resolve(Law, {"name": "divination", "config": {}})


def test_the_normal_approximation_is_accurate() -> None:
    u = np.linspace(-6.0, 6.0, 601)
    exact = [0.5 * math.erfc(-each / math.sqrt(2.0)) for each in u]
    np.testing.assert_allclose(laws._normal(np, u), exact, rtol=0, atol=2e-4)
