"""The sequential test for sample-ratio mismatch."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammaln

from croupier.errors import InputError
from croupier.studies.statistics.sample_ratio import sample_ratio_test
from support import experiments as sim


def test_under_constant_weights_it_is_the_dirichlet_multinomial() -> None:
    rng = np.random.default_rng(1)
    p, k, n = np.array([0.2, 0.3, 0.5]), 40.0, 500
    variant = rng.choice(3, size=n, p=[0.3, 0.3, 0.4])
    found = sample_ratio_test(variant, np.tile(p, (n, 1)), k)
    counts = np.bincount(variant)
    marginal = gammaln(k) - gammaln(k + n) + (gammaln(k * p + counts) - gammaln(k * p)).sum()
    assert found.log_e[-1] == pytest.approx(marginal - counts @ np.log(p), rel=1e-9)


def test_its_expectation_is_one_under_any_weights() -> None:
    """Over all 3⁵ assignments of five units to three variants under changing weights."""
    weights = np.array([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0], [0.1, 0.1, 0.8], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.25, 0.25]])
    total = 0.0
    for ways in np.ndindex(3, 3, 3, 3, 3):
        chance = weights[np.arange(5), ways].prod()
        if chance > 0:
            total += chance * np.exp(sample_ratio_test(np.array(ways), weights, 2.0).log_e[-1])
    assert total == pytest.approx(1.0, rel=1e-12)


def test_p_never_increases_and_the_alarm_is_its_first_crossing() -> None:
    found = sample_ratio_test(np.zeros(80, dtype=np.int64), np.full((80, 2), 0.5))
    assert (np.diff(found.p) <= 0).all()
    alarm = found.alarm(0.01)
    assert alarm is not None
    assert found.p[alarm - 1] <= 0.01 < found.p[alarm - 2]
    assert found.observed.tolist() == [80.0, 0.0]
    assert found.expected.tolist() == [40.0, 40.0]


def test_an_underfilled_hold_out_is_detected() -> None:
    rng = np.random.default_rng(2)
    variant = rng.choice(3, size=4_000, p=[0.05, 0.475, 0.475])
    assert sample_ratio_test(variant, np.tile([0.1, 0.45, 0.45], (4_000, 1))).alarm() is not None


@pytest.mark.parametrize("row", [[0.5, 0.4], [0.0, 1.0]])
def test_invalid_probabilities(row: list[float]) -> None:
    with pytest.raises(InputError):
        sample_ratio_test(np.zeros(1, dtype=np.int64), np.array([row]))


def test_false_alarms_are_rare_in_the_simulation() -> None:
    assert sum(sim.false_alarm(seed) for seed in range(20)) <= 2
