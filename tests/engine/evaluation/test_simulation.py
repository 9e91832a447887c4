"""Bias and coverage where the truth is known. The bounds fail a right implementation less than once in a thousand."""

import math

import numpy as np
import pytest

from croupier.evaluation import ESTIMATORS, Diagnostics, EstimatorInputs, SampleMoments, judge

RATES = np.array([0.05, 0.1, 0.15, 0.2])
TARGET = np.array([0.1, 0.2, 0.3, 0.4])
TRUTH = float(TARGET @ RATES)


def logs(count, n, rng, floor=0.4):
    """`count` logs of n rows whose logging policy prefers an action of its own in every row."""
    favourite = rng.integers(0, 4, (count, n))
    explored = rng.random((count, n)) < floor
    action = np.where(explored, rng.integers(0, 4, (count, n)), favourite)
    p = np.where(action == favourite, 1 - floor + floor / 4, floor / 4)
    reward = (rng.random((count, n)) < RATES[action]).astype(float)
    model = RATES * 0.8  # a reward model that is wrong, as they are
    for k in range(count):
        v = np.full(n, float(TARGET @ model))
        yield EstimatorInputs(TARGET[action[k]] / p[k], reward[k], model[action[k]], v)


def build_estimate(name, columns):
    return ESTIMATORS[name].estimate(SampleMoments.of(ESTIMATORS[name].terms(columns)))


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_estimates_are_centred_on_the_truth(name):
    values = np.array([build_estimate(name, columns).value for columns in logs(400, 4000, np.random.default_rng(11))])
    assert abs(values.mean() - TRUTH) <= 3.3 * values.std(ddof=1) / math.sqrt(len(values))


def test_the_direct_method_keeps_its_bias_and_dr_removes_it():
    columns = next(logs(1, 100_000, np.random.default_rng(12)))
    assert build_estimate("dm", columns).value == pytest.approx(0.8 * TRUTH)
    value, error = build_estimate("dr", columns)
    assert abs(value - TRUTH) <= 3.3 * error


def test_intervals_cover_where_the_verdict_passes():
    from scipy.stats import binom

    covered, passed = 0, 0
    for columns in logs(300, 8_000, np.random.default_rng(13)):
        if judge(Diagnostics.of(columns.w, columns.r, np.zeros_like(columns.w))).enough:
            value, error = build_estimate("dr", columns)
            passed, covered = passed + 1, covered + (abs(value - TRUTH) <= 1.959964 * error)
    assert passed >= 250
    assert covered >= binom.ppf(0.0005, passed, 0.95)
