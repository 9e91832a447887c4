"""Differences on the same rows: fixed-sample intervals, confidence sequences, and when a leader is significant."""

import numpy as np
import pytest
from typer.testing import CliRunner

from croupier import Engine, UniformPolicy, reports
from croupier.cli.app import app
from croupier.evaluation import EstimatorInputs, LogBounds, compare, evaluate
from croupier.evaluation.estimators.basic import find_estimators
from croupier.evaluation.intervals import INTERVALS
from croupier.evaluation.pairs import PairAccumulator
from croupier.evaluation.passes.rows import Rows

RATES = {"a": 0.3, "b": 0.5, "c": 0.4}


def pair(n=20_000, *, floor=0.5, low=0.0, high=1.0, seed=0, name="dr", model=True, comparisons=1):
    """A log of three even actions: the first target always `b`, the second `b` half of the time, else `a`."""
    rng = np.random.default_rng(seed)
    action = rng.integers(0, 3, n)
    rates = np.array([0.3, 0.5, 0.4])
    s = (rng.random(n) < rates[action]).astype(float)
    w = np.array([[0.0, 3.0, 0.0], [1.5, 1.5, 0.0]])[:, action]
    q, v = (rates[action], (np.full(n, 0.5), np.full(n, 0.4))) if model else (np.zeros(n), (np.zeros(n),) * 2)
    units = [low + (high - low) * each for each in (s, q, *v)]
    max_weight = (3.0, 1.5) if floor else (None, None)
    zeros = (np.zeros(n), np.zeros(n))
    found = PairAccumulator(*find_estimators([name]), 0, 1, LogBounds(low, high), comparisons=comparisons)
    found.add(Rows(units[0], s, units[1], np.arange(n), (), tuple(w), tuple(units[2:]), zeros, max_weight))
    return found


@pytest.mark.parametrize("floor", [None, 0.5])
@pytest.mark.parametrize("model", [True, False])
def test_the_sequence_holds_the_difference_and_closes_in_on_it(floor, model):
    widths = []
    for n in (2000, 20_000, 200_000):
        low, high, _, guarantee = pair(n, floor=floor, model=model).sequence()
        assert low < 0.1 < high
        assert "anytime-valid" in guarantee
        widths.append(high - low)
    assert widths[2] < widths[1] / 2 < widths[0] / 4


def test_a_floor_narrows_the_sequence_of_a_difference():
    without, known = (pair(floor=floor).sequence() for floor in (None, 0.5))
    assert known.high - known.low < 0.75 * (without.high - without.low)
    assert known.high - known.low < 3 * 2 * 1.96 * pair().difference().error


def test_pairing_tells_more_than_two_sequences():
    """The bounds of either value, put against each other, leave far more open."""
    found = pair()
    rows = np.random.default_rng(0).integers(0, 3, 20_000)
    s = (np.random.default_rng(1).random(20_000) < np.array([0.3, 0.5, 0.4])[rows]).astype(float)
    apart = 0.0
    for w in (np.array([0.0, 3.0, 0.0]), np.array([1.5, 1.5, 0.0])):
        columns = EstimatorInputs(w[rows], s, np.zeros(20_000), np.zeros(20_000))
        alone = INTERVALS["betting-sequence"](find_estimators(["ips"]), LogBounds(max_weight=3.0))
        alone.add(columns, {})
        interval = alone.interval(*find_estimators(["ips"]), None, 0.975)
        apart += interval.high - interval.low
    low, high, *_ = found.sequence()
    assert high - low < 0.75 * apart


def test_a_difference_in_other_units_is_the_same_difference():
    plain, moved = pair(), pair(low=-10.0, high=30.0)
    assert moved.difference() == pytest.approx([40.0 * each for each in plain.difference()])
    assert moved.sequence()[:2] == pytest.approx([40.0 * each for each in plain.sequence()[:2]], abs=1e-9)


def test_more_pairs_widen_the_sequence():
    one, six = pair().sequence(), pair(comparisons=6).sequence()
    assert six.high - six.low > one.high - one.low
    assert "Bonferroni over 6" in six.guarantee


