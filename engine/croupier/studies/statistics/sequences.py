"""Intervals and p-values for effects: those that hold at every look, and one for a single look."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.intervals.base import Interval, checked_level
from croupier.studies.statistics.effects import Path
from croupier.studies.statistics.windows import Matrix
from croupier_policies import Vector

SEQUENCE = "asymptotic confidence sequence over closed windows, any number of looks"
FIXED = "normal, fixed horizon: one look, at a time set beforehand"
LEAST = 25  # effective units of each variant before anything is said: the guarantee is of a limit


class Course(NamedTuple):
    """An effect over time.

    Attributes:
        at: Time of each look, shape (looks,).
        units: Closed windows of control and treatment, shape (looks, 2).
        effective: The same in effective units, as `Path` has them, shape (looks, 2).
        value: The estimate, a difference or a ratio, shape (looks,).
        low: Lower end of the interval, shape (looks,).
        high: Upper end, shape (looks,).
        p: The p-value of "no effect" up to this look, shape (looks,).
        level: Of the interval.
        guarantee: What it holds under.
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
    def told(self) -> bool:
        """Whether there is enough for the interval at the last look to say anything."""
        return bool(len(self.at) and np.isfinite(self.low[-1]) and np.isfinite(self.high[-1]))

    @property
    def last(self) -> Interval:
        """The interval at the last look."""
        return Interval(float(self.low[-1]), float(self.high[-1]), self.level, self.guarantee)


def mixture(alpha: float) -> float:
    """ρ²·T at the time T at which the sequence is tightest: −2·log α + log(1 − 2·log α).

    Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, Annals of Statistics 2024, appendix on the choice of ρ.
    """
    return -2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))


def asymptotic_sequence(path: Path, level: float = 0.95, planned: float = 1_000) -> Course:
    """value ± error·√(2·(1 + 1/ρ²T)·log(√(1 + ρ²T)/α)), to be looked at as often as one likes.

    In the limit of many units the chance that the interval ever leaves out the truth is at most α = 1 − level. The
    p-value is the least so far of √(1 + ρ²T)·exp(−z²/2·ρ²T/(1 + ρ²T)), z = value/error: rejecting at p ≤ α is right
    whenever one stops. What a sequence is about is the mean effect over the windows closed so far.

    Args:
        path: T is its `weight`.
        level: 1 − α.
        planned: Units at which it is tightest, at an even split. It must not be chosen by looking at outcomes.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, "Time-uniform central limit theory and asymptotic confidence
    sequences", Annals of Statistics 2024, theorem 2.2; Robbins, "Statistical methods related to the law of the iterated
    logarithm", 1970.
    """
    alpha = 1 - checked_level(level)
    if not planned > 0:
        raise InputError(f"planned is a number of units, not {planned}")
    a = np.maximum(mixture(alpha) * path.weight / (planned / 4), 1e-300)
    reach = np.sqrt(2 * (1 + 1 / a) * np.log(np.sqrt(1 + a) / alpha))
    z = path.value / path.error
    p = np.exp(np.minimum(0.0, 0.5 * np.log1p(a) - z**2 / 2 * a / (1 + a)))
    ready = _ready(path)
    return _course(path, reach, np.minimum.accumulate(np.where(ready, p, 1.0)), level, SEQUENCE)


def fixed_horizon(path: Path, level: float = 0.95) -> Course:
    """value ± z·error with the normal quantile z: narrower than a sequence, and right for one look only.

    Args:
        path: With one look, at a time that was set before the experiment began.
        level: Of the interval.

    Raises:
        InputError: There are several looks: the chance of a wrong one among them would be far more than 1 − level.
    """
    if len(path.at) != 1:
        raise InputError(
            f"{len(path.at)} looks with a test for one are wrong far more often than they say; use asymptotic_sequence"
        )
    normal = NormalDist()
    reach = np.full(1, normal.inv_cdf((1 + checked_level(level)) / 2))
    p = np.array([2 * normal.cdf(-abs(path.value[0] / path.error[0]))])
    return _course(path, reach, np.where(_ready(path), p, 1.0), level, FIXED)


def _ready(path: Path) -> Vector:
    ready: Vector = (path.effective.min(axis=1) >= LEAST) & np.isfinite(path.error)
    return ready


def _course(path: Path, reach: Vector, p: Vector, level: float, guarantee: str) -> Course:
    error = np.where(_ready(path), path.error, np.inf)
    ends = path.value, path.value - reach * error, path.value + reach * error
    if path.effect.scale == "ratio":
        with np.errstate(over="ignore"):
            ends = np.exp(ends[0]), np.exp(ends[1]), np.exp(ends[2])
    return Course(path.at, path.units, path.effective, *ends, p, level, guarantee)
