"""Tallies of the parts of a log, kept in other processes too, give what one pass gives."""

import pickle
import tracemalloc

import numpy as np
import pytest

from croupier.evaluation import EstimatorInputs, LogBounds, Tally
from croupier.evaluation.estimators.basic import find_estimators
from croupier.evaluation.evidence.tally import cache_chunks, merge_tallies, moments
from croupier.evaluation.intervals import interval_factories
from croupier.evaluation.passes.rows import Rows, growing_chunks

ESTIMATOR_NAMES = ["ips", "snips", "dr", "sndr", "switch-dr:2", "dr-os:slope"]
KINDS = ["normal", "bernstein", "cressie-read", "betting-sequence"]


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    w = rng.choice([0.25, 1.0, 2.5], n)
    return EstimatorInputs(w, (rng.random(n) < 0.2).astype(float), np.full(n, 0.2), np.full(n, 0.25))


def tally(columns, part=0):
    found = Tally(find_estimators(ESTIMATOR_NAMES), interval_factories(KINDS), LogBounds(partition=part))
    found.add(columns, np.zeros(len(columns.w)), 2.5)
    return found


def sliced(columns, part):
    return EstimatorInputs(columns.w[part], columns.r[part], columns.q[part], columns.v[part])


def test_parts_merge_as_other_processes_send_them():
    columns = rows(60_000)
    parts = [sliced(columns, slice(k, k + 20_000)) for k in range(0, 60_000, 20_000)]
    whole = tally(columns)
    both = merge_tallies([pickle.loads(pickle.dumps(tally(part, k))) for k, part in enumerate(parts)])  # noqa: S301  (our own)
    assert both.diagnostics.as_dict() == pytest.approx(whole.diagnostics.as_dict())
    assert [estimator.name for estimator in whole.estimators] == list(ESTIMATOR_NAMES)
    compared = set()
    for estimator in whole.estimators:
        one, other = (estimator.estimate(each.moments[estimator.name]) for each in (whole, both))
        assert other == pytest.approx(one, rel=1e-9)
        for kind, expected in whole.intervals(estimator, 0.95).items():
            assert both.intervals(estimator, 0.95)[kind][:2] == pytest.approx(expected[:2], rel=1e-9)
            compared.add(kind)
    assert compared == set(KINDS)


def test_a_part_without_a_floor_leaves_none():
    columns = rows(100)
    known, unknown = tally(columns), Tally(find_estimators(ESTIMATOR_NAMES), interval_factories(KINDS), LogBounds())
    unknown.add(columns, np.zeros(100), None)
    assert (known + unknown).bounds.max_weight is None
    assert tally(columns).bounds.max_weight == 2.5


def test_memory_does_not_grow_with_the_log():
    found = tally(rows(100_000))
    tracemalloc.start()
    for seed in range(4):
        found.add(rows(100_000, seed), np.zeros(100_000), 2.5)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 4_000_000  # 400,000 rows would be 12.8 MB


def test_chunks_hold_every_row_once():
    columns = rows(50_000)
    assert np.array_equal(np.concatenate([part.w for part in cache_chunks(columns)]), columns.w)
    found = moments(columns, find_estimators(["ips"]))["ips"]
    assert found.mean[0] == pytest.approx((columns.w * columns.r).mean(), rel=1e-12)


def test_a_course_has_steps_on_short_logs_and_not_too_many_on_long_ones():
    def steps(n, batch):
        found, before = [], 0
        for start in range(0, n, batch):
            m = min(batch, n - start)
            column = np.zeros(m)
            rows = Rows(column, column, column, column, (), (column,), (column,), (column,), (None,))
            for piece in growing_chunks(rows, before):
                found.append(len(piece))
                before += len(piece)
        assert sum(found) == n
        return found

    assert steps(1000, 65_536) == [128] * 7 + [104]
    assert len(steps(3_000_000, 65_536)) < 350
    assert max(steps(3_000_000, 65_536)) == 65_536
