"""Plans: the power that was asked for, and the courage to do nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from croupier.errors import InputError
from croupier.studies.statistics.effects import Effect, estimates
from croupier.studies.statistics.planner import Prospect, plan, units_for
from croupier.studies.statistics.sequences import asymptotic_sequence, fixed_horizon
from support import experiments as sim

PEOPLE = Prospect(sd=1.0, per_day=1_000, window=7, horizon=1e6, doubt=0.05)
RUNS = 300


def found(n: int, sequential: bool) -> int:
    count = 0
    for seed in range(RUNS):
        w = sim.normal_units(np.random.default_rng([60, seed]), n, 0.2)
        path = estimates(w, 1, 0, Effect(adjusted=False))
        course = asymptotic_sequence(path, planned=n) if sequential else fixed_horizon(path)
        count += bool(course.last.low > 0)
    return count


@pytest.mark.parametrize("sequential", [True, False])
def test_so_many_units_have_the_power_that_was_asked_for(sequential: bool) -> None:
    count = found(units_for(0.2, PEOPLE, 0.8, sequential=sequential), sequential)
    assert binom.isf(0.999, RUNS, 0.8) <= count <= binom.isf(0.001, RUNS, 0.8)


def test_uneven_splits_and_smaller_effects_need_more() -> None:
    assert units_for(0.1, PEOPLE) == pytest.approx(4 * units_for(0.2, PEOPLE), rel=0.01)
    assert units_for(0.2, replace(PEOPLE, share=0.1)) == pytest.approx(units_for(0.2, PEOPLE) / 0.36, rel=0.01)


def test_a_long_horizon_and_a_real_doubt_are_worth_an_experiment() -> None:
    best = plan(PEOPLE)
    assert best.choice == "experiment"
    assert best.experiment > 0
    assert best.days == best.units / 1_000 + 7


def test_a_candidate_believed_to_be_worse_costs_while_it_is_tried() -> None:
    fair, worse = plan(PEOPLE), plan(replace(PEOPLE, believed=-0.03))
    assert worse.exploring == pytest.approx(0.5 * worse.units * 0.03)
    assert worse.experiment < fair.experiment


@pytest.mark.parametrize(
    "change",
    [
        {"horizon": 2_000.0},  # over before the windows have closed
        {"believed": -0.3, "doubt": 0.02},  # surely worse
        {"cost": 1e6},
    ],
    ids=str,
)
def test_do_nothing_where_nothing_is_to_be_won(change: dict[str, float]) -> None:
    assert plan(replace(PEOPLE, **change)).choice == "do nothing"


def test_switch_now_where_an_experiment_would_only_delay() -> None:
    assert plan(replace(PEOPLE, believed=0.3, doubt=0.02)).choice == "switch now"


@pytest.mark.parametrize("change", [{"sd": 0.0}, {"share": 1.0}, {"horizon": -1.0}, {"level": 95.0}], ids=str)
def test_prospects_that_cannot_be_meant(change: dict[str, float]) -> None:
    with pytest.raises(InputError):
        replace(PEOPLE, **change)
