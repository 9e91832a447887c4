"""The statistical guarantees, on simulated experiments; `python -m proofs.experiments` runs the full number."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from croupier.studies.promotion import RulingAction
from support import experiments as sim
from support.canaries import canary


def upper_bound(runs: int, rate: float) -> int:
    """A count exceeded with probability .001 if the rate is as stated."""
    return int(binom.isf(0.001, runs, rate))


def test_sequences_over_closed_windows_control_the_error_rate_and_shortcuts_do_not() -> None:
    runs = [sim.aa_experiment(seed) for seed in range(200)]
    bound = upper_bound(len(runs), 0.05)
    assert np.median([run.valid_looks for run in runs]) >= 5  # they are finite at several looks
    assert sum(run.per_unit for run in runs) <= bound
    assert sum(run.per_decision for run in runs) <= bound
    assert sum(run.peeking for run in runs) > bound
    assert sum(run.independent_decisions for run in runs) > bound


def test_a_true_effect_is_detected_within_twice_the_sample_of_a_fixed_horizon_test() -> None:
    assert np.median([sim.stopping_ratio(seed) for seed in range(100)]) <= 2.0


def test_a_covariate_of_correlation_seven_tenths_halves_the_variance() -> None:
    runs = np.array([sim.covariate_adjustment(seed) for seed in range(150)])
    assert np.median(runs[:, 2]) <= 0.55
    assert runs[:, 1].var() / runs[:, 0].var() <= 0.7  # the true ratio, within the precision of 150 runs
    assert runs[:, 1].mean() == pytest.approx(0.1, abs=3.5 * runs[:, 1].std() / np.sqrt(len(runs)))


def test_sample_ratio_alarms_are_rarely_false_and_detect_a_mismatch() -> None:
    assert sum(sim.false_alarm(seed) for seed in range(400)) <= upper_bound(400, 0.01)
    raised = [sim.true_alarm(seed) for seed in range(200)]
    assert sum(unit is not None for unit in raised) >= 0.95 * len(raised)


def test_a_good_candidate_is_promoted_and_a_bad_or_harmful_one_withdrawn() -> None:
    good = [canary(seed, 0.15) for seed in range(8)]
    bad = [canary(seed, -0.3) for seed in range(8)]
    harmful = [canary(seed, 0.15, harm=0.6) for seed in range(8)]
    assert sum(run.action is RulingAction.PROMOTE for run in good) >= 7
    assert sum(run.action is RulingAction.WITHDRAW and not run.undecided for run in bad) >= 7
    assert sum(run.action is RulingAction.WITHDRAW and not run.undecided for run in harmful) >= 7
    assert np.median([run.assigned for run in bad]) < np.median([run.assigned for run in good])


def test_a_candidate_like_the_champion_is_not_promoted() -> None:
    runs = [canary(seed, 0.0, days=30) for seed in range(25)]
    assert sum(run.action is RulingAction.PROMOTE for run in runs) <= upper_bound(25, 0.05)
