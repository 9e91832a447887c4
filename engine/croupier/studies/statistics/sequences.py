"""Intervals and p-values for effects: anytime-valid confidence sequences, and the fixed-horizon test."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.intervals.base import Interval, checked_level
from croupier.studies.statistics.effects import EffectEstimates
from croupier.studies.statistics.windows import Matrix
from croupier_policies import Vector

SEQUENCE_GUARANTEE = "asymptotic confidence sequence over closed windows, anytime-valid"
FIXED_HORIZON_GUARANTEE = "fixed-horizon normal interval, valid at one pre-specified time"
MIN_EFFECTIVE_UNITS = 25  # of each variant, before an interval is finite: the guarantee is asymptotic


class Trajectory(NamedTuple):
    """An effect and its interval over time.

    Attributes:
        at: Time of each look, in seconds, shape (looks,).
        units: Closed windows of control and treatment, shape (looks, 2).
        effective: Effective units of control and treatment, see `EffectEstimates`, shape (looks, 2).
        value: The estimate, a difference or a ratio, shape (looks,).
        low: Lower end of the interval, shape (looks,).
        high: Upper end of the interval, shape (looks,).
        p: P-value of the hypothesis of no effect, shape (looks,).
        level: Confidence level of the interval.
        guarantee: The kind of interval and the conditions under which it holds.
    """

    at: Vector
    units: Matrix
    effective: Matrix
    value: Vector
    low: Vector
    high: Vector
    p: Vector
    level: float
    guarantee: str

    @property
    def enough_data(self) -> bool:
        """Whether there are enough effective units for a finite interval at the last look."""
        return bool(len(self.at) and np.isfinite(self.low[-1]) and np.isfinite(self.high[-1]))

    @property
    def last(self) -> Interval:
        """The interval at the last look."""
        return Interval(float(self.low[-1]), float(self.high[-1]), self.level, self.guarantee)


def mixture_parameter(alpha: float) -> float:
    """ρ²·T at the time T at which the sequence is tightest: −2·log α + log(1 − 2·log α).

    Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, Annals of Statistics 2024, appendix on the choice of ρ.
    """
    return -2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))


def asymptotic_sequence(estimates: EffectEstimates, level: float = 0.95, planned_units: float = 1_000) -> Trajectory:
    """Asymptotic confidence sequence: value ± error·√(2·(1 + 1/ρ²T)·log(√(1 + ρ²T)/α)).

    It may be inspected any number of times: in the limit of many units, the probability that the interval ever excludes
    the true effect is at most α = 1 − level. The p-value is the running minimum of √(1 + ρ²T)·exp(−z²/2·ρ²T/(1 + ρ²T))
    with z = value/error; rejecting at p ≤ α is valid at every stopping time. The parameter covered at a look is the
    mean effect over the windows closed by then.

    Args:
        estimates: Estimates at the looks; T is their `weight`.
        level: 1 − α.
        planned_units: Units at which the sequence is tightest, for an even split. Do not choose it by looking at
            outcomes.

    Returns:
        The effect over time; intervals are infinite before `MIN_EFFECTIVE_UNITS`.

    Raises:
        InputError: `level` is not between 0 and 1, or `planned_units` is not positive.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, "Time-uniform central limit theory and asymptotic confidence
    sequences", Annals of Statistics 2024, theorem 2.2; Robbins, "Statistical methods related to the law of the iterated
    logarithm", 1970.
    """
    alpha = 1 - checked_level(level)
    if not planned_units > 0:
        raise InputError(f"planned_units is a number of units, not {planned_units}")
    a = np.maximum(mixture_parameter(alpha) * estimates.weight / (planned_units / 4), 1e-300)
    width = np.sqrt(2 * (1 + 1 / a) * np.log(np.sqrt(1 + a) / alpha))
    z = estimates.value / estimates.error
    p = np.exp(np.minimum(0.0, 0.5 * np.log1p(a) - z**2 / 2 * a / (1 + a)))
    running = np.minimum.accumulate(np.where(_enough(estimates), p, 1.0))
    return _trajectory(estimates, width, running, level, SEQUENCE_GUARANTEE)


def fixed_horizon(estimates: EffectEstimates, level: float = 0.95) -> Trajectory:
    """Fixed-horizon test: value ± z·error with the normal quantile z; narrower than a sequence, valid at a single look.

    Args:
        estimates: Estimates at a single look, whose time was specified before the experiment began.
        level: Confidence level of the interval.

    Raises:
        InputError: There are several looks.
    """
    if len(estimates.at) != 1:
        raise InputError(
            f"a fixed-horizon test is valid at a single look, and there are {len(estimates.at)}: its error rate would "
            "be far above 1 − level. Use asymptotic_sequence"
        )
    normal = NormalDist()
    width = np.full(1, normal.inv_cdf((1 + checked_level(level)) / 2))
    p = np.array([2 * normal.cdf(-abs(estimates.value[0] / estimates.error[0]))])
    return _trajectory(estimates, width, np.where(_enough(estimates), p, 1.0), level, FIXED_HORIZON_GUARANTEE)


def _enough(estimates: EffectEstimates) -> Vector:
    enough: Vector = (estimates.effective.min(axis=1) >= MIN_EFFECTIVE_UNITS) & np.isfinite(estimates.error)
    return enough


def _trajectory(estimates: EffectEstimates, width: Vector, p: Vector, level: float, guarantee: str) -> Trajectory:
    """The interval value ± width·error; infinite where there are too few effective units."""
    error = np.where(_enough(estimates), estimates.error, np.inf)
    ends = estimates.value, estimates.value - width * error, estimates.value + width * error
    if estimates.effect.scale == "ratio":
        with np.errstate(over="ignore"):
            ends = np.exp(ends[0]), np.exp(ends[1]), np.exp(ends[2])
    return Trajectory(estimates.at, estimates.units, estimates.effective, *ends, p, level, guarantee)
