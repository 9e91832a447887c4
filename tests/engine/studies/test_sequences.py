"""Confidence sequences and the fixed-horizon test: error rates, and when they are infinite."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from croupier.errors import InputError
from croupier.evaluation.intervals.base import Interval
from croupier.studies.statistics.bounded import bernstein_sequence, mean_sequence
from croupier.studies.statistics.corrections import correct_p_values
from croupier.studies.statistics.effects import Effect, EffectEstimates, estimate_effect
from croupier.studies.statistics.guardrails import Guardrail, GuardrailState
from croupier.studies.statistics.sequences import Trajectory, asymptotic_sequence, fixed_horizon
from croupier.studies.statistics.windows import ClosedWindows
from support import experiments as sim


def clicks(seed: int, n: int, rate: float, p: float, effect: float = 0.0) -> ClosedWindows:
    rng = np.random.default_rng([50, seed])
    variant = (rng.random(n) < p).astype(np.int64)
    y = (rng.random(n) < rate + effect * variant).astype(float)
    return ClosedWindows(np.arange(n, dtype=float), variant, sim.two_variants(np.full(n, p)), y, np.ones(n))


@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_the_p_value_and_the_interval_agree(scale: str) -> None:
    w = clicks(0, 6_000, 0.3, 0.5, 0.05)
    found = estimate_effect(w, 1, 0, Effect("unit", scale), looks=np.arange(50.0, 6_000, 50))  # type: ignore[arg-type]
    trajectory = asymptotic_sequence(found, 0.95)
    nothing = 0.0 if scale == "difference" else 1.0
    out = np.logical_or.accumulate((trajectory.low > nothing) | (trajectory.high < nothing))
    assert ((trajectory.p < 0.05) == out).all()
    assert out.any()
    assert not out.all()


def test_rare_rewards_and_a_small_share_cause_no_false_positives() -> None:
    """Among fifty units there may be no success yet, and then their variance is underestimated."""
    looks, runs = np.arange(500.0, 40_000, 500), 50
    wrong = uncorrected = finite = 0
    for seed in range(runs):
        found = estimate_effect(clicks(seed, 40_000, 0.02, 0.05), 1, 0, looks=looks)
        trajectory = asymptotic_sequence(found, planned_units=2_000)
        finite += bool(np.isfinite(trajectory.low).any())
        wrong += bool((trajectory.p <= 0.05).any())
        uncorrected += bool(
            (asymptotic_sequence(found._replace(effective=found.units), planned_units=2_000).p <= 0.05).any()
        )
    bound = binom.isf(0.001, runs, 0.05)
    assert finite == runs
    assert wrong <= bound < uncorrected


def test_intervals_are_infinite_before_there_are_enough_effective_units() -> None:
    trajectory = asymptotic_sequence(
        estimate_effect(clicks(0, 2_000, 0.01, 0.5, 0.2), 1, 0, looks=np.array([60.0, 1_999.0]))
    )
    assert trajectory.low[0] == -np.inf
    assert trajectory.p[0] == 1.0
    assert trajectory.last.low > 0.1


def test_a_fixed_horizon_test_is_narrower_and_valid_at_one_look() -> None:
    w = clicks(1, 4_000, 0.3, 0.5, 0.05)
    found = estimate_effect(w, 1, 0)
    fixed, sequence = fixed_horizon(found).last, asymptotic_sequence(found).last
    assert sequence.low < fixed.low < fixed.high < sequence.high
    assert "fixed-horizon" in fixed.guarantee
    with pytest.raises(InputError, match="asymptotic_sequence"):
        fixed_horizon(estimate_effect(w, 1, 0, looks=np.array([1_000.0, 3_999.0])))


def looks(values: list[float], effective: list[list[float]], scale: str = "difference") -> EffectEstimates:
    n = len(values)
    return EffectEstimates(
        at=np.arange(1.0, n + 1),
        units=np.full((n, 2), 100.0),
        effective=np.array(effective),
        value=np.array(values),
        error=np.linspace(0.1, 0.05, n),
        weight=np.linspace(20.0, 80.0, n),
        effect=Effect("unit", scale),  # type: ignore[arg-type] # one of two
    )


@pytest.mark.parametrize("scale", ["difference", "ratio"])
@pytest.mark.parametrize(("level", "planned"), [(0.95, 1_000.0), (0.9, 200.0)])
def test_the_asymptotic_sequence_by_hand(scale: str, level: float, planned: float) -> None:
    """ρ²T = (2·log(1/α) + log(1 + 2·log(1/α)))·T/(planned/4); with 24 effective units there is no interval yet."""
    estimates = looks([0.2, -0.3, 0.25, 0.1], [[30.0, 24.0], [25.0, 30.0], [60.0, 26.0], [90.0, 90.0]], scale)
    found = asymptotic_sequence(estimates, level, planned)
    alpha, least = 1 - level, 1.0
    log = 2 * math.log(1 / alpha)
    for k in range(4):
        value, error, weight = (float(column[k]) for column in (estimates.value, estimates.error, estimates.weight))
        a = (log + math.log(1 + log)) * weight / (planned / 4)
        reach = error * math.sqrt(2 * (1 + 1 / a) * math.log(math.sqrt(1 + a) / alpha)) if k else math.inf
        ends = [value, value - reach, value + reach]
        if scale == "ratio":
            ends = [math.exp(each) for each in ends]
        assert [found.value[k], found.low[k], found.high[k]] == pytest.approx(ends, rel=1e-12)
        if k:
            least = min(least, math.sqrt(1 + a) * math.exp(-((value / error) ** 2) / 2 * a / (1 + a)))
        assert found.p[k] == pytest.approx(least, rel=1e-9)
    assert found.enough_data
    assert found.level == level


@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_the_fixed_horizon_test_by_hand(scale: str) -> None:
    found = fixed_horizon(looks([0.2], [[25.0, 30.0]], scale), 0.9)
    ends = [0.2 - 1.6448536269514722 * 0.1, 0.2 + 1.6448536269514722 * 0.1]
    assert [*found.last[:2]] == pytest.approx([math.exp(end) for end in ends] if scale == "ratio" else ends, rel=1e-12)
    assert found.p.tolist() == [pytest.approx(0.04550026389635839, rel=1e-9)]  # 2·Φ(−2)
    assert len(found.low) == len(found.high) == 1
    few = fixed_horizon(looks([0.2], [[25.0, 24.0]], scale))
    assert (few.low[0], few.high[0]) == ((0.0, math.inf) if scale == "ratio" else (-math.inf, math.inf))
    assert few.p.tolist() == [1.0]
    assert not few.enough_data


@pytest.mark.parametrize(
    ("low", "high", "enough"),
    [
        ([-math.inf, 0.1, 0.2], [math.inf, math.inf, 0.9], True),
        ([0.0, 0.1, -math.inf], [1.0, 1.0, 1.0], False),
        ([0.0, 0.1, 0.2], [1.0, 1.0, math.inf], False),
        ([], [], False),
    ],
)
def test_the_last_look_decides_whether_there_is_enough_data(low: list[float], high: list[float], enough: bool) -> None:
    ends = np.array(low), np.array(high)
    pairs = np.zeros((len(low), 2))
    found = Trajectory(ends[0], pairs, pairs, ends[0], *ends, ends[0], 0.95, "")
    assert found.enough_data is enough


def bounded_by_hand(x: list[float], alpha: float) -> tuple[list[float], list[float], list[float]]:
    """Centre, half-width and p-value of the mean ½ after each row, in a plain loop over the formulas."""
    centres, widths, p = [], [], []
    total = squares = 0.0
    bets = weighted = cost = 0.0
    mean, variance = 0.5, 0.25
    for t, each in enumerate(x, 1):
        bet = min(0.5, math.sqrt(2 * math.log(2 / alpha) / (variance * t * math.log(1 + t))))
        cost += (each - mean) ** 2 * (-math.log(1 - bet) - bet)
        bets, weighted = bets + bet, weighted + bet * each
        total += each
        mean = (0.5 + total) / (t + 1)
        squares += (each - mean) ** 2
        variance = (0.25 + squares) / (t + 1)
        centres.append(weighted / bets)
        widths.append((math.log(2 / alpha) + cost) / bets)
        p.append(min(1.0, 2 * math.exp(cost - bets * abs(weighted / bets - 0.5))))
    return centres, widths, p


@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_the_bounded_sequence_by_hand(alpha: float) -> None:
    rng = np.random.default_rng(4)
    x = rng.beta(0.5, 0.2, 400)
    centre, width, p = bounded_by_hand(x.tolist(), alpha)
    found = mean_sequence(x, alpha)
    assert found[0] == pytest.approx(centre, rel=1e-10)
    assert found[1] == pytest.approx(width, rel=1e-10)
    assert found[2] == pytest.approx(p, rel=1e-8)
    assert p[0] == 1.0
    assert p[-1] < 0.05


def test_the_bounded_sequence_of_an_effect_by_hand() -> None:
    """Three variants, of which the pair is the last and the first; rewards up to 2, probabilities of at least ¼."""
    rng = np.random.default_rng(6)
    n, bound = 300, 2.0 / 0.25
    variant, given = rng.integers(0, 3, n), np.where(np.arange(n) < 150, 0.5, 0.3)
    probability = np.column_stack([(1 - given) * 0.5, np.full(n, 0.5), given * 0.5])
    y = 2.0 * (rng.random(n) < np.where(variant == 2, 0.9, 0.1))
    windows = ClosedWindows(np.arange(n, dtype=float), variant, probability, y, np.ones(n))
    found = bernstein_sequence(windows, 2, 0, 2.0, 0.25, 0.9)
    rows = [k for k in range(n) if variant[k] != 1]
    scores = [y[k] / given[k] if variant[k] == 2 else -y[k] / (1 - given[k]) for k in rows]
    centre, width, p = bounded_by_hand([(score + bound) / (2 * bound) for score in scores], 0.1)
    cut = [[min(max(c + sign * w, 0.0), 1.0) for c, w in zip(centre, width, strict=True)] for sign in (-1, 1)]
    low, high, value = ([2 * bound * each - bound for each in column] for column in (*cut, centre))
    assert found.value == pytest.approx(value, rel=1e-9)
    assert found.low == pytest.approx(low, rel=1e-9)
    assert found.high == pytest.approx(high, rel=1e-9)
    assert found.p == pytest.approx(np.minimum.accumulate(p), rel=1e-8)
    assert found.at.tolist() == rows
    assert found.units[-1].tolist() == [(variant == 0).sum(), (variant == 2).sum()]
    with pytest.raises(InputError, match="min_probability"):
        bernstein_sequence(windows, 2, 0, 2.0, 0.31)
    bernstein_sequence(windows, 2, 0, 2.0, 0.3)


@pytest.mark.parametrize("planned_units", [0.0, -1.0])
def test_planned_units_is_a_number_of_units(planned_units: float) -> None:
    with pytest.raises(InputError):
        asymptotic_sequence(estimate_effect(clicks(0, 100, 0.5, 0.5), 1, 0), planned_units=planned_units)


def test_the_bounded_sequence_covers_at_every_unit_and_finds_large_effects() -> None:
    runs = 150
    missed = sum(
        bool(((s.low > 0.1) | (s.high < 0.1)).any())
        for s in (bernstein_sequence(clicks(k, 1_500, 0.2, 0.5, 0.1), 1, 0, 1.0, 0.5) for k in range(runs))
    )
    assert missed <= binom.isf(0.001, runs, 0.05)
    found = bernstein_sequence(clicks(0, 5_000, 0.1, 0.5, 0.4), 1, 0, 1.0, 0.5)
    assert 0 < found.last.low < 0.4 < found.last.high
    assert found.p[-1] < 0.05


def test_the_bounded_sequence_rejects_values_out_of_bounds() -> None:
    with pytest.raises(InputError, match="max_reward"):
        bernstein_sequence(clicks(0, 100, 0.5, 0.5), 1, 0, max_reward=0.5, min_probability=0.5)
    with pytest.raises(InputError, match="min_probability"):
        bernstein_sequence(clicks(0, 100, 0.5, 0.2), 1, 0, max_reward=1.0, min_probability=0.5)


def test_holm_controls_the_family_wise_error_rate() -> None:
    rng = np.random.default_rng(8)
    runs = 2_000
    p = rng.random((runs, 10))
    p[:, :4] = 1e-6  # four true effects; six null metrics remain
    wrong = sum(bool((correct_p_values(row)[4:] <= 0.05).any()) for row in p)
    assert wrong <= binom.isf(0.001, runs, 0.05)
    assert sum(bool((row[4:] <= 0.05).any()) for row in p) > 3 * wrong


def test_discovery_corrections_are_ordered_as_their_guarantees() -> None:
    p = np.array([0.001, 0.012, 0.02, 0.04, 0.8])
    hochberg, yekutieli = correct_p_values(p, "benjamini-hochberg"), correct_p_values(p, "benjamini-yekutieli")
    assert hochberg == pytest.approx([0.005, 0.03, 0.1 / 3, 0.05, 0.8])
    assert (yekutieli >= hochberg).all()
    assert (correct_p_values(p) >= hochberg).all()
    with pytest.raises(InputError, match="holm"):
        correct_p_values(p, "none")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "state"),
    [
        (-0.01, 1.0, GuardrailState.KEPT),
        (-0.1, 0.1, GuardrailState.INCONCLUSIVE),
        (-0.2, -0.05, GuardrailState.VIOLATED),
    ],
)
def test_guardrails(low: float, high: float, state: GuardrailState) -> None:
    assert Guardrail("speed", 0.02).state(Interval(low, high, 0.95, "")) is state


def test_a_guardrail_needs_a_margin() -> None:
    with pytest.raises(InputError, match="never be shown"):
        Guardrail("speed", 0.0)
