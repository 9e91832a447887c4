"""The promises, on simulated experiments; `python -m proofs.experiments` runs the full number."""

from __future__ import annotations

import numpy as np
import pytest

from croupier.studies.promotion import Action
from support import experiments as sim
from support.bounds import largest_count
from support.canaries import canary


def test_sequences_over_closed_windows_keep_their_word_and_the_shortcuts_do_not() -> None:
    runs = [sim.aa_experiment(seed) for seed in range(200)]
    bound = largest_count(len(runs), 0.05)
    assert np.median([run.valid_looks for run in runs]) >= 5  # not by keeping silent
    assert sum(run.per_unit for run in runs) <= bound
    assert sum(run.per_decision for run in runs) <= bound
    assert sum(run.peeking for run in runs) > bound
    assert sum(run.independent_decisions for run in runs) > bound


def test_a_true_effect_is_found_within_twice_the_sample_of_a_fixed_test() -> None:
    assert np.median([sim.stopping_ratio(seed) for seed in range(100)]) <= 2.0


def test_a_covariate_of_correlation_seven_tenths_halves_the_variance() -> None:
    runs = np.array([sim.covariate_adjustment(seed) for seed in range(150)])
    assert np.median(runs[:, 2]) <= 0.55
    assert runs[:, 1].var() / runs[:, 0].var() <= 0.7  # what it really is, as far as 150 runs can tell
    assert runs[:, 1].mean() == pytest.approx(0.1, abs=3.5 * runs[:, 1].std() / np.sqrt(len(runs)))


def test_the_split_raises_few_false_alarms_and_the_true_one_early() -> None:
    assert sum(sim.false_alarm(seed) for seed in range(400)) <= largest_count(400, 0.01)
    raised = [sim.true_alarm(seed) for seed in range(200)]
    assert sum(unit is not None for unit in raised) >= 0.95 * len(raised)


def test_a_good_candidate_is_promoted_and_a_bad_or_harmful_one_withdrawn() -> None:
    good = [canary(seed, 0.15) for seed in range(8)]
    bad = [canary(seed, -0.3) for seed in range(8)]
    harmful = [canary(seed, 0.15, harm=0.6) for seed in range(8)]
    assert sum(run.action is Action.PROMOTE for run in good) >= 7
    assert sum(run.action is Action.WITHDRAW and not run.undecided for run in bad) >= 7
    assert sum(run.action is Action.WITHDRAW and not run.undecided for run in harmful) >= 7
    assert np.median([run.assigned for run in bad]) < np.median([run.assigned for run in good])


def test_a_candidate_like_the_champion_is_not_promoted() -> None:
    runs = [canary(seed, 0.0, days=30) for seed in range(25)]
    assert sum(run.action is Action.PROMOTE for run in runs) <= largest_count(25, 0.05)
