"""Every interval against ends derived another way: closed forms, exact sums, plain loops, geometry. No data needed.

The rows: weights 0, ½, 1 and 2, twice each, whose mean is 0.875; and a second log of weights 0 and 2 alone, on which
most intervals have a closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean, variance
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from croupier.evaluation import INTERVALS, EstimatorInputs, LogBounds, SampleMoments
from croupier.evaluation.estimators.basic import find_estimators
from croupier.evaluation.intervals import (
    Interval,
    WeightSums,
    clopper_pearson_fixed_sample,
    cressie_read_value,
    likelihood_fixed_sample,
    likelihood_value,
)
from croupier.evaluation.intervals.bernstein_sequence import stitched_boundary
from croupier.evaluation.intervals.bootstrap import Bootstrap
from croupier.evaluation.intervals.likelihood import _log_star

LOW, HIGH = -10.0, 30.0
W = [0.0, 0.0, 0.5, 0.5, 1.0, 1.0, 2.0, 2.0]
S = [1.0, 0.0, 1.0, 0.0, 0.5, 1.0, 1.0, 0.25]  # rewards, 0 to 1
Q = [0.5, 0.5, 0.75, 0.25, 0.5, 0.5, 1.0, 0.5]
V = [0.5, 0.25, 0.5, 0.25, 0.5, 0.75, 0.5, 0.5]


def rows(times: int = 1, low: float = 0.0, high: float = 1.0) -> EstimatorInputs:
    """The rows, so many times over, rewards and estimates in units of a range."""
    w, s, q, v = (np.tile(column, times) for column in (W, S, Q, V))
    return EstimatorInputs(w, *(low + (high - low) * column for column in (s, q, v)))


def few(ones: int, zeros: int, unweighted: int, weight: float = 2.0) -> EstimatorInputs:
    """So many rows of this weight and reward 1, of reward 0, and of weight 0."""
    w = np.repeat([weight, weight, 0.0], [ones, zeros, unweighted])
    r = np.repeat([1.0, 0.0, 0.0], [ones, zeros, unweighted])
    return EstimatorInputs(w, r, np.full(len(w), 0.5), np.full(len(w), 0.5))


def ends(
    kind: str,
    columns: EstimatorInputs,
    name: str = "ips",
    level: float = 0.95,
    comparisons: int = 1,
    setting: LogBounds | None = None,
) -> tuple[float, float]:
    """Of one kind of interval for one estimator."""
    (estimator,) = find_estimators([name])
    terms = {name: estimator.terms(columns)}
    gathering = INTERVALS[kind]([estimator], setting or LogBounds())
    gathering.add(columns, terms)
    found = gathering.interval(estimator, SampleMoments.of(terms[name]), level, comparisons)
    assert found is not None
    assert found.level == level
    return found.low, found.high


# The (1 + level)/2 quantiles of the standard normal from tables; the third is of 1 − 0.05/3.
Z = {(0.95, 1): 1.959963984540054, (0.9, 1): 1.6448536269514722, (0.95, 3): 2.3939797998185104}


@pytest.mark.parametrize(("level", "comparisons"), Z)
def test_normal_is_the_value_and_two_sided_quantiles_of_its_error(level: float, comparisons: int) -> None:
    """IPS and DR are means; the error of SNIPS, a ratio, is √(Σ w²(r − V̂)²/(n(n − 1)))/w̄."""
    r = [LOW + (HIGH - LOW) * s for s in S]
    q, v = ([LOW + (HIGH - LOW) * each for each in column] for column in (Q, V))
    ips = [w * each for w, each in zip(W, r, strict=True)]
    dr = [b + w * (each - a) for w, each, a, b in zip(W, r, q, v, strict=True)]
    ratio = sum(ips) / sum(W)
    apart = sum((w * (each - ratio)) ** 2 for w, each in zip(W, r, strict=True))
    by_hand = {
        "ips": (fmean(ips), math.sqrt(variance(ips) / 8)),
        "dr": (fmean(dr), math.sqrt(variance(dr) / 8)),
        "snips": (ratio, math.sqrt(apart / (8 * 7)) / fmean(W)),
    }
    for name, (value, error) in by_hand.items():
        reach = Z[level, comparisons] * error
        found = ends("normal", rows(1, LOW, HIGH), name, level, comparisons, LogBounds(LOW, HIGH))
        assert found == pytest.approx((value - reach, value + reach), rel=1e-12), name


def binomial_ends(hits: int, n: int, tail: float) -> tuple[float, float]:
    """p under which so many hits or more, or so many or fewer, have the probability `tail`: summed term by term."""

    def at_least(p: float, least: int) -> float:
        return math.fsum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(least, n + 1))

    low = float(brentq(lambda p: at_least(p, hits) - tail, 0, 1, xtol=1e-14)) if hits else 0.0
    high = float(brentq(lambda p: 1 - at_least(p, hits + 1) - tail, 0, 1, xtol=1e-14)) if hits < n else 1.0
    return low, high


@pytest.mark.parametrize("level", [0.95, 0.9])
def test_clopper_pearson_is_where_either_binomial_tail_is_half_of_what_may_miss(level: float) -> None:
    tail = (1 - level) / 2
    for hits in (0, 1, 5, 9, 10):
        found = clopper_pearson_fixed_sample(float(hits), 10.0, 1.0, level)
        assert found[:2] == pytest.approx(binomial_ends(hits, 10, tail), abs=1e-10)
    none, every = (clopper_pearson_fixed_sample(hits, 10.0, 1.0, level) for hits in (0.0, 10.0))
    assert none[:2] == pytest.approx((0.0, 1 - tail**0.1), rel=1e-12)
    assert every[:2] == pytest.approx((tail**0.1, 1.0), rel=1e-12)
    # 20 rows of weight 2 or 0 and Σ w·s = 6 are 3 hits in 10 draws
    low, high = binomial_ends(3, 10, tail)
    moved = clopper_pearson_fixed_sample(6.0, 20.0, 2.0, level, LOW, HIGH)
    assert moved[:2] == pytest.approx((-10 + 40 * low, -10 + 40 * high), abs=1e-8)


@pytest.mark.parametrize("comparisons", [1, 3])
def test_bernstein_is_theorem_4_of_maurer_and_pontil_on_both_sides(comparisons: int) -> None:
    """ln(2/δ) on either side with δ = α/2: ln(4/α). Terms of IPS span W·40 − W·(−10) = 80, of DR 2·2·40 + 40 = 200."""
    n, log = 8 * 5000, math.log(4 * comparisons / 0.05)
    columns, setting = rows(5000, LOW, HIGH), LogBounds(LOW, HIGH, 2.0)
    terms = {
        "ips": ([w * (LOW + 40 * s) for w, s in zip(W, S, strict=True)], 2.0 * HIGH - 2.0 * LOW),
        "dr": ([LOW + 40 * (v + w * (s - q)) for w, s, q, v in zip(W, S, Q, V, strict=True)], 5 * 40.0),
    }
    for name, (z, span) in terms.items():
        spread = variance(z) * 7 / 8 * n / (n - 1)  # Σ (z − z̄)² grows with the copies, n − 1 divides
        reach = math.sqrt(2 * spread * log / n) + 7 * span * log / (3 * (n - 1))
        found = ends("bernstein", columns, name, comparisons=comparisons, setting=setting)
        assert found == pytest.approx((fmean(z) - reach, fmean(z) + reach), rel=1e-10), name
        assert ends("bernstein", rows(1, LOW, HIGH), name, setting=setting) == (LOW, HIGH)  # cut at the range


def poisson(mean: float, most: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(most)])


@pytest.mark.parametrize(("name", "level", "comparisons"), [("ips", 0.95, 1), ("snips", 0.9, 1), ("ips", 0.9, 4)])
def test_bootstrap_ends_are_percentiles_of_the_exact_law(name: str, level: float, comparisons: int) -> None:
    """On rows of weight 2 and 0, V̂* = 2A/(A + B) or A/(A + B') with independent Poisson counts, which are summed up.

    Of 20,000 resamples a share of Binomial(20,000, α/2)/20,000 lies below an end: within five standard deviations.
    """
    ones, zeros, unweighted, draws = 20, 15, 35, 20_000
    columns, (estimator,) = few(ones, zeros, unweighted), find_estimators([name])
    terms = {name: estimator.terms(columns)}
    gathering = Bootstrap([estimator], LogBounds(), draws=draws)
    gathering.add(columns, terms)
    low, high, *_ = gathering.interval(estimator, SampleMoments.of(terms[name]), level, comparisons)
    others = zeros + unweighted if name == "ips" else zeros
    law = np.outer(poisson(ones, 80), poisson(others, 140))
    a, b = np.indices(law.shape, dtype=float)
    value = np.divide((2.0 if name == "ips" else 1.0) * a, a + b, out=np.zeros_like(a), where=a + b > 0)
    tail = (1 - level) / comparisons / 2
    slack = 5 * math.sqrt(tail * (1 - tail) / draws)
    assert slack < tail / 2, "a one-sided percentile would pass"
    assert law[value < low - 1e-6].sum() - slack <= tail <= law[value <= low + 1e-6].sum() + slack
    assert law[value > high + 1e-6].sum() - slack <= tail <= law[value >= high - 1e-6].sum() + slack


# χ²₁ quantiles from tables: squares of the two-sided normal ones.
CHI = {key: z * z for key, z in Z.items()}


def likelihood_ends(parts: Callable[[float], float], mean: float, most: float) -> tuple[float, float]:
    """Where twice the loss of log likelihood, which `parts` gives at a value, is the χ² quantile."""
    return tuple(  # type: ignore[return-value] # of two
        float(brentq(lambda value: parts(value) - most, a, b, xtol=1e-13))
        for a, b in ((1e-12, mean), (mean, 1 - 1e-12))
    )


@pytest.mark.parametrize(("level", "comparisons"), CHI)
@pytest.mark.parametrize("name", ["ips", "snips"])
def test_likelihood_is_the_binomial_likelihood_where_weights_are_two_or_nothing(
    level: float, comparisons: int, name: str
) -> None:
    """Σ p·w = 1 leaves half the mass to weight 0; the other half is V/2 and (1 − V)/2, whatever the rest: so the ratio
    is that of a binomial sample of the weighted rows alone."""
    ones, zeros = 12, 28
    rate = ones / (ones + zeros)

    def loss(value: float) -> float:
        return 2 * (ones * math.log(rate / value) + zeros * math.log((1 - rate) / (1 - value)))

    found = ends("likelihood", few(ones, zeros, 50), name, level, comparisons)
    assert found == pytest.approx(likelihood_ends(loss, rate, CHI[level, comparisons]), abs=1e-5)


@pytest.mark.parametrize(
    ("ones", "zeros", "unweighted", "weight"),
    [(1, 60, 61, 2.0), (1, 400, 800, 3.0), (2, 5, 500, 40.0), (12, 28, 50, 40.0), (28, 12, 50, 40.0)],
)
@pytest.mark.parametrize(("level", "quantile"), [(0.95, 3.841458820694124), (0.999, 10.827566170662733)])
def test_likelihood_ends_are_exact_where_successes_are_few_and_weights_large(
    ones: int, zeros: int, unweighted: int, weight: float, level: float, quantile: float
) -> None:
    """As above, whatever the weight: the mass 1/weight of the weighted rows is divided into V and 1 − V."""
    rate = ones / (ones + zeros)

    def loss(value: float) -> float:
        return 2 * (ones * math.log(rate / value) + zeros * math.log((1 - rate) / (1 - value)))

    low, high = ends("likelihood", few(ones, zeros, unweighted, weight), level=level)
    expected = likelihood_ends(loss, rate, quantile)
    assert low == pytest.approx(expected[0], rel=1e-5)
    assert 1 - high == pytest.approx(1 - expected[1], rel=1e-5)


@pytest.mark.parametrize(
    ("w", "r", "value"),
    [
        ([0.0, 2.0, 2.0], [0.5, 1.0, 0.5], 0.75),  # β = 1: p = ½, ¼, ¼
        ([0.9, 0.9, 0.9, 2.0], [1.0, 0.0, 0.5, 0.25], 0.9 * 1.5 / 3.3 + 2 * 0.25 / 11),  # β = 7
        ([0.0, 0.5, 1.0, 1.5], [1.0, 0.0, 1.0, 0.5], 0.4375 + 0.25 * 0.625),  # weight is lacking, so p = ¼
    ],
)
def test_the_value_of_likelihood_is_that_of_its_probabilities(w: list[float], r: list[float], value: float) -> None:
    assert likelihood_value(np.array(w), np.array(r)) == pytest.approx(value, rel=1e-12)


def test_the_extended_logarithm_has_its_derivatives_and_is_smooth() -> None:
    """log above 1/n, a parabola of curvature −n² below."""
    z, step = np.array([-0.3, 0.05, 0.2, 0.5, 2.0]), 1e-5
    value, slope, curve = _log_star(z)
    assert value[3:] == pytest.approx(np.log(z[3:]))
    assert curve[:2] == pytest.approx(-25.0)
    (above, up, _), (below, down, _) = (_log_star(z + sign * step) for sign in (1, -1))
    inside = [0, 1, 3, 4]  # the curvature is continuous too, but its own slope is not
    assert slope == pytest.approx((above - below) / (2 * step), rel=1e-6)
    assert curve[inside] == pytest.approx(((up - down) / (2 * step))[inside], rel=1e-6)
    assert [each.tolist() for each in _log_star(z[3:])] == [np.log(z[3:]).tolist(), [2.0, 0.5], [-4.0, -0.25]]


def test_likelihood_is_computed_once_for_both_its_estimators(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[float] = []

    def counted(w: Any, x: Any, level: float, *more: Any) -> Interval:
        computed.append(level)
        return likelihood_fixed_sample(w, x, level, *more)

    monkeypatch.setattr("croupier.evaluation.intervals.likelihood.likelihood_fixed_sample", counted)
    estimators, columns = find_estimators(["ips", "snips"]), few(12, 28, 50)
    gathering = INTERVALS["likelihood"](estimators, LogBounds())
    terms = {each.name: each.terms(columns) for each in estimators}
    gathering.add(columns, terms)
    for level in (0.9, 0.95):
        both = [gathering.interval(each, SampleMoments.of(terms[each.name]), level) for each in estimators]
        assert both[0] == both[1]
    assert len(computed) == 2
    gathering.add(columns, terms)
    assert gathering.interval(estimators[0], SampleMoments.of(terms["ips"]), 0.95) != both[0]


def test_likelihood_of_rows_that_stand_for_several() -> None:
    """Ones stand for 3 rows, zeros for 1: at V the ones have the mass P with 3P(1 − V) = (1 − P)V."""
    ones, zeros = 15, 45
    plain = EstimatorInputs(np.ones(60), np.repeat([1.0, 0.0], [ones, zeros]), np.zeros(60), np.zeros(60))
    columns = EstimatorInputs(plain.w, plain.r, plain.q, plain.v, subsampling=np.repeat([3.0, 1.0], [ones, zeros]))

    def loss(value: float) -> float:
        mass = value / (3 * (1 - value) + value)
        return 2 * (ones * math.log(ones / 60 / mass) + zeros * math.log(zeros / 60 / (1 - mass)))

    found = ends("likelihood", columns)
    assert found == pytest.approx(likelihood_ends(loss, 0.5, CHI[0.95, 1]), abs=1e-5)


def nearest(
    constraints: list[list[float]], values: list[float], size: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The p nearest to even under A·p = b, and a basis of the directions that the constraints leave."""
    a, b, even = np.array(constraints), np.array(values), np.full(size, 1.0 / size)
    p = even + np.linalg.pinv(a) @ (b - a @ even)
    _, singular, basis = np.linalg.svd(a)
    return p, basis[int((singular > 1e-12).sum()) :]


def cressie_read_end(w: list[float], r: list[float], worst: float, sign: float, quantile: float) -> float:
    """sign × the least sign·V, by geometry: a linear function on the ball Σ (Np − 1)² ≤ g + F within a plane.

    N rows: the seen, and one of the worst reward and weight 0 or, with p = 0 and the mass m = 1 − Σ p·w at it, ∞.
    g is what Σ p·w = 1 costs alone, with the unseen row at ∞ where the seen weights lack some, at 0 where not.
    """
    size = len(w) + 1
    weights = [*w, 0.0]
    ones, value = [1.0] * size, [sign * a * b for a, b in zip(weights, [*r, worst], strict=True)]
    if sum(w) < len(w):
        cost = 1.0 + len(w) * (size / len(w) - 1.0) ** 2  # p = 0 at the unseen row, 1/n at each other
    else:
        p, _ = nearest([ones, weights], [1.0, 1.0], size)
        cost = float(((size * p - 1) ** 2).sum())
    found = []
    unseen = [0.0] * (size - 1) + [1.0]
    at_infinity = [sign * a * (b - worst) for a, b in zip(weights, [*r, worst], strict=True)]
    for constraints, targets, linear, constant in (
        ([ones, unseen], [1.0, 0.0], at_infinity, sign * worst),
        ([ones, weights], [1.0, 1.0], value, 0.0),
    ):
        p, free = nearest(constraints, targets, size)
        room = cost + quantile - float(((size * p - 1) ** 2).sum())
        if room >= 0:
            slope = np.linalg.norm(free @ np.array(linear))
            found.append(constant + float(np.array(linear) @ p - slope * math.sqrt(room) / size))
    return sign * min(found)


# Squares of Student's two-sided 95 % quantiles from tables, for n = 16, 64 and 90 degrees of freedom.
STUDENT = {16: 2.119905299221011, 64: 1.997729654317693, 90: 1.986674540703772}


@pytest.mark.parametrize("which", ["lacking", "enough", "many"])
def test_cressie_read_is_the_extreme_of_a_ball(which: str) -> None:
    columns = {
        "lacking": rows(8),
        "enough": EstimatorInputs(np.tile(W, 2) * 1.25, np.tile(S, 2), np.zeros(16), np.zeros(16)),
        "many": few(25, 40, 25),
    }[which]
    assert (columns.w.mean() < 1) == (which == "lacking")
    w, s = columns.w.tolist(), columns.r.tolist()
    quantile = STUDENT[len(w)] ** 2
    low, high = (cressie_read_end(w, s, end, sign, quantile) for end, sign in ((0.0, 1.0), (1.0, -1.0)))
    found = ends("cressie-read", columns, "snips")
    assert found == pytest.approx((max(low, 0.0), min(high, 1.0)), abs=1e-9)
    assert 0.0 < found[0] < found[1] < 1.0, "an end that is cut off would show little"
    moved = EstimatorInputs(columns.w, LOW + (HIGH - LOW) * columns.r, columns.q, columns.v)
    units = ends("cressie-read", moved, setting=LogBounds(LOW, HIGH))
    assert units == pytest.approx((LOW + (HIGH - LOW) * found[0], LOW + (HIGH - LOW) * found[1]), abs=1e-7)


@pytest.mark.parametrize("count", [3, 10, 1000])
@pytest.mark.parametrize("weight", [0.9, 0.7, 1.0, 1.1, 3.0])
@pytest.mark.parametrize("reward", [0.0, 1 / 3, 0.7, 1.0])
def test_cressie_read_of_equal_rows_has_the_ends_that_the_missing_weight_allows(
    count: int, weight: float, reward: float
) -> None:
    columns = EstimatorInputs(np.full(count, weight), np.full(count, reward), np.zeros(count), np.zeros(count))
    missing = max(0.0, 1.0 - weight)
    low = reward * (1.0 - missing)
    assert ends("cressie-read", columns, "snips") == pytest.approx((low, low + missing), abs=1e-7)


def test_sums_with_one_more_row_are_those_of_the_rows() -> None:
    w, r = np.array([0.5, 2.0]), np.array([1.0, 3.0])
    both = WeightSums.of(EstimatorInputs(w, r, r, r))
    first = WeightSums.of(EstimatorInputs(w[:1], r[:1], r[:1], r[:1]))
    assert first.with_row(2.0, 3.0) == both


@pytest.mark.parametrize("w", [[2.5, 0.0], [1 / 3, 0.5], [1.0] * 20])
def test_rewards_that_are_all_at_a_bound_leave_the_cressie_read_interval_there(w: list[float]) -> None:
    """Rounding may leave no probabilities within the ball; the end is then the bound itself."""
    low, high = -1.0, 1.19
    for reward in (low, high):
        columns = EstimatorInputs(np.array(w), np.full(len(w), reward), np.zeros(len(w)), np.zeros(len(w)))
        found = ends("cressie-read", columns, setting=LogBounds(low, high))
        assert low <= found[0] <= found[1] <= high
        assert found[reward == high] == pytest.approx(reward)


def test_a_single_row_of_cressie_read_is_certain_where_its_probabilities_are() -> None:
    """Weight 2 and one unseen row of weight 0 must have ½ each: V = ½·2·1."""
    one = EstimatorInputs(np.array([2.0]), np.array([1.0]), np.zeros(1), np.zeros(1))
    assert ends("cressie-read", one) == (1.0, 1.0)


def test_the_value_of_cressie_read_is_that_of_the_nearest_probabilities() -> None:
    """With weight enough, one unseen row at weight 0; lacking weight earns the mean reward."""
    w, s = [1.25 * each for each in W], S
    p, _ = nearest([[1.0] * 9, [*w, 0.0]], [1.0, 1.0], 9)
    by_hand = sum(a * b * c for a, b, c in zip(p.tolist(), w, s, strict=False))
    assert cressie_read_value(WeightSums.of(EstimatorInputs(np.array(w), np.array(s), np.zeros(8), np.zeros(8)))) == (
        pytest.approx(by_hand, rel=1e-12)
    )
    lacking = fmean(a * b for a, b in zip(W, S, strict=True)) + (1 - fmean(W)) * fmean(S)
    assert cressie_read_value(WeightSums.of(rows())) == pytest.approx(lacking, rel=1e-12)


def wealth(terms: list[float], bets: list[float], mean: float) -> float:
    """Mean over the bets of Π (1 + μx)/(1 + μV), in plain loops."""
    grown = [math.fsum(math.log1p(bet * x) - math.log1p(bet * mean) for x in terms) for bet in bets]
    return fmean(math.exp(min(each, 700.0)) for each in grown)  # beyond e⁷⁰⁰ nothing is asked


ABOVE = [2.0**k for k in range(-20, 13)]


@pytest.mark.parametrize(("floor", "name"), [(None, "ips"), (2.0, "ips"), (2.0, "dr"), (None, "dr")])
@pytest.mark.parametrize(("level", "comparisons"), [(0.95, 1), (0.9, 5)])
def test_betting_ends_are_where_the_wealth_is_two_over_what_may_miss(
    floor: float | None, name: str, level: float, comparisons: int
) -> None:
    """Several stakes are equal: their wealth is the mean. A floor W allows bets of −μ > −1/W on terms of at most W."""
    times = 20
    w, s, q, v = ([*column] * times for column in (W, S, Q, V))
    gains = [a * b for a, b in zip(w, s, strict=True)]
    losses = [a * (1 - b) for a, b in zip(w, s, strict=True)]
    own = [d + a * (b - c) for a, b, c, d in zip(w, s, q, v, strict=True)]
    up = [(gains, ABOVE)]
    down: list[tuple[list[float], list[float], bool]] = [(losses, ABOVE, True)]
    if floor:
        down.append((gains, [-bet for bet in ABOVE if bet < 1 / floor], False))
    if floor and name == "dr":  # own terms lie between −W and 1 + W
        up.append((own, [bet for bet in ABOVE if bet < 1 / floor]))
        down.append((own, [-bet for bet in ABOVE if bet < 1 / (1 + floor)], False))
    most = 2 * comparisons / (1 - level)

    def rich(value: float) -> float:
        return math.log(fmean(wealth(terms, bets, value) for terms, bets in up) / most)

    def poor(value: float) -> float:
        each = (wealth(x, bets, 1 - value if flipped else value) for x, bets, flipped in down)
        return math.log(fmean(each) / most)

    by_hand = [float(brentq(side, 1e-9, 1 - 1e-9, xtol=1e-12)) for side in (rich, poor)]
    assert 0.2 < by_hand[0] < by_hand[1] < 0.95
    setting = LogBounds(LOW, HIGH, floor)
    found = ends("betting-sequence", rows(times, LOW, HIGH), name, level, comparisons, setting)
    assert found == pytest.approx([LOW + (HIGH - LOW) * end for end in by_hand], abs=1e-7)


def told(terms: list[float]) -> tuple[float, float]:
    """ΣX, and Σ (X − x̂)² with x̂ = (½ + ΣX before)/(1 + rows before)."""
    total = spread = 0.0
    for n, x in enumerate(terms):
        spread += (x - (0.5 + total) / (1 + n)) ** 2
        total += x
    return total, spread


@pytest.mark.parametrize(("level", "comparisons"), [(0.95, 1), (0.9, 5)])
def test_bernstein_sequence_ends_are_where_the_integral_is_two_over_what_may_miss(
    level: float, comparisons: int
) -> None:
    """Wealth ∫ exp(λs + v(log(1 − λ) + λ)) dF(λ) with dF ∝ exp(λ) on 0 … 1, s = ΣX − n·mean, by quadrature."""
    times = 40
    most = 2 * comparisons / (1 - level)

    def least(terms: list[float]) -> float:
        total, v = told(terms)

        def grown(mean: float) -> float:
            s = total - len(terms) * mean
            inside, _ = quad(lambda x: math.exp(x + x * s + v * (math.log1p(-x) + x)), 0, 1, epsabs=0, limit=200)
            return math.log(inside / (math.e - 1) / most)

        return float(brentq(grown, 0, total / len(terms), xtol=1e-11))

    gains = [w * s for w, s in zip(W, S, strict=True)] * times
    losses = [w * (1 - s) for w, s in zip(W, S, strict=True)] * times
    low, high = least(gains), 1 - least(losses)
    assert 0.3 < low < high < 0.9
    setting = LogBounds(LOW, HIGH)
    found = ends("bernstein-sequence", rows(times, LOW, HIGH), "ips", level, comparisons, setting)
    assert found == pytest.approx((LOW + (HIGH - LOW) * low, LOW + (HIGH - LOW) * high), abs=1e-6)


@pytest.mark.parametrize(("level", "comparisons"), [(0.95, 1), (0.9, 5)])
def test_stitched_sequence_ends_are_the_boundary_of_howard(level: float, comparisons: int) -> None:
    """η = s = 1.1: k₁² = (√1.1 + 2 + 1/√1.1)/2, k₂ = (√1.1 + 1)/2, ζ(1.1) = 10.584448464950810."""
    times = 40
    alpha = (1 - level) / comparisons / 2

    def least(terms: list[float]) -> float:
        total, v = told(terms)
        assert v > 1
        epoch = 1.1 * math.log(1 + math.log(1.1 * v) / math.log(1.1)) + math.log(10.584448464950810 / alpha)
        k2 = (math.sqrt(1.1) + 1) / 2
        first = (math.sqrt(1.1) + 2 + 1 / math.sqrt(1.1)) / 2
        return (total - math.sqrt(first * v * epoch + (k2 * epoch) ** 2) - k2 * epoch) / len(terms)

    gains = [w * s for w, s in zip(W, S, strict=True)] * times
    losses = [w * (1 - s) for w, s in zip(W, S, strict=True)] * times
    low, high = least(gains), 1 - least(losses)
    assert 0.3 < low < high < 0.9
    found = ends("stitched-sequence", rows(times, LOW, HIGH), "ips", level, comparisons, LogBounds(LOW, HIGH))
    assert found == pytest.approx((LOW + (HIGH - LOW) * low, LOW + (HIGH - LOW) * high), rel=1e-9)


def test_the_stitched_boundary_by_hand() -> None:
    """η = s = 1.1 again; below a spread of 1 it is that of 1."""
    zeta, k2 = 10.584448464950810, (math.sqrt(1.1) + 1) / 2
    first = (math.sqrt(1.1) + 2 + 1 / math.sqrt(1.1)) / 2
    for v, spread in ((0.3, 1.0), (1.0, 1.0), (1.5, 1.5), (400.0, 400.0)):
        epoch = 1.1 * math.log(1 + math.log(1.1 * spread) / math.log(1.1)) + math.log(zeta / 0.025)
        by_hand = math.sqrt(first * spread * epoch + (k2 * epoch) ** 2) + k2 * epoch
        assert stitched_boundary(v, 0.025) == pytest.approx(by_hand, rel=1e-12)


def test_every_kind_has_an_oracle_here() -> None:
    assert set(INTERVALS) == {
        "normal",
        "bootstrap",
        "bernstein",
        "likelihood",
        "cressie-read",
        "betting-sequence",
        "bernstein-sequence",
        "stitched-sequence",
    }
