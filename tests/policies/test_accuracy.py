"""Accuracy of the defaults in one pass over raw rows, and on smaller reference simulations.

A comment gives mean ± standard deviation as measured over many seeds; each bound lies at least three of them away.
"""

import numpy as np
import pytest
from numpy.typing import NDArray
from river import datasets
from sklearn.datasets import load_digits

from croupier_policies import InverseGapPolicy, Policy, SoftmaxPolicy, UniformPolicy
from support import simulations

Labelled = tuple[NDArray[np.float64], NDArray[np.int64]]
BOTH = pytest.mark.parametrize("make", [SoftmaxPolicy, InverseGapPolicy])


def digits() -> Labelled:
    rows, labels = load_digits(return_X_y=True)
    return rows, labels


def rivers(dataset: datasets.base.Dataset) -> Labelled:
    pairs = list(dataset)
    rows = np.array([[float(value) for value in x.values()] for x, _ in pairs])
    return rows, np.unique([str(y) for _, y in pairs], return_inverse=True)[1].astype(np.int64)


def error(make: type[Policy], data: Labelled, shuffles: int = 5) -> float:
    streams = [simulations.classes(*data, seed) for seed in range(shuffles)]
    return float(np.mean([1.0 - simulations.play(make(), s, seed).mean() for seed, s in enumerate(streams)]))


@BOTH
def test_digits(make: type[Policy]) -> None:
    assert error(make, digits()) <= 0.18  # .169 ± .003, and .154


@BOTH
def test_image_segments(make: type[Policy]) -> None:
    assert error(make, rivers(datasets.ImageSegments())) <= 0.135  # .124 ± .002, and .121


@BOTH
def test_phishing(make: type[Policy]) -> None:
    assert error(make, rivers(datasets.Phishing())) <= 0.11  # .094 ± .0025, and .098


def lift(make: type[Policy], stream: simulations.Stream, start: int = 0) -> float:
    return simulations.lift(stream, simulations.play(make(), stream, 0), start)


@BOTH
def test_clicks(make: type[Policy]) -> None:
    assert lift(make, simulations.clicks(0.05, 5, 10_000, 0), 5_000) >= 0.8  # .90 ± .03


@BOTH
def test_continuous_rewards(make: type[Policy]) -> None:
    assert lift(make, simulations.continuous(10, 4_000, 0)) >= 0.88  # .918 ± .010


@BOTH
def test_drift(make: type[Policy]) -> None:
    assert lift(make, simulations.drift(5, 6_000, 0)) >= 0.45  # .665 ± .067


@BOTH
def test_many_actions_with_features(make: type[Policy]) -> None:
    assert (
        np.mean([lift(make, simulations.many(30, 3_000, seed)) for seed in range(2)]) >= 0.22
    )  # .42 ± .05, and .49 ± .06


@BOTH
def test_regret_without_contexts(make: type[Policy]) -> None:
    assert simulations.regret_ratio(make, 3_000, range(4)) <= 2.5  # 1.0 ± .3; the uniform policy's is 9


def test_simulations_have_their_stated_properties() -> None:
    stream = simulations.clicks(0.01, 10, 20_000, 1)
    assert stream.means.mean() == pytest.approx(0.01, rel=1e-6)
    assert stream.rewards.mean() == pytest.approx(0.01, rel=0.1)
    assert simulations.many(20, 2_000, 1).means.mean() == pytest.approx(0.05, rel=1e-6)
    continuous = simulations.continuous(10, 20_000, 1)
    assert (continuous.rewards - continuous.means).std() == pytest.approx(0.1, rel=0.01)
    first, second = np.split(simulations.drift(5, 4_000, 1).means.mean(axis=1), 2)
    assert abs(first.mean() - second.mean()) > 0.01, "nothing was redrawn at half-time"


def test_lift_lies_between_uniform_and_oracle() -> None:
    stream = simulations.continuous(10, 500, 0)
    assert simulations.lift(stream, stream.means.mean(axis=1)) == pytest.approx(0.0)
    assert simulations.lift(stream, stream.means.max(axis=1)) == pytest.approx(1.0)
    assert simulations.lift(stream, simulations.play(UniformPolicy(), stream, 0)) == pytest.approx(0.0)


def test_thompson_sampling_has_the_published_regret() -> None:
    forgone = simulations.thompson_regret((0.9, 0.5), 2_000, 50, 0)
    assert 0.4 * 2.0 < forgone < 0.4 * 20.0  # it must try the worse one, and soon stops
