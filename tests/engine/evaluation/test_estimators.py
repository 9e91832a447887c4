"""Estimators against numbers worked out by hand, in another library, and in simulation."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from croupier import InputError
from croupier.evaluation import ESTIMATORS, EstimatorInputs, SampleMoments, WeightSummary, normal_fixed_sample
from croupier.evaluation.estimators.adaptive import Stabiliser
from croupier.evaluation.estimators.basic import find_estimators
from croupier.evaluation.estimators.slope import GRID, slope
from croupier.evaluation.estimators.subsampled import Subsampled
from croupier.evaluation.pairs import paired_difference

OBD = Path(__file__).parents[4] / "shared" / "data" / "obd"
THEIRS = {
    "ips": "ipw",
    "ips-clip:10": "ipw-clip10",
    "ips-clip:100": "ipw-clip100",
    "ips-clip:slope": "ipw-slope",
    "snips": "snipw",
    "dm": "dm",
    "dr": "dr",
    "dr-clip:10": "dr-clip10",
    "dr-clip:slope": "dr-slope",
    "sndr": "sndr",
    "switch-dr:10": "switch-dr-10",
    "switch-dr:slope": "switch-dr-slope",
    "dr-os:10": "dr-os-10",
    "dr-os:1000": "dr-os-1000",
    "dr-os:slope": "dr-os-slope",
}


def estimate(name, columns):
    (estimator,) = find_estimators([name])
    return estimator.estimate(SampleMoments.of(estimator.terms(columns)))


def by_hand():
    return EstimatorInputs(
        w=np.array([2.0, 0.0, 1.0, 1.0]),
        r=np.array([1.0, 1.0, 0.0, 1.0]),
        q=np.array([0.5, 0.5, 0.25, 0.75]),
        v=np.array([0.5, 0.25, 0.25, 0.5]),
    )


@pytest.mark.parametrize(
    ("name", "value", "variance"),
    [
        ("ips", 3 / 4, 11 / 12 / 4),  # w·r = 2 0 0 1
        ("snips", 3 / 4, (0.5**2 + 0.75**2 + 0.25**2) / 3 / 4),  # w(r − V)/w̄ = ½ 0 −¾ ¼
        ("dm", 3 / 8, 1 / 64 * 4 / 3 / 4),
        ("dr", 5 / 8, (7**2 + 3**2 + 5**2 + 1**2) / 64 / 3 / 4),  # v + w(r − q) = 1½ ¼ 0 ¾
        ("sndr", 5 / 8, (5**2 + 1**2 + 5**2 + 1**2) / 64 / 3 / 4),  # (v − v̄) + w(r − q − ¼) = ⅝ −⅛ −⅝ ⅛
    ],
)
def test_values_and_errors_are_those_worked_out_by_hand(name, value, variance):
    found = estimate(name, by_hand())
    assert found.value == pytest.approx(value, abs=1e-15)
    assert found.error == pytest.approx(math.sqrt(variance), rel=1e-12)


def test_two_rows_have_an_error():
    found = ESTIMATORS["ips"].estimate(SampleMoments.of(np.array([[0.0], [1.0]])))
    assert found == (0.5, 0.5)


def test_estimators_say_what_they_need():
    assert {name: each.width for name, each in ESTIMATORS.items()} == {
        "ips": 1,
        "snips": 2,
        "dm": 1,
        "dr": 1,
        "sndr": 3,
        "aw-dr": 2,
    }
    assert [name for name, each in ESTIMATORS.items() if each.model_only] == ["dm"]
    assert [name for name, each in ESTIMATORS.items() if each.unnormalised] == ["ips"]
    assert [name for name, each in ESTIMATORS.items() if each.stabilised] == ["aw-dr"]
    assert all(each.terms(by_hand()).shape == (4, each.width) for each in ESTIMATORS.values())


def test_adaptively_weighted_dr_by_hand():
    """Γ = 1½ ¼ 0 ¾ with weights 1 2 4 1: Σ hΓ = 2¾, Σ h = 8; without weights it is DR."""
    columns = by_hand()
    plain = estimate("aw-dr", columns)
    assert plain == pytest.approx(estimate("dr", columns))
    weighed = EstimatorInputs(columns.w, columns.r, columns.q, columns.v, h=np.array([1.0, 2.0, 4.0, 1.0]))
    assert estimate("aw-dr", weighed).value == pytest.approx(2.75 / 8)


def test_dr_terms_by_hand():
    assert ESTIMATORS["dr"].terms(by_hand())[:, 0].tolist() == [1.5, 0.25, 0.0, 0.75]


def test_a_target_without_weight_has_no_self_normalised_value():
    columns = EstimatorInputs(*np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5]]))
    for name in ("snips", "sndr"):
        assert all(map(math.isnan, estimate(name, columns)))


def test_one_row_has_a_mean_and_no_covariance():
    one = SampleMoments.of(np.array([[1.0, 2.0]]))
    assert one.mean.tolist() == [1.0, 2.0]
    assert np.isnan(one.covariance).all()


def test_one_row_has_a_value_and_no_error():
    value, error = estimate("ips", EstimatorInputs(*np.ones((4, 1))))
    assert value == 1.0
    assert math.isnan(error)


@pytest.mark.skipif(not OBD.exists(), reason="the Open Bandit Dataset is not beside this checkout (shared/data/obd)")
@pytest.mark.parametrize(("file", "case"), [("random_to_bts", "all:random->bts"), ("bts_to_random", "all:bts->random")])
def test_agrees_with_obp_on_the_open_bandit_dataset(file, case):
    rows = np.load(OBD / f"rounds_all_{file}.npz")
    expected = json.loads((OBD / "expected.json").read_text())["cases"][case]
    w = rows["pi_e_logged"] / rows["pscore"]
    columns = EstimatorInputs(w, rows["reward"].astype(float), rows["q_logged"], rows["v_hat"])
    for ours, theirs in THEIRS.items():
        assert estimate(ours, columns).value == pytest.approx(expected["policy_values"][theirs], rel=1e-9, abs=1e-12)
    assert WeightSummary.of(w).ess == pytest.approx(expected["ess"], rel=1e-9)
    for ours, theirs in (("ips", "ipw_std_err"), ("dr", "dr_std_err")):
        assert estimate(ours, columns).error == pytest.approx(expected[theirs], rel=1e-9)


def test_weights_of_one_give_the_mean_reward_exactly():
    reward = np.random.default_rng(1).random(1001)
    columns = EstimatorInputs(np.ones(1001), reward, np.zeros(1001), np.zeros(1001))
    mean = reward.sum() / 1001
    assert estimate("ips", columns).value == mean
    assert estimate("snips", columns).value == mean


columns_of_four = arrays.arrays(
    np.float64, st.tuples(st.integers(2, 30), st.just(4)), elements=st.floats(0, 8, width=16)
)


@given(columns_of_four, st.data())
def test_batches_merge_into_one(rows, data):
    cut = data.draw(st.integers(0, len(rows)))
    for estimator in ESTIMATORS.values():
        terms = estimator.terms(EstimatorInputs(*rows.T))
        whole, merge_tallies = SampleMoments.of(terms), SampleMoments.of(terms[:cut]) + SampleMoments.of(terms[cut:])
        assert merge_tallies.count == whole.count
        np.testing.assert_allclose(merge_tallies.total, whole.total, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(merge_tallies.scatter, whole.scatter, rtol=1e-9, atol=1e-9)
    whole, merge_tallies = (
        WeightSummary.of(rows[:, 0]),
        WeightSummary.of(rows[:cut, 0]) + WeightSummary.of(rows[cut:, 0]),
    )
    assert (merge_tallies.count, merge_tallies.largest) == (whole.count, whole.largest)
    assert merge_tallies.ess == pytest.approx(whole.ess)


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_gradients_are_those_of_the_values(name):
    estimator, step = ESTIMATORS[name], 1e-6
    mean = np.array([0.8, 0.4, 0.3])[: estimator.width]
    around = [
        (estimator.value(mean + step * unit) - estimator.value(mean - step * unit)) / (2 * step)
        for unit in np.eye(estimator.width)
    ]
    np.testing.assert_allclose(estimator.gradient(mean), around, rtol=1e-6)


def test_a_paired_difference_is_that_of_the_terms():
    rng = np.random.default_rng(3)
    first, second = (ESTIMATORS["dr"].terms(EstimatorInputs(*rng.random((4, 50)))) for _ in range(2))
    found = paired_difference(ESTIMATORS["dr"], SampleMoments.of(np.hstack([first, second])))
    apart = first - second
    assert found.value == pytest.approx(apart.mean())
    assert found.error == pytest.approx(apart.std(ddof=1) / math.sqrt(50))


@pytest.mark.parametrize("name", ["ipx", "switch-dr", "switch-dr:", "switch-dr:-1", "switch-dr:x", "dr-os:nan", ""])
def test_unknown_estimators_are_refused(name):
    with pytest.raises(InputError, match=r"there are ips.*dr-os"):
        find_estimators([name])


def test_no_estimator_at_all_is_refused():
    with pytest.raises(InputError):
        find_estimators([])


@pytest.mark.parametrize("family", ["ips-clip", "dr-clip", "switch-dr", "dr-os"])
def test_without_a_limit_nothing_is_shrunk(family):
    plain = "ips" if family == "ips-clip" else "dr"
    assert estimate(f"{family}:inf", by_hand()) == estimate(plain, by_hand())


@pytest.mark.parametrize(
    ("name", "weights"),
    [("dr-clip:1", [1, 0, 1, 1]), ("switch-dr:1", [0, 0, 1, 1]), ("dr-os:2", [2 / 3, 0, 2 / 3, 2 / 3])],
)
def test_shrunk_weights_by_hand(name, weights):
    (estimator,) = find_estimators([name])
    np.testing.assert_allclose(estimator.shrink(by_hand().w), weights)


def test_slope_takes_the_most_shrunk_that_agrees_with_all_less_shrunk():
    assert slope(np.array([0.5, 0.48, 0.47]), np.array([0.3, 0.05, 0.04])) == 2
    assert slope(np.array([0.5, 0.48, 0.1]), np.array([0.3, 0.05, 0.04])) == 1
    assert slope(np.array([0.1, 0.5]), np.array([0.01, 0.02])) == 1  # ordered by width, not by place
    assert slope(np.array([0.5, 0.5]), np.zeros(2)) == 0  # equal to the limit agrees: the last of descending widths
    wide = np.array([1.0, 0.5])  # a limit of ½ + (√6 − 1)·1 = 1.9495
    assert [slope(np.array([0.0, apart]), wide) for apart in (1.949, 1.95)] == [1, 0]
    narrow = np.array([0.1, 0.05])  # 0.05 + (√6 − 1)/10 = 0.19495
    assert [slope(np.array([0.0, apart]), narrow) for apart in (0.1949, 0.195)] == [1, 0]


def test_the_grid_of_slope_is_that_of_the_open_bandit_pipeline():
    assert list(GRID) == [10, 50, 100, 500, 1000, 5000, 10000, math.inf]


def test_adaptive_weights_know_only_earlier_rows():
    rng = np.random.default_rng(4)
    w = rng.pareto(2.0, 1000)
    for changed in (0, 500, 999):
        other = w.copy()
        other[changed] += 100.0
        first, second = Stabiliser().next_weights(w), Stabiliser().next_weights(other)
        assert np.array_equal(first[: changed + 1], second[: changed + 1])
    parts = Stabiliser()
    assert np.array_equal(
        np.concatenate([parts.next_weights(w[:333]), parts.next_weights(w[333:])]), Stabiliser().next_weights(w)
    )


def test_adaptive_weights_follow_the_spread_of_the_weights():
    w = np.repeat([1.0, 4.0], 20_000)
    h = Stabiliser().next_weights(w)
    assert h[19_000] == pytest.approx(1.0)
    assert h[-1] == pytest.approx(1 / 4, rel=0.01)


def test_rows_that_stand_for_several_are_counted_so_often():
    once = by_hand()
    subsampling = np.array([1.0, 2.0, 3.0, 1.0])
    rows = np.repeat(np.arange(4), subsampling.astype(int))
    many = EstimatorInputs(once.w[rows], once.r[rows], once.q[rows], once.v[rows])
    weighed = EstimatorInputs(once.w, once.r, once.q, once.v, subsampling=subsampling)
    for name in ("ips", "snips", "dr", "sndr"):
        subsampled = Subsampled(find_estimators([name])[0])
        assert subsampled.estimate(SampleMoments.of(subsampled.terms(weighed))).value == pytest.approx(
            estimate(name, many).value
        )


def test_the_error_of_counted_rows_is_that_of_the_ratio():
    rng = np.random.default_rng(9)
    n, subsampling = 400, rng.choice([1.0, 10.0], 400)
    columns = EstimatorInputs(rng.random(n) * 2, rng.random(n), np.zeros(n), np.zeros(n), subsampling=subsampling)
    subsampled = Subsampled(find_estimators(["ips"])[0])
    value, error = subsampled.estimate(SampleMoments.of(subsampled.terms(columns)))
    phi = subsampling * (columns.w * columns.r - value) / subsampling.mean()
    assert error == pytest.approx(phi.std(ddof=1) / math.sqrt(n), rel=1e-6)


def test_intervals_say_what_they_guarantee_and_widen_with_the_comparisons():
    one, three = normal_fixed_sample(0.0, 1.0, 0.95), normal_fixed_sample(0.0, 1.0, 0.95, 3)
    assert one.guarantee == "normal, fixed sample"
    assert three.guarantee == "normal, fixed sample, Bonferroni over 3"
    assert one.high == pytest.approx(1.959964, abs=1e-6)
    assert three.high == pytest.approx(2.393980, abs=1e-6)
    with pytest.raises(InputError):
        normal_fixed_sample(0.0, 1.0, 95)