def test_a_weight_beyond_the_floor_leaves_no_sequence():
    found = pair()
    rows = Rows(
        *(np.ones(1),) * 4, (), (np.full(1, 9.0), np.ones(1)), (np.ones(1),) * 2, (np.zeros(1),) * 2, (3.0, 1.5)
    )
    found.add(rows)
    assert found.sequence() is None


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/log.db"
    rng = np.random.default_rng(3)
    with Engine.open(url, policy=UniformPolicy(), seed=5, learner=None) as engine:
        for k in range(3000):
            decision = engine.choose({}, list(RATES), id=f"d{k}")
            engine.reward(decision.id, float(rng.random() < RATES[decision.action]))
    return url


@pytest.fixture(scope="module")
def comparison(store):
    return compare(store, ["constant:a", "constant:b", "uniform"])


def test_a_comparison_says_whether_it_is_significant_by_its_sequence(comparison):
    assert (comparison.leader, comparison.significant, comparison.significant_anytime) == ("constant:b", True, True)
    assert "anytime-valid" in comparison.reason
    assert len(comparison.differences) == 3  # every pair
    for each in comparison.differences:
        assert each.sequence.low < each.value < each.sequence.high
        assert each.sequence.high - each.sequence.low > each.interval.high - each.interval.low
    first = reports.as_dict(comparison)["differences"][0]
    assert first["sequence"]["guarantee"].startswith("confidence sequence (betting on")


def test_significant_by_the_fixed_sample_interval_alone_is_reported_as_such(tmp_path):
    url = f"sqlite:///{tmp_path}/log.db"
    rng, rates = np.random.default_rng(3), {"a": 0.5, "b": 0.57}
    with Engine.open(url, policy=UniformPolicy(), seed=5, learner=None) as engine:
        for k in range(1500):
            decision = engine.choose({}, list(rates), id=f"d{k}")
            engine.reward(decision.id, float(rng.random() < rates[decision.action]))
    found = compare(url, ["constant:a", "constant:b"])
    assert (found.leader, found.significant, found.significant_anytime) == ("constant:b", True, False)
    assert "not yet by its confidence sequence" in found.reason


def test_expected_rows_are_those_of_the_weights_that_could_have_come(store, comparison):
    """Of constants under three even actions |w₁ − w₂| is 3 with chance ⅔: (n·2)²/(n·6), times the rarer outcome."""
    first = comparison.differences[0]
    assert (first.first, first.second) == ("constant:a", "constant:b")
    rows = comparison.evaluation.counts.rows
    a, b = (evaluate(store, [f"constant:{name}"], estimators=["snips"]).targets[0] for name in "ab")
    seen = a.diagnostics.gains.total + b.diagnostics.gains.total
    share = seen / (a.diagnostics.weights.total + b.diagnostics.weights.total)
    assert first.effective_sample_size <= min(share, 1 - share) * rows * 2 / 3 * (1 + 1e-9)
    assert first.effective_sample_size == pytest.approx(min(share, 1 - share) * rows * 2 / 3, rel=0.1)


def test_a_heavy_difference_that_did_not_come_up_is_not_counted_on():
    """Two policies that differ on an action drawn once in ten thousand, which the log happens to lack."""
    n = 5000
    found = PairAccumulator(*find_estimators(["dr"]), 0, 1, LogBounds())
    even, zero = np.ones(n), np.zeros(n)
    s = (np.arange(n) % 2).astype(float)
    w = (even, even * 0.9)
    expected = {(0, 1): (even * 0.2, even * (0.1**2 + 0.1**2 / 1e-4))}
    found.add(Rows(s, s, zero, zero, (), w, (zero, zero), (zero, zero), (1e4, 1e4), expected_distances=expected))
    assert found.ess > 2000
    assert found.expected_ess < 2.1


def test_a_page_shows_the_differences(store, comparison, tmp_path):
    page = reports.as_html(comparison)
    assert page.count("<svg") == 1 + len(comparison.differences)
    assert "anytime-valid" in page
    file = tmp_path / "page.html"
    arguments = ["compare", store, "-t", "constant:a", "-t", "constant:b", "--html", str(file)]
    printed = CliRunner().invoke(app, arguments)
    assert printed.exit_code == 0
    assert "anytime-valid" in printed.stdout
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_refused_difference_has_no_number_on_the_page(store):
    refused = compare(store, ["constant:a", "uniform", 'policy:softmax:{"epsilon":1.0}'])
    thin = refused.differences[-1]
    assert not thin.verdict.enough
    section = reports.as_html(refused).rpartition("<h2>")[2]
    assert 'class="line"' not in section
    assert "Remedy" in section
