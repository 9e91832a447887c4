"""Rows that stand for several, because others like them were dropped at random."""

import numpy as np
import pytest
from scipy.stats import binom

from croupier import reports
from croupier.evaluation import INTERVALS
from croupier.evaluation.datasets import compare_dataset, evaluate_dataset, from_frame, from_path, to_csv

TABLE, RATES = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.5, 0.4])
ALLOW, REFUSE = ("normal", "bootstrap", "likelihood"), ("betting-sequence", "bernstein", "cressie-read")
TARGETS = ["logged", "uniform", "constant:b"]
TRUTH = {"logged": float(TABLE @ RATES), "uniform": float(RATES.mean()), "constant:b": 0.5}


def log(n=3000, seed=0, dropped=0.8):
    """Rewards of 0 are dropped by a chance, as a joiner does that has too many of them."""
    rng = np.random.default_rng(seed)
    action = rng.choice(3, n, p=TABLE)
    reward = (rng.random(n) < RATES[action]).astype(float)
    p_drop = np.where(reward == 0.0, dropped, 0.0)
    kept = rng.random(n) >= p_drop
    columns = {"reward": reward, "propensity": TABLE[action], "action": np.array(["a", "b", "c"])[action]}
    return from_frame({name: each[kept] for name, each in {**columns, "p_drop": p_drop}.items()}, candidates=3)


def test_intervals_that_allow_for_it_hold_the_truth_as_often_as_they_say():
    runs, missed, blind = 80, {}, {}
    for seed in range(runs):
        rows = log(800, seed)
        found = evaluate_dataset(rows, TARGETS, intervals=ALLOW, floor=0.2)
        for target in found.targets:
            for name, estimate in target.estimates.items():
                for kind, (low, high, *_) in estimate.intervals.items():
                    key = (target.label, name, kind)
                    missed[key] = missed.get(key, 0) + (not low <= TRUTH[target.label] <= high)
        unaware = from_frame({"reward": rows.columns.reward, "propensity": rows.columns.propensity})
        low, high, *_ = evaluate_dataset(unaware, ["logged"]).targets[0].estimates["ips"].interval
        blind[seed] = not low <= TRUTH["logged"] <= high
    assert len(missed) == len(TARGETS) * 2 * len(ALLOW)
    assert max(missed.values()) <= binom.ppf(0.999, runs, 0.05)
    assert sum(blind.values()) == runs  # what comes of not allowing for it


def test_those_that_cannot_are_refused_in_words():
    found = evaluate_dataset(log(), TARGETS, intervals=[*ALLOW, *REFUSE], floor=0.2)
    assert len(found.targets) == len(TARGETS)
    for target in found.targets:
        assert set(target.estimates["ips"].intervals) == {"normal", "bootstrap", "likelihood"}
    (note,) = [note for note in found.notes if "not available" in note]
    assert all(kind in note for kind in REFUSE)
    assert "use normal, bootstrap or likelihood" in note
    assert '"betting-sequence"' not in reports.as_html(found)


def test_diagnostics_count_what_the_rows_stand_for():
    d = evaluate_dataset(log(20_000), ["uniform"])["uniform"].diagnostics
    assert d.mean_weight == pytest.approx(1.0, abs=4 * d.mean_weight_error)
    assert d.subsampling.total == pytest.approx(20_000, rel=0.05)
    plain = evaluate_dataset(log(20_000, dropped=0.0), ["uniform"])["uniform"].diagnostics
    assert d.ess_reward < plain.ess_reward
    assert plain.subsampling.total == 20_000


def test_a_log_that_could_have_dropped_and_did_not_is_a_plain_log():
    plain = log(dropped=0.0)
    bare = from_frame({"reward": plain.columns.reward, "propensity": plain.columns.propensity})
    kinds = sorted(INTERVALS)
    one = evaluate_dataset(plain, ["logged"], intervals=kinds, floor=0.2)["logged"].estimates["ips"].intervals
    other = evaluate_dataset(bare, ["logged"], intervals=kinds, floor=0.2)["logged"].estimates["ips"].intervals
    assert set(one) == set(other) == set(INTERVALS)
    for kind in one:
        assert one[kind][:2] == pytest.approx(other[kind][:2], abs=1e-9)


def test_dropping_that_begins_late_is_seen(tmp_path):
    """The first batch of a file has no dropped rows, the second has."""
    path, n = tmp_path / "log.csv", 70_000
    reward, drop = np.zeros(n), np.zeros(n)
    reward[:7000], drop[-1000:] = 1.0, 0.9
    to_csv(from_frame({"reward": reward, "propensity": np.ones(n), "p_drop": drop}), path)
    found = evaluate_dataset(from_path(path), ["logged"])
    assert found["logged"].estimates["ips"].value == pytest.approx(7000 / (n + 9000))
    assert found.mean_reward == pytest.approx(7000 / (n + 9000))
    assert list(found["logged"].estimates["ips"].intervals) == ["normal"]


def test_differences_allow_for_it_and_have_no_sequence():
    found = compare_dataset(log(20_000), ["constant:a", "constant:b"], estimator="snips", floor=0.2)
    (difference,) = found.differences
    assert difference.interval.low < -0.3 < difference.interval.high
    assert difference.sequence is None
    assert (found.significant, found.significant_anytime) == (True, False)
    assert any("betting-sequence: not available" in note for note in found.evaluation.notes)
    assert reports.as_dict(found)["differences"][0]["sequence"] is None
