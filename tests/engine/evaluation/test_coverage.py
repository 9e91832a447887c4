"""What the intervals promise, on logs of a policy that learns.

The bounds fail a right implementation less than once in a thousand. `scripts/prove_coverage.py` does the same at any
size.
"""

from functools import partial

import numpy as np
import pytest
from scipy.stats import binom

import prove_coverage as proof
from croupier_policies import SoftmaxPolicy

RUNS, N, LOOKS = 60, 1000, 10


def most(runs, miss=0.05):
    """The misses that a right 95 % interval exceeds once in a thousand."""
    return binom.ppf(0.999, runs, miss)


@pytest.fixture(scope="module", params=[0.3, 0.03])
def watched(request):
    """Logs of the policy as it comes, whose every look is looked at."""
    kinds = ("normal", "bernstein", *proof.SEQUENCES)
    runs = [proof.misses(proof.simulate(request.param, N, seed), 0.01, kinds, LOOKS) for seed in range(RUNS)]
    return [each for run in runs for each in run]


@pytest.mark.parametrize("target", ["uniform", "best"])
@pytest.mark.parametrize("kind", ["bernstein", *proof.SEQUENCES])
def test_sequences_and_empirical_bernstein_hold_at_every_look(watched, target, kind):
    for estimator in {each.estimator for each in watched if each.kind == kind}:
        own = [each for each in watched if each[:3] == (target, kind, estimator)]
        assert len(own) == RUNS
        assert sum(each.ever for each in own) <= most(RUNS)


def test_the_sequence_of_a_difference_holds_at_every_look(watched):
    own = [each for each in watched if each[:2] == ("best - uniform", "betting-sequence")]
    assert len(own) == RUNS
    assert sum(each.ever for each in own) <= most(RUNS)


def test_a_fixed_sample_interval_that_is_looked_at_daily_fails(watched):
    for estimator in ("ips", "snips", "dr"):
        own = [each for each in watched if each[:3] == ("best", "normal", estimator)]
        assert sum(each.ever for each in own) > most(RUNS)


def test_sequences_are_of_use(watched):
    own = [each for each in watched if each[:3] == ("best", "betting-sequence", "ips")]
    assert np.median([each.width for each in own]) < 0.5


@pytest.fixture(scope="module")
def judged():
    """Healthy logs: a floor of a half, so that most have evidence enough."""
    make, kinds = partial(SoftmaxPolicy, epsilon=0.5), ("normal", "bootstrap", "likelihood")
    runs = [proof.misses(proof.simulate(0.3, N, 1000 + seed, make), 0.5, kinds) for seed in range(RUNS)]
    return [each for run in runs for each in run]


@pytest.mark.parametrize("kind", ["normal", "bootstrap", "likelihood"])
def test_fixed_sample_intervals_hold_where_the_verdict_passes_and_it_passes_most(judged, kind):
    for target in ("uniform", "best"):
        for estimator in {each.estimator for each in judged if each.kind == kind}:
            own = [each for each in judged if each[:3] == (target, kind, estimator)]
            passed = [each for each in own if each.passed]
            assert len(passed) > 0.8 * RUNS
            assert sum(each.last for each in passed) <= most(len(passed))


def test_the_verdict_refuses_what_would_mislead(watched):
    """With the floor of .01 and 1,000 rows hardly any log says enough of the uniform policy."""
    own = [each for each in watched if each[:2] == ("uniform", "normal")]
    assert np.mean([each.passed for each in own]) < 0.1
