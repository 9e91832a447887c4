"""Planning: the requested power, and when the best choice is to do nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from croupier.errors import InputError
from croupier.studies.statistics.effects import Effect, estimate_effect
from croupier.studies.statistics.planner import Assumptions, plan, required_units
from croupier.studies.statistics.sequences import asymptotic_sequence, fixed_horizon
from support import experiments as sim

ASSUMPTIONS = Assumptions(sd=1.0, per_day=1_000, window=7, horizon=1e6, prior_sd=0.05)
RUNS = 300


def found(n: int, sequential: bool) -> int:
    count = 0
    for seed in range(RUNS):
        w = sim.normal_units(np.random.default_rng([60, seed]), n, 0.2)
        estimates = estimate_effect(w, 1, 0, Effect(adjusted=False))
        trajectory = asymptotic_sequence(estimates, planned_units=n) if sequential else fixed_horizon(estimates)
        count += bool(trajectory.last.low > 0)
    return count


@pytest.mark.parametrize("sequential", [True, False])
def test_the_required_units_have_the_requested_power(sequential: bool) -> None:
    count = found(required_units(0.2, ASSUMPTIONS, 0.8, sequential=sequential), sequential)
    assert binom.isf(0.999, RUNS, 0.8) <= count <= binom.isf(0.001, RUNS, 0.8)


def test_uneven_splits_and_smaller_effects_need_more() -> None:
    assert required_units(0.1, ASSUMPTIONS) == pytest.approx(4 * required_units(0.2, ASSUMPTIONS), rel=0.01)
    assert required_units(0.2, replace(ASSUMPTIONS, share=0.1)) == pytest.approx(
        required_units(0.2, ASSUMPTIONS) / 0.36, rel=0.01
    )


def test_a_long_horizon_and_a_wide_prior_are_worth_an_experiment() -> None:
    best = plan(ASSUMPTIONS)
    assert best.choice == "experiment"
    assert best.experiment_value > 0
    assert best.days == best.units / 1_000 + 7


def test_a_candidate_with_a_negative_prior_mean_has_an_exploration_cost() -> None:
    fair, worse = plan(ASSUMPTIONS), plan(replace(ASSUMPTIONS, prior_mean=-0.03))
    assert worse.exploration_cost == pytest.approx(0.5 * worse.units * 0.03)
    assert worse.experiment_value < fair.experiment_value


@pytest.mark.parametrize(
    "change",
    [
        {"horizon": 2_000.0},  # all units have come before the windows close
        {"prior_mean": -0.3, "prior_sd": 0.02},  # almost certainly worse
        {"cost": 1e6},
    ],
    ids=str,
)
def test_do_nothing_if_no_choice_has_a_positive_value(change: dict[str, float]) -> None:
    assert plan(replace(ASSUMPTIONS, **change)).choice == "do nothing"


def test_switch_now_where_an_experiment_would_only_delay() -> None:
    assert plan(replace(ASSUMPTIONS, prior_mean=0.3, prior_sd=0.02)).choice == "switch now"


@pytest.mark.parametrize("change", [{"sd": 0.0}, {"share": 1.0}, {"horizon": -1.0}, {"level": 95.0}], ids=str)
def test_invalid_assumptions(change: dict[str, float]) -> None:
    with pytest.raises(InputError):
        replace(ASSUMPTIONS, **change)
