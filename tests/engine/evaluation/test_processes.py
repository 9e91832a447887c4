"""Several processes share one log: each gathers a part, and together they say what one pass says."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest

from croupier import InputError, reports
from croupier.evaluation.datasets import (
    evaluate_dataset,
    evaluate_partition,
    from_frame,
    from_path,
    merge_partitions,
    to_csv,
)

TABLE, RATES = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.5, 0.4])
TARGETS = ["logged", "uniform", "constant:b"]
ASKED = {
    "estimators": ["ips", "snips", "ips-clip:2"],
    "intervals": ["normal", "likelihood", "betting-sequence", "cressie-read", "bernstein"],
    "floor": 0.2,
    "segment": "device",
}


def log(n=30_000, seed=0):
    rng = np.random.default_rng(seed)
    action = rng.choice(3, n, p=TABLE)
    return {
        "reward": (rng.random(n) < RATES[action]).astype(float),
        "propensity": TABLE[action],
        "action": np.array(["a", "b", "c"])[action],
        "at": np.arange(n, dtype=float),
        "device": np.where(np.arange(n) % 3, "phone", "desk"),
    }


def one(path):
    """What a process does with its file."""
    return evaluate_partition(from_path(path, candidates=3), TARGETS, **ASKED, partition=int(path.stem))


def test_parts_gathered_by_other_processes_say_what_one_pass_says(tmp_path):
    columns = log()
    paths = [tmp_path / f"{k}.csv" for k in range(3)]
    for k, path in enumerate(paths):
        to_csv(from_frame({name: each[k * 10_000 : (k + 1) * 10_000] for name, each in columns.items()}), path)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        found = merge_partitions(list(pool.map(one, paths)))
    whole = evaluate_dataset(from_frame(columns, candidates=3), TARGETS, **ASKED)
    assert found.counts == whole.counts
    assert found.mean_reward == whole.mean_reward
    for target, expected in zip(found.targets, whole.targets, strict=True):
        assert target.verdict == expected.verdict
        assert target.diagnostics.as_dict() == pytest.approx(expected.diagnostics.as_dict(), rel=1e-12)
        assert (target.history.weight_histogram == expected.history.weight_histogram).all()
        assert set(expected.estimates) == set(ASKED["estimators"])
        for name, estimate in expected.estimates.items():
            assert target.estimates[name].value == pytest.approx(estimate.value, rel=1e-13)  # but for the order of sums
            assert target.estimates[name].error == pytest.approx(estimate.error, rel=1e-9)
            for kind, interval in estimate.intervals.items():
                assert target.estimates[name].intervals[kind][:2] == pytest.approx(interval[:2], rel=1e-7)
        assert expected.history.segments
        for label, tally in expected.history.segments.items():
            assert target.history.segments[label].diagnostics.count == tally.diagnostics.count
        assert [mark.rows for mark in target.history.curve.points] == [10_000, 20_000, 30_000]
        assert target.history.curve.points[-1].value == pytest.approx(
            expected.history.curve.points[-1].value, rel=1e-12
        )
    assert reports.as_html(found).count("<svg") == reports.as_html(whole).count("<svg")


def test_sums_that_are_exact_are_the_same_to_the_bit():
    """With weights of 1 all sums are of whole numbers: the order of adding cannot matter."""
    columns = log()
    asked = partial(evaluate_partition, targets=["logged"], estimators=["ips", "snips"])
    parts = [
        asked(from_frame({name: each[rows] for name, each in columns.items()}))
        for rows in (slice(0, 777), slice(777, 20_001), slice(20_001, None))
    ]
    found, whole = merge_partitions(parts), evaluate_dataset(from_frame(columns), ["logged"])
    for name in ("ips", "snips"):
        assert found["logged"].estimates[name].value == whole["logged"].estimates[name].value == found.mean_reward


def test_the_bootstrap_draws_other_counts_in_every_part():
    columns = log(4000)
    asked = partial(evaluate_partition, targets=["uniform"], intervals=["bootstrap"])
    halves = [{name: each[rows] for name, each in columns.items()} for rows in (slice(0, 2000), slice(2000, None))]
    parts = [asked(from_frame(half, candidates=3), partition=k) for k, half in enumerate(halves)]
    whole = evaluate_dataset(from_frame(columns, candidates=3), ["uniform"], intervals=["bootstrap"])
    interval = merge_partitions(parts)["uniform"].estimates["ips"].interval
    expected = whole["uniform"].estimates["ips"].interval
    assert interval.high - interval.low == pytest.approx(expected.high - expected.low, rel=0.15)


def test_what_is_no_part_of_one_log_is_refused():
    frame = from_frame({**log(200), "x": np.zeros(200)}, features=["x"], actions=["a", "b", "c"])
    with pytest.raises(InputError, match="at least one part"):
        merge_partitions([])
    with pytest.raises(InputError, match="same targets"):
        merge_partitions([evaluate_partition(frame, ["logged"]), evaluate_partition(frame, ["uniform"])])
    with pytest.raises(InputError, match="policy:softmax learns along the log"):
        merge_partitions([evaluate_partition(frame, ["policy:softmax"]), evaluate_partition(frame, ["policy:softmax"])])
    with pytest.raises(InputError, match="betting-sequence"):
        merge_partitions([evaluate_partition(frame, ["logged"], intervals=["bernstein-sequence"]) for _ in range(2)])
