"""Confidence sequences and the fixed-horizon test: error rates, and when they are infinite."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from croupier.errors import InputError
from croupier.evaluation.intervals.base import Interval
from croupier.studies.statistics.bounded import bernstein_sequence
from croupier.studies.statistics.corrections import correct_p_values
from croupier.studies.statistics.effects import Effect, estimate_effect
from croupier.studies.statistics.guardrails import Guardrail, GuardrailState
from croupier.studies.statistics.sequences import asymptotic_sequence, fixed_horizon
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
