"""The exploration laws against their formulas, written out by hand."""

import math
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier_policies import Estimates, InverseGap, Softmax, Vector
from croupier_policies.backends import select as devices
from croupier_policies.reference import laws

CPU = devices.backend_for("cpu")


def softmax_on_cpu(mean: Vector, sd: Vector, sigma: float, alpha: float, v: float, epsilon: float) -> Vector:
    return CPU.apply_law(Softmax(alpha=alpha, v=v, epsilon=epsilon), Estimates(mean, sd, sigma, 0))


def inverse_gap_on_cpu(mean: Vector, sd: Vector, sigma: float, rewards: int, epsilon: float) -> Vector:
    return CPU.apply_law(InverseGap(alpha=0.5, epsilon=epsilon), Estimates(mean, sd, sigma, rewards))


def softmax_by_hand(mean: Any, sd: Any, sigma: float, alpha: float, v: float, epsilon: float) -> list[float]:
    score = [m + 2.0 * alpha * sigma * s for m, s in zip(mean, sd, strict=True)]
    b = score.index(max(score))
    spreads = [math.hypot(s, sd[b]) for s in sd]
    odds = [math.exp(-(score[b] - q) / (v * sigma * spread)) for q, spread in zip(score, spreads, strict=True)]
    return [(1.0 - epsilon) * o / sum(odds) + epsilon / len(odds) for o in odds]


def inverse_gap_by_hand(mean: Any, sd: Any, sigma: float, alpha: float, gamma: float, t: int, epsilon: float) -> Any:
    score = [m + 2.0 * alpha * sigma * s for m, s in zip(mean, sd, strict=True)]
    b, count = score.index(max(score)), len(score)
    q = [1.0 / (count + gamma * math.sqrt(count * (t + 1)) * (score[b] - s) / sigma) for s in score]
    q[b] = 1.0 - (sum(q) - q[b])
    return [(1.0 - epsilon) * each + epsilon / count for each in q]


def softmax(mean: Vector, sd: Vector, sigma: float = 0.3, epsilon: float = 0.01) -> Vector:
    return np.asarray(laws.softmax(np, mean, sd, sigma, 0.75, 0.1, epsilon))


def inverse_gap(mean: Vector, sd: Vector, sigma: float = 0.3, epsilon: float = 0.01) -> Vector:
    return np.asarray(laws.inverse_gap(np, mean, sd, sigma, 0.5, 15.0, 99, epsilon))


@st.composite
def estimates(draw: st.DrawFn) -> tuple[Vector, Vector]:
    count = draw(st.integers(1, 12))
    numbers = st.lists(st.floats(0, 1), min_size=count, max_size=count)
    return np.array(draw(numbers)), np.array(draw(numbers)) + 1e-3


LAWS = pytest.mark.parametrize("law", [softmax, inverse_gap])


@given(estimates(), st.floats(0.01, 2), st.floats(0, 1), st.floats(0.01, 2), st.floats(0, 1))
def test_softmax(given: tuple[Vector, Vector], sigma: float, alpha: float, v: float, epsilon: float) -> None:
    expected = softmax_by_hand(*given, sigma, alpha, v, epsilon)
    np.testing.assert_allclose(laws.softmax(np, *given, sigma, alpha, v, epsilon), expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(softmax_on_cpu(*given, sigma, alpha, v, epsilon), expected, rtol=0, atol=1e-9)


@given(st.permutations([0.1, 0.4, 0.7, 0.75]), estimates(), st.floats(0.01, 2), st.integers(0, 10**6), st.floats(0, 1))
def test_inverse_gap(
    mean: list[float], given: tuple[Vector, Vector], sigma: float, rewards: int, epsilon: float
) -> None:
    sd = np.resize(given[1] / 100.0, 4)
    expected = inverse_gap_by_hand(mean, sd, sigma, 0.5, 15.0, rewards, epsilon)
    found = inverse_gap_on_cpu(np.array(mean), sd, sigma, rewards, epsilon)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_tied_best_actions_share_the_rest_under_inverse_gap() -> None:
    mean, sd = np.array([0.5, 0.9, 0.9, 0.9 + 1e-14, 0.1]), np.full(5, 0.2)
    p = inverse_gap(mean, sd, epsilon=0.0)
    q = [1.0 / (5.0 + 15.0 * math.sqrt(500.0) * gap / 0.3) for gap in (0.4, 0.8)]
    np.testing.assert_allclose(p, [q[0], *[(1.0 - sum(q)) / 3.0] * 3, q[1]], rtol=1e-9)


@LAWS
@given(estimates(), st.floats(-0.5, 0.5))
def test_a_shift_of_all_rewards_changes_nothing(law: Any, given: tuple[Vector, Vector], shift: float) -> None:
    mean, sd = np.round(given[0], 3), np.round(given[1], 3)  # no ties that the shift would break
    np.testing.assert_allclose(law(mean + shift, sd), law(mean, sd), rtol=0, atol=1e-7)


@LAWS
@given(estimates(), st.sampled_from([2.0**-20, 0.5, 4.0, 2.0**30]))
def test_the_unit_of_the_reward_changes_nothing(law: Any, given: tuple[Vector, Vector], unit: float) -> None:
    mean, sd = given
    np.testing.assert_allclose(law(mean * unit, sd, 0.3 * unit), law(mean, sd, 0.3), rtol=0, atol=1e-12)


@LAWS
@given(estimates(), st.floats(0, 1))
def test_the_floor_holds_and_the_best_score_leads(law: Any, given: tuple[Vector, Vector], epsilon: float) -> None:
    p = law(*given, epsilon=epsilon)
    assert abs(p.sum() - 1.0) < 1e-12
    assert p.min() >= epsilon / len(p) - 1e-15
    best = int(np.argmax(given[0] + 2.0 * (0.75 if law is softmax else 0.5) * 0.3 * given[1]))
    assert p[best] >= p.max() - 1e-9


def test_significant_gaps_separate() -> None:
    mean = np.array([0.6, 0.5])
    shares = [softmax(mean, np.full(2, sd), epsilon=0.0)[0] for sd in (10.0, 1.0, 0.1)]
    assert shares[0] == pytest.approx(1.0 / (1.0 + math.exp(-0.1 / (0.1 * 0.3 * math.sqrt(200.0)))))
    assert shares[0] < 0.6 < shares[1] < 0.999 < shares[2]


def test_certain_estimates_do_not_divide_by_zero() -> None:
    mean, none = np.array([0.6, 0.5]), np.zeros(2)
    assert softmax_on_cpu(mean, none, 0.3, 0.75, 0.1, 0.0).tolist() == [1.0, 0.0]
    assert softmax_on_cpu(mean[[0, 0]], none, 0.3, 0.75, 0.1, 0.0).tolist() == [0.5, 0.5]


@given(estimates())
def test_batches_and_the_standard_array_library_agree(given: tuple[Vector, Vector]) -> None:
    batch = [np.stack([part, part[::-1]]) for part in given]
    strict = [array_api_strict.asarray(part) for part in batch]
    for law, arguments in ((laws.softmax, (0.3, 0.75, 0.1, 0.01)), (laws.inverse_gap, (0.3, 0.5, 15.0, 99, 0.01))):
        p = law(np, *batch, *arguments)
        np.testing.assert_allclose(np.asarray(law(array_api_strict, *strict, *arguments)), p, rtol=0, atol=1e-13)
        np.testing.assert_allclose(p[0], law(np, *given, *arguments), rtol=0, atol=1e-13)
