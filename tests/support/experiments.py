"""Simulated experiments with a known truth, one for each seed."""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from croupier.studies.statistics.effects import Effect, EffectEstimates, estimate_effect
from croupier.studies.statistics.exposure import Events, closed_windows
from croupier.studies.statistics.planner import Assumptions, required_units
from croupier.studies.statistics.sample_ratio import sample_ratio_test
from croupier.studies.statistics.sequences import MIN_EFFECTIVE_UNITS, asymptotic_sequence
from croupier.studies.statistics.windows import ClosedWindows, Matrix
from croupier_policies import Vector

DAYS, WINDOW, UNITS = 30.0, 7.0, 3_000
LOOKS = np.arange(1.0, DAYS + 1)
NORMAL = NormalDist()


def two_variants(p: Vector) -> Matrix:
    """Probabilities of control and treatment, (n, 2), from those of the treatment, (n,)."""
    return np.column_stack([1 - p, p])


def aa_events(rng: np.random.Generator, units: int = UNITS) -> Events:
    """An A/A experiment: 30 days, units that return at different rates and differ in their mean rewards.

    The weights change from 50/50 to 70/30 on day 12, and all rewards decrease towards the end.
    """
    start = np.sort(rng.uniform(0, DAYS, units))
    p = np.where(start < 12.0, 0.5, 0.3)
    variant = (rng.random(units) < p).astype(np.int64)
    rate, mean = rng.gamma(1.0, 0.5, units), rng.beta(0.5, 1.5, units)
    returns = rng.poisson(rate * (DAYS - start))
    unit = np.concatenate([np.arange(units), np.repeat(np.arange(units), returns)])
    at = np.concatenate(
        [start, np.repeat(start, returns) + rng.random(returns.sum()) * np.repeat(DAYS - start, returns)]
    )
    reward = (rng.random(len(at)) < mean[unit] * (1 - 0.4 * at / DAYS)).astype(float)
    rewarded = np.where(reward > 0, at + rng.exponential(0.05, len(at)), np.nan)
    return Events(unit, variant[unit], at, reward, rewarded, two_variants(p[unit]))


def as_if_independent(events: Events) -> ClosedWindows:
    """Windows of the invalid analysis that treats every decision as a unit of its own."""
    order = np.argsort(events.at, kind="stable")
    reward = events.reward[order]
    return ClosedWindows(
        events.at[order], events.variant[order], events.probability[order], reward, np.ones_like(reward)
    )


def ever(path: EffectEstimates, alpha: float = 0.05) -> bool:
    """Whether the confidence sequence ever excludes a zero effect."""
    return bool((asymptotic_sequence(path, 1 - alpha, planned_units=UNITS).p <= alpha).any())


def peeked(path: EffectEstimates, alpha: float = 0.05) -> bool:
    """Whether a fixed-sample test, invalidly repeated every day from fifty units of each variant on, ever rejects."""
    ready = path.units.min(axis=1) >= 50
    return bool((np.abs(path.value / path.error)[ready] > NORMAL.inv_cdf(1 - alpha / 2)).any())


class AAResult(NamedTuple):
    """One A/A experiment: which analyses ever find an effect in it, and at how many looks the sequence has a value."""

    per_unit: bool
    per_decision: bool
    peeking: bool
    independent_decisions: bool
    valid_looks: int


def aa_experiment(seed: int) -> AAResult:
    """An A/A experiment, analysed every day."""
    events = aa_events(np.random.default_rng([1, seed]))
    windows = closed_windows(events, WINDOW, DAYS)
    per_unit = estimate_effect(windows, 1, 0, looks=LOOKS)
    return AAResult(
        ever(per_unit),
        ever(estimate_effect(windows, 1, 0, Effect("decision", "ratio"), LOOKS)),
        peeked(per_unit),
        ever(estimate_effect(as_if_independent(events), 1, 0, looks=LOOKS)),
        int((per_unit.effective.min(axis=1) >= MIN_EFFECTIVE_UNITS).sum()),
    )


def normal_units(rng: np.random.Generator, n: int, effect: float, correlation: float = 0.0) -> ClosedWindows:
    """Units with rewards N(effect·treated, 1) and a covariate of the given correlation with them."""
    variant = rng.integers(0, 2, n)
    x, noise = rng.normal(size=n), rng.normal(size=n)
    y = correlation * x + np.sqrt(1 - correlation**2) * noise + effect * variant
    return ClosedWindows(np.arange(1.0, n + 1), variant, two_variants(np.full(n, 0.5)), y, np.ones(n), x)


def stopping_ratio(seed: int, effect: float = 0.2) -> float:
    """Units until a sequence finds a true effect, as a multiple of the fixed sample for 80 % power; inf above 6."""
    fixed = required_units(effect, Assumptions(sd=1.0, per_day=1, window=1, horizon=1), sequential=False)
    windows = normal_units(np.random.default_rng([2, seed]), 6 * fixed, effect)
    sequence = asymptotic_sequence(
        estimate_effect(windows, 1, 0, Effect(adjusted=False), windows.closed_at), planned_units=fixed
    )
    found = np.flatnonzero(sequence.p <= 0.05)
    return (int(found[0]) + 1) / fixed if len(found) else np.inf


def covariate_adjustment(seed: int, n: int = 2_000) -> tuple[float, float, float]:
    """Estimates without and with a covariate of correlation .7, and the ratio of their estimated variances."""
    windows = normal_units(np.random.default_rng([3, seed]), n, 0.1, 0.7)
    unadjusted, cuped = (estimate_effect(windows, 1, 0, Effect(adjusted=use)) for use in (False, True))
    return float(unadjusted.value[0]), float(cuped.value[0]), float((cuped.error[0] / unadjusted.error[0]) ** 2)


def false_alarm(seed: int, n: int = 3_500) -> bool:
    """Whether the sample-ratio test raises an alarm on a correct split whose weights change twice."""
    rng = np.random.default_rng([4, seed])
    weights = np.array([[0.1, 0.45, 0.45], [0.1, 0.7, 0.2], [0.1, 0.3, 0.6]])
    probability = weights[np.arange(n) * 3 // n]
    variant = (rng.random((n, 1)) > probability.cumsum(axis=1)[:, :2]).sum(axis=1)
    return sample_ratio_test(variant, probability).alarm(0.01) is not None


def true_alarm(seed: int, n: int = 3_500) -> int | None:
    """The unit at which the sample-ratio test finds 45/55 instead of 50/50; None if it does not within n units."""
    variant = (np.random.default_rng([5, seed]).random(n) < 0.55).astype(np.int64)
    return sample_ratio_test(variant, np.full((n, 2), 0.5)).alarm(0.01)
