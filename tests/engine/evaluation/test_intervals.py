"""Each interval against numbers of other libraries, and against what defines it."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier import InputError
from croupier.evaluation import INTERVALS, EstimatorInputs, LogBounds, SampleMoments
from croupier.evaluation.datasets import evaluate_dataset, from_frame
from croupier.evaluation.estimators.basic import find_estimators
from croupier.evaluation.intervals import (
    WeightSums,
    bernstein_fixed_sample,
    clopper_pearson_fixed_sample,
    cressie_read_fixed_sample,
    cressie_read_value,
    interval_factories,
    likelihood_fixed_sample,
    likelihood_value,
    normal_fixed_sample,
)
from croupier.evaluation.intervals.base import guarantee_text
from croupier.evaluation.intervals.bernstein import term_bounds
from croupier.evaluation.intervals.bernstein_sequence import OneSidedSums, log_wealth, stitched_boundary
from croupier.evaluation.intervals.betting import Bets, log_factors
from croupier.evaluation.intervals.bootstrap import Bootstrap, resampled_totals

DATA = Path(__file__).parents[4] / "shared" / "data"
NEEDS_OBD = pytest.mark.skipif(
    not (DATA / "obd").exists(), reason="the Open Bandit Dataset is not beside this checkout (shared/data/obd)"
)
CASES = [("random_to_bts", "all:random->bts"), ("bts_to_random", "all:bts->random")]
OBP = {
    "ips": "ipw",
    "ips-clip:10": "ipw-clip10",
    "dm": "dm",
    "dr": "dr",
    "sndr": "sndr",
    "switch-dr:10": "switch-dr-10",
}


def obd(file):
    rows = np.load(DATA / "obd" / f"rounds_all_{file}.npz")
    w = rows["pi_e_logged"] / rows["pscore"]
    return EstimatorInputs(w, rows["reward"].astype(float), rows["q_logged"], rows["v_hat"])


def gathered(kind, columns, names=("ips",), bounds=None):
    estimators = find_estimators(names)
    gathering = INTERVALS[kind](estimators, bounds or LogBounds())
    terms = {each.name: each.terms(columns) for each in estimators}
    gathering.add(columns, terms)
    return gathering, {each.name: (each, SampleMoments.of(terms[each.name])) for each in estimators}


def interval(kind, columns, name="ips", level=0.95, bounds=None):
    gathering, found = gathered(kind, columns, (name,), bounds)
    return gathering.interval(*found[name], level)


def logged(n, seed, rate=0.3, floor=0.4):
    """Rows whose target value is `rate`: the target is uniform over two actions, which pay alike."""
    rng = np.random.default_rng(seed)
    p = np.where(rng.random(n) < 1 - floor / 2, 1 - floor / 2, floor / 2)
    r = (rng.random(n) < rate).astype(float)
    return EstimatorInputs(0.5 / p, r, np.full(n, 0.25), np.full(n, 0.25))


@NEEDS_OBD
@pytest.mark.parametrize("file", ["random_to_bts", "bts_to_random"])
@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_agrees_with_the_estimators_of_vowpal_wabbit(file, alpha):
    expected = json.loads((DATA / "obd" / "expected_vw_estimators.json").read_text())["obd"][f"all:{file}"]
    columns, level = obd(file), 1 - alpha
    sums = WeightSums.of(columns)
    assert cressie_read_value(sums) == pytest.approx(expected["cressieread"], abs=1e-9)
    assert likelihood_value(columns.w, columns.r) == pytest.approx(expected["mle"], abs=1e-9)
    found = {
        "cressieread": cressie_read_fixed_sample(sums, 0.0, 1.0, level),
        "clopper_pearson": clopper_pearson_fixed_sample(sums.wr, sums.n, columns.w.max(), level),
        "gaussian": interval("normal", columns, level=level),
        "cs": interval("bernstein-sequence", columns, level=level),
    }
    for name, (low, high, *_) in found.items():
        assert (low, high) == pytest.approx(expected[f"{name}_interval_alpha{alpha}"], abs=1e-9), name


@pytest.mark.skipif(not (DATA / "vw").exists(), reason="Vowpal Wabbit's vectors are not beside this checkout")
def test_the_stitched_sequence_is_vowpal_wabbits():
    (case,) = json.loads((DATA / "vw" / "explore_vectors.json").read_text())["confidence_sequence"]
    r = np.tile([0.5, 0.6, 0.7, 0.8], 1000)
    low, high, *_ = interval("stitched-sequence", EstimatorInputs(r, r, r, r), level=1 - case["alpha"])
    assert (low, high) == pytest.approx((case["lower"], case["upper"]), abs=1e-6)


@NEEDS_OBD
@pytest.mark.parametrize(("file", "case"), CASES)
def test_bootstrap_ends_are_near_those_of_obp(file, case):
    """The ends differ by less than 5 % of the width. Not SNIPS: obp does not resample its ratio."""
    expected = json.loads((DATA / "obd" / "expected.json").read_text())["cases"][case]["bootstrap_ci_95"]
    columns, estimators = obd(file), find_estimators(OBP)
    gathering = Bootstrap(estimators, LogBounds(), draws=4000)
    terms = {each.name: each.terms(columns) for each in estimators}
    gathering.add(columns, terms)
    for each in estimators:
        theirs = expected[OBP[each.name]]
        low, high, *_ = gathering.interval(each, SampleMoments.of(terms[each.name]), 0.95)
        ends = theirs["95.0% CI (lower)"], theirs["95.0% CI (upper)"]
        assert abs(low - ends[0]) < 0.05 * (ends[1] - ends[0])
        assert abs(high - ends[1]) < 0.05 * (ends[1] - ends[0])


def test_bootstrap_counts_are_poisson():
    counts = resampled_totals(np.ones((1, 1)), 200_000, np.random.default_rng(1))[:, 0]
    for k in range(5):
        p = math.exp(-1) / math.factorial(k)
        assert abs((counts == k).mean() - p) < 4 * math.sqrt(p * (1 - p) / len(counts))
    assert counts.max() <= 12


def test_bootstrap_spread_is_the_standard_error():
    gathering, found = gathered("bootstrap", logged(5000, 2), ("ips", "snips", "dr"))
    for estimator, moments in found.values():
        values = gathering.values(estimator, moments)
        assert values.std() == pytest.approx(estimator.estimate(moments).error, rel=0.12)


def test_parts_of_a_bootstrap_draw_differently_and_add_up():
    columns = logged(2000, 3)
    estimators = find_estimators(["snips"])
    parts = []
    for part in range(2):
        gathering = Bootstrap(estimators, LogBounds(partition=part))
        gathering.add(columns, {"snips": estimators[0].terms(columns)})
        parts.append(gathering)
    assert abs(np.corrcoef(parts[0].totals[:, 0], parts[1].totals[:, 0])[0, 1]) < 0.15
    assert (parts[0] + parts[1]).totals[:, 0].mean() == pytest.approx(4000, rel=0.01)


def test_resampling_no_rows_gives_totals_of_0():
    assert resampled_totals(np.zeros((0, 2)), 3, np.random.default_rng(1)).tolist() == [[0.0, 0.0]] * 3


def test_bernstein_by_hand():
    low, high, *_ = bernstein_fixed_sample(0.5, 0.25, 101, 2.0, 0.95)
    log = math.log(4 / 0.05)
    assert high - 0.5 == pytest.approx(math.sqrt(0.5 * log / 101) + 14 * log / 300)
    assert 0.5 - low == pytest.approx(high - 0.5)


def test_terms_are_bounded_by_the_weight_and_the_range():
    """w·r is 0 where w is; Γ = v̂ + w·(r − q̂) leaves the range by W times its width at most."""
    assert term_bounds("ips", LogBounds(2.0, 5.0, 4.0)) == (0.0, 20.0)
    assert term_bounds("ips", LogBounds(-5.0, -2.0, 4.0)) == (-20.0, 0.0)
    assert term_bounds("ips", LogBounds(-1e-3, 1e-3, 4.0)) == (-4e-3, 4e-3)
    assert term_bounds("dr", LogBounds(2.0, 5.0, 4.0)) == (-10.0, 17.0)
    assert term_bounds("snips", LogBounds(2.0, 5.0, 4.0)) is None
    assert term_bounds("ips", LogBounds(2.0, 5.0)) is None


def test_likelihood_ends_are_where_the_ratio_says():
    """At an end the rows, weighed to explain it, have the log likelihood that the χ² quantile allows."""
    from scipy.optimize import minimize

    columns = logged(200, 5)
    w, x = columns.w, columns.w * columns.r
    low, high, *_ = likelihood_fixed_sample(w, x, 0.95, 0.0, 1.0)

    def cost(g):
        def negative(theta):
            z = 1 + g @ theta
            return 1e9 if (z <= 1e-9).any() else -np.log(z).sum()

        return -minimize(
            negative,
            np.zeros(g.shape[1]),
            method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-10, "maxiter": 4000},
        ).fun

    free = cost((w - 1)[:, None])
    for end in (low, high):
        assert 2 * (cost(np.column_stack([w - 1, x - w * end])) - free) == pytest.approx(3.841459, abs=1e-3)


def test_likelihood_stays_within_the_rewards_and_is_not_symmetric():
    columns = EstimatorInputs(np.ones(100), np.r_[np.ones(2), np.zeros(98)], np.zeros(100), np.zeros(100))
    low, high, *_ = likelihood_fixed_sample(columns.w, columns.r, 0.95, 0.0, 1.0)
    assert 0 < low < 0.02 < high < 1
    assert high - 0.02 > 1.5 * (0.02 - low)


@pytest.mark.parametrize(
    ("w", "reason"),
    [
        ([0.0, 0.0, 0.0], "every weight is 0"),
        ([1e200, 0.5, 2.0], "the likelihood cannot be maximised in double precision (largest weight 1e+200)"),
    ],
)
def test_likelihood_without_an_interval_gives_the_reason(w, reason):
    w = np.array(w)
    low, high, level, guarantee = likelihood_fixed_sample(w, w * np.array([1.0, 0.0, 1.0]), 0.95, 0.0, 1.0)
    assert np.isnan([low, high]).all()
    assert (level, guarantee) == (0.95, f"empirical likelihood, fixed sample, not available: {reason}")


def test_likelihood_gives_the_reason_where_singular_values_cannot_be_computed(monkeypatch):
    def failing(*arguments, **options):
        raise np.linalg.LinAlgError("SVD did not converge")

    columns = logged(20, 5)
    monkeypatch.setattr(np.linalg, "lstsq", failing)
    found = likelihood_fixed_sample(columns.w, columns.w * columns.r, 0.95, 0.0, 1.0)
    assert np.isnan(found[:2]).all()
    assert "not available" in found.guarantee


def test_a_target_that_was_never_drawn_has_no_likelihood_interval():
    log = from_frame({"reward": [1.0, 0.0] * 50, "propensity": [0.5] * 100, "pi": [0.0] * 100})
    for estimate in evaluate_dataset(log, ["column:pi"], intervals=["likelihood"])["column:pi"].estimates.values():
        assert np.isnan(estimate.interval[:2]).all()
        assert "not available: every weight is 0" in estimate.interval.guarantee


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.floats(1e-5, 100))
def test_wealth_is_the_sum_of_the_logarithms(x, bet):
    found = log_factors(np.array(x), np.array([bet]))[0]
    assert found == pytest.approx(math.fsum(math.log1p(bet * each) for each in x), rel=1e-9, abs=1e-12)


def test_bets_that_could_be_ruined_are_not_placed():
    bets = Bets.empty(np.array([-0.5, -0.05, 0.05, 0.5]))
    assert bets.within_bounds(0.0, 10.0).mu.tolist() == [-0.05, 0.05, 0.5]
    assert bets.within_bounds(-10.0, 10.0).mu.tolist() == [-0.05, 0.05]
    assert bets.within_bounds(-np.inf, np.inf).mu.tolist() == []


@pytest.mark.parametrize("kind", ["betting-sequence", "bernstein-sequence", "stitched-sequence"])
def test_sequences_close_in_on_the_value(kind):
    widths = []
    for n in (1000, 10_000, 100_000):
        low, high, *_ = interval(kind, logged(n, 6), bounds=LogBounds(max_weight=2.5))
        assert low < 0.3 < high
        widths.append(high - low)
    assert widths[2] < widths[1] / 2 < widths[0] / 4


def test_a_floor_helps_where_rewards_are_rare():
    columns = logged(20_000, 7, rate=0.03)
    without, known = (interval("betting-sequence", columns, bounds=LogBounds(max_weight=w)) for w in (None, 2.5))
    assert known.high - known.low < 0.8 * (without.high - without.low)
    assert known.low == without.low


def test_the_sequence_of_dr_is_as_good_as_that_of_ips_at_least_nearly():
    columns = logged(20_000, 8)
    bounds = LogBounds(max_weight=2.5)
    ips, dr = (interval("betting-sequence", columns, name, bounds=bounds) for name in ("ips", "dr"))
    assert dr.high - dr.low < 1.05 * (ips.high - ips.low)


def test_a_bound_of_the_weights_that_is_known_after_the_rows_narrows_the_sequence():
    columns = logged(20_000, 7, rate=0.03)
    bounded = interval("betting-sequence", columns, bounds=LogBounds(max_weight=2.5))
    gathering, found = gathered("betting-sequence", columns)
    gathering.set_max_weight(2.5)
    assert gathering.interval(*found["ips"], 0.95) == bounded


def test_a_guarantee_names_the_comparisons_and_the_caveat():
    ips, clipped = find_estimators(["ips", "ips-clip:10"])
    assert guarantee_text("normal", ips) == "normal"
    assert guarantee_text("normal", ips, 2) == "normal, Bonferroni over 2"
    assert guarantee_text("normal", clipped, 2) == f"normal, Bonferroni over 2, {clipped.caveat}"


def test_a_weight_beyond_the_declared_floor_gets_no_sequence():
    columns = logged(1000, 9)
    assert interval("betting-sequence", columns, bounds=LogBounds(max_weight=2.5)) is not None
    assert interval("betting-sequence", columns, bounds=LogBounds(max_weight=2.4)) is None


def test_rewards_of_another_range_give_the_same_interval_in_their_units():
    columns = logged(3000, 10)
    moved = EstimatorInputs(columns.w, -10.0 + 40.0 * columns.r, columns.q, columns.v)
    for kind in ("betting-sequence", "bernstein-sequence", "stitched-sequence"):
        low, high, *_ = interval(kind, columns, bounds=LogBounds(0.0, 1.0, 2.5))
        other = interval(kind, moved, bounds=LogBounds(-10.0, 30.0, 2.5))
        assert other[:2] == pytest.approx((-10.0 + 40.0 * low, -10.0 + 40.0 * high), abs=1e-9)


@pytest.mark.parametrize("kind", sorted(set(INTERVALS) - {"bootstrap"}))
def test_batches_give_what_the_whole_gives(kind):
    columns, names = logged(999, 11), ("ips", "snips", "dr")
    whole, found = gathered(kind, columns, names, LogBounds(max_weight=2.5))
    batches = INTERVALS[kind](find_estimators(names), LogBounds(max_weight=2.5))
    for rows in (slice(0, 100), slice(100, 700), slice(700, None)):
        part = EstimatorInputs(columns.w[rows], columns.r[rows], columns.q[rows], columns.v[rows])
        batches.add(part, {name: estimator.terms(part) for name, (estimator, _) in found.items()})
    assert whole.interval(*found["ips"], 0.95) is not None, "every kind knows one for IPS"
    for estimator, moments in found.values():
        one, other = (each.interval(estimator, moments, 0.95) for each in (whole, batches))
        assert (one is None) == (other is None)
        assert one is None or other[:2] == pytest.approx(one[:2], abs=1e-6)


@pytest.mark.parametrize("kind", ["betting-sequence", "cressie-read", "likelihood"])
def test_parts_of_a_log_add_up(kind):
    columns = logged(1000, 12)
    whole, found = gathered(kind, columns)
    parts = []
    for rows in (slice(0, 400), slice(400, None)):
        part = EstimatorInputs(columns.w[rows], columns.r[rows], columns.q[rows], columns.v[rows])
        parts.append(gathered(kind, part)[0])
    both = parts[0] + parts[1]
    assert both.interval(*found["ips"], 0.95)[:2] == pytest.approx(whole.interval(*found["ips"], 0.95)[:2], abs=1e-9)


def test_a_sequence_that_guesses_cannot_be_added():
    first, second = (gathered("bernstein-sequence", logged(10, seed))[0] for seed in (1, 2))
    with pytest.raises(InputError, match="betting"):
        first + second
    empty, found = gathered("bernstein-sequence", logged(0, 1))
    alone = first.interval(*found["ips"], 0.95)
    assert (first + empty).interval(*found["ips"], 0.95) == alone
    assert (empty + first).interval(*found["ips"], 0.95) == alone


def test_a_prediction_uses_only_earlier_rows():
    side = OneSidedSums()
    side.add(np.array([1.0, 0.0]))
    side.add(np.array([0.5]))
    predictions = [0.5, 1.5 / 2, 1.5 / 3]
    assert side.spread == pytest.approx(sum((x - g) ** 2 for x, g in zip([1.0, 0.0, 0.5], predictions, strict=True)))


def test_the_wealth_of_the_mixture_is_its_integral():
    """F has density ∝ (1 − λ)^(ρ − 1)·exp(ρλ) on 0 … 1, the gamma law of 1 − λ cut off."""
    from scipy.integrate import quad

    s, v = 3.0, 7.0

    def density(x):
        return math.exp(x)  # ρ = 1

    below, _ = quad(density, 0, 1)
    above, _ = quad(lambda x: density(x) * math.exp(x * s + v * (math.log1p(-x) + x)), 0, 1)
    assert log_wealth(s, v) == pytest.approx(math.log(above / below), rel=1e-6)


def test_the_stitched_boundary_grows_like_the_law_of_the_iterated_logarithm():
    assert stitched_boundary(1e8, 0.025) / math.sqrt(2 * 1e8 * math.log(math.log(1e8))) == pytest.approx(2.1, abs=0.4)


def test_more_comparisons_widen_every_kind():
    columns = logged(2000, 13)
    for kind in INTERVALS:
        gathering, found = gathered(kind, columns, bounds=LogBounds(max_weight=2.5))
        one, three = (gathering.interval(*found["ips"], 0.95, comparisons) for comparisons in (1, 3))
        assert three.high - three.low > one.high - one.low
        assert "Bonferroni over 3" in three.guarantee


def test_guarantees_say_whether_they_are_anytime_valid():
    for kind in INTERVALS:
        found = interval(kind, logged(500, 14), bounds=LogBounds(max_weight=2.5))
        assert ("anytime-valid" in found.guarantee) == ("sequence" in kind)
        assert ("fixed sample" in found.guarantee) == ("sequence" not in kind)
    assert "without the bias of shrinkage" in interval("normal", logged(500, 14), "ips-clip:2").guarantee


def test_unknown_kinds_and_levels_are_refused():
    with pytest.raises(InputError, match="there are normal, bootstrap"):
        interval_factories(["exact"])
    with pytest.raises(InputError, match=r"called \['exact'\];"):
        interval_factories(["normal", "exact"])
    with pytest.raises(InputError):
        interval_factories([])
    with pytest.raises(InputError):
        normal_fixed_sample(0.0, 1.0, 95)
