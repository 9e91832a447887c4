"""The tail index of the weights, and what the verdict makes of it."""

import numpy as np
import pytest

from croupier.evaluation import Cause, Diagnostics, EstimatorInputs, LogBounds, Tally, judge
from croupier.evaluation.estimators.basic import find_estimators
from croupier.evaluation.evaluate import build_estimate
from croupier.evaluation.evidence.tail import MAX_KEPT, Tail, pareto_shape
from croupier.evaluation.intervals import interval_factories


@pytest.mark.parametrize("k", [-0.3, 0.1, 0.5, 0.9])
def test_the_shape_of_a_generalised_pareto_law_is_found(k):
    u = np.random.default_rng(1).random(20_000)
    assert pareto_shape(np.sort((u**-k - 1) / k)) == pytest.approx(k, abs=0.03)


def test_tails_add_up():
    values = np.random.default_rng(2).pareto(2.0, 100_000)
    both = Tail.of(values[:30_000]) + Tail.of(values[30_000:])
    assert both.count == 100_000
    assert len(both.largest) == MAX_KEPT
    assert both.shape == Tail.of(values).shape


def test_even_weights_have_no_tail_and_few_have_none_to_speak_of():
    assert Tail.of(np.ones(1000)).shape == -np.inf
    assert np.isnan(Tail.of(np.arange(50.0)).shape)


def test_a_heavy_tail_is_refused_unless_a_floor_ends_it():
    rng = np.random.default_rng(3)
    w = rng.pareto(1.1, 50_000)
    w *= 1 / w.mean()
    diagnostics = Diagnostics.of(w, (rng.random(50_000) < 0.5).astype(float), np.zeros(50_000))
    assert Cause.HEAVY_TAIL in [each.cause for each in judge(diagnostics).refusals]
    assert Cause.HEAVY_TAIL not in [each.cause for each in judge(diagnostics, max_weight=1e6).refusals]
    assert "declare it" in judge(diagnostics).refusals[-1].remedy


def test_ips_alone_is_refused_where_the_largest_weights_have_not_come_up():
    rng = np.random.default_rng(4)
    n = 20_000
    w = np.where(rng.random(n) < 0.99, 0.9, rng.pareto(1.2, n) + 1)
    w *= 1 / w.mean()
    columns = EstimatorInputs(w, (rng.random(n) < 0.5).astype(float), np.full(n, 0.5), np.full(n, 0.5))
    found = {}
    for most in (1.5 * w.max(), 4 * w.max()):
        tally = Tally(find_estimators(["ips", "snips", "dr"]), interval_factories(["normal"]), LogBounds())
        tally.add(columns, np.zeros(n), most)
        verdict = judge(tally.diagnostics, max_weight=most)
        found[most] = [build_estimate(tally, each, 0.95, verdict).verdict.enough for each in tally.estimators]
    assert list(found.values()) == [[True, True, True], [False, True, True]]
