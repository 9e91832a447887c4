"""Evidence that is too thin, off the support or from the wrong propensities is refused, for the right reason."""

import numpy as np
import pytest

from croupier.evaluation import Cause, Diagnostics, Rules, judge


def causes(diagnostics):
    return [refusal.cause for refusal in judge(diagnostics).refusals]


def even(n):
    return np.ones(n), np.tile([0.0, 1.0], n // 2), np.zeros(n)


def test_enough_evidence_passes():
    verdict = judge(Diagnostics.of(*even(1000)))
    assert verdict.enough
    assert str(verdict) == "sufficient evidence"


def test_no_rows():
    assert causes(Diagnostics.of(*even(0))) == [Cause.NO_ROWS]


def test_few_effective_rows_are_thin_and_told_how_many_more_would_do():
    verdict = judge(Diagnostics.of(*even(100)))
    assert [refusal.cause for refusal in verdict.refusals] == [Cause.LOW_ESS]
    assert "effective sample size is 50" in str(verdict)
    assert "100 more rewarded decisions" in verdict.refusals[0].remedy


def test_one_heavy_weight_is_thin():
    w, s, outside = even(10_000)
    w[1] = 5_000.0
    assert Cause.LOW_ESS in causes(Diagnostics.of(w, s, outside))


@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_rewards_that_never_differ_at_an_end_of_their_range_are_thin(constant):
    w, s, outside = even(10_000)
    verdict = judge(Diagnostics.of(w, np.full_like(s, constant), outside))
    assert [refusal.cause for refusal in verdict.refusals] == [Cause.LOW_ESS]
    assert "log zeros" in verdict.refusals[0].remedy


def test_rare_failures_are_as_thin_as_rare_successes():
    w, s = np.ones(10_000), np.zeros(10_000)
    s[:90] = 1.0
    rare, common = (Diagnostics.of(w, each, np.zeros(10_000)) for each in (s, 1 - s))
    assert rare.ess_reward == pytest.approx(90.0)
    assert common.ess_reward == pytest.approx(90.0)
    assert "successes" in str(judge(rare))
    assert "failures" in str(judge(common))


def test_probability_outside_the_support_is_refused():
    rng = np.random.default_rng(5)
    w = rng.choice([0.0, 1.0, 1.4], 10_000)  # mean 0.8: what is missing is missing from the weights too
    diagnostics = Diagnostics.of(w, even(10_000)[1], np.full(10_000, 0.2))
    assert causes(diagnostics) == [Cause.OUTSIDE_SUPPORT]
    assert "20.0%" in str(judge(diagnostics))
    assert judge(diagnostics, Rules(outside=0.25)).enough


def test_logging_the_softmax_while_playing_the_argmax_shows_in_the_mean_weight():
    rng = np.random.default_rng(6)
    scores = rng.normal(size=(20_000, 4))
    softmax = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    w = 0.25 / softmax.max(axis=1)  # a uniform target, over the propensity that was logged for the argmax
    reward = (rng.random(20_000) < 0.5).astype(float)
    assert causes(Diagnostics.of(w, reward, np.zeros(20_000))) == [Cause.MEAN_WEIGHT]


def test_the_same_with_an_honest_draw_passes():
    rng = np.random.default_rng(7)
    scores = rng.normal(size=(20_000, 4)) / 2
    softmax = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    drawn = (softmax.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1).clip(max=3)
    w = 0.25 / softmax[np.arange(20_000), drawn]
    reward = (rng.random(20_000) < 0.5).astype(float)
    assert causes(Diagnostics.of(w, reward, np.zeros(20_000))) == []


def test_diagnostics_merge():
    rng = np.random.default_rng(8)
    w, s, outside = rng.random((3, 1000))
    whole = Diagnostics.of(w, s, outside).as_dict()
    first, second = (Diagnostics.of(w[part], s[part], outside[part]) for part in (slice(300), slice(300, None)))
    merge_tallies = (first + second).as_dict()
    assert merge_tallies == pytest.approx(whole)


def test_luck_does_not_pass_for_evidence():
    """Weights of 100 were to come up once in a hundred rows, and did not: what was seen looks better than it is."""
    w, s, outside = np.full(4000, 0.1), np.tile([0.0, 1.0], 2000), np.zeros(4000)
    w[:40] = 1.0 / 0.11
    seen = Diagnostics.of(w, s, outside)
    known = Diagnostics.of(w, s, outside, np.full(4000, 90.0))
    assert known.gains.ess == seen.gains.ess
    assert known.ess_reward == known.expected_ess_reward == pytest.approx(0.5 * 4000 / 90.0)
    assert "expected effective sample size is 22" in str(judge(known))
    halves = [Diagnostics.of(w[k], s[k], outside[k], np.full(2000, 90.0)) for k in (slice(2000), slice(2000, None))]
    assert (halves[0] + halves[1]).expected_ess_reward == pytest.approx(known.expected_ess_reward)


@pytest.mark.parametrize("weight", [1e160, 1e200, 1e-170])
def test_weights_beyond_what_can_be_squared_are_refused(weight):
    w, s, outside = even(1000)
    verdict = judge(Diagnostics.of(w * weight, s, outside))
    assert Cause.LOW_ESS in [refusal.cause for refusal in verdict.refusals]
