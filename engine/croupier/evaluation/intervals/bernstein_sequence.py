"""The empirical-Bernstein confidence sequence of Vowpal Wabbit, which is anytime-valid."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.estimators.base import Estimator, EstimatorInputs
from croupier.evaluation.estimators.moments import SampleMoments
from croupier.evaluation.intervals.base import (
    Interval,
    IntervalAccumulator,
    LogBounds,
    Terms,
    error_rate,
    guarantee_text,
)
from croupier_policies import Vector

RHO = 1.0


class OneSidedSums:
    """ΣX and V = Σ (X − x̂)² of terms X ≥ 0; the prediction x̂ = (½ + ΣX)/(1 + n) uses the n rows before X."""

    def __init__(self) -> None:
        self.n, self.total, self.spread = 0, 0.0, 0.0

    def add(self, x: Vector) -> None:
        """Add a batch, shape (n,), in the order of the log."""
        before = self.total + np.concatenate([[0.0], np.cumsum(x)[:-1]])
        prediction = (before + 0.5) / (self.n + 1.0 + np.arange(len(x)))
        self.spread += float(((x - prediction) ** 2).sum())
        self.total += float(x.sum())
        self.n += len(x)

    def lower_end(self, error_rate: float) -> float:
        """The lower end for the mean of X: where the wealth against it is 1/error_rate."""
        if not self.n:
            return 0.0
        most = min(1.0, self.total / self.n)
        return _root(lambda mean: log_wealth(self.total - self.n * mean, self.spread), most, error_rate)

    def stitched_lower_end(self, error_rate: float) -> float:
        """The lower end by the stitched boundary."""
        return max(0.0, (self.total - stitched_boundary(self.spread, error_rate)) / self.n) if self.n else 0.0


def log_wealth(s: float, v: float, rho: float = RHO) -> float:
    """log of ∫ exp(λs − ψ(λ)v) dF(λ), ψ(λ) = −log(1 − λ) − λ, F a gamma distribution truncated at λ = 1.

    Args:
        s: Σ (X − mean), at least 0.
        v: Σ (X − x̂)².
        rho: ρ, the location of the mixture; the larger, the later the bound is tightest.

    Source: Howard, Ramdas, McAuliffe & Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences",
    Annals of Statistics 2021, proposition 9 and theorem 4.
    """
    a, x = v + rho, s + v + rho
    return s + v + rho * math.log(rho) - a * math.log(x) + _log_lower_gamma(a, x) - _log_lower_gamma(rho, rho)


def stitched_boundary(v: float, error_rate: float, eta: float = 1.1, s: float = 1.1) -> float:
    """u such that Σ (X − mean) ≥ u(v) ever occurs with probability at most α, for X ≥ 0 of means up to 1.

    u = √(k₁²·v·l + k₂²·l²) + k₂·l with l = s·log(1 + log_η(ηv)) + log(ζ(s)/α), k₁ = (η^¼ + η^−¼)/√2 and
    k₂ = (√η + 1)/2: one linear bound for each epoch in which v grows η-fold, stitched together.

    Args:
        v: Σ (X − x̂)²; at least 1 is used.
        error_rate: α.
        eta: η.
        s: s, which distributes α over the epochs.

    Source: Howard, Ramdas, McAuliffe & Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences",
    Annals of Statistics 2021, theorem 1 and equation 10.
    """
    from scipy.special import zeta

    v = max(v, 1.0)
    k1, k2 = (eta**0.25 + eta**-0.25) / math.sqrt(2), (math.sqrt(eta) + 1) / 2
    epochs = s * math.log(1 + math.log(eta * v, eta)) + math.log(float(zeta(s)) / error_rate)
    return math.sqrt(k1**2 * v * epochs + (k2 * epochs) ** 2) + k2 * epochs


def _log_lower_gamma(a: float, x: float) -> float:
    from scipy.special import gammainc, gammaln

    return math.log(float(gammainc(a, x))) + float(gammaln(a))


def _root(against: Callable[[float], float], most: float, error_rate: float) -> float:
    """The mean in [0, most] at which the evidence against it, which decreases in the mean, is log(1/error_rate)."""
    from scipy.optimize import brentq

    threshold = -math.log(error_rate)
    if against(0.0) <= threshold:
        return 0.0
    return float(brentq(lambda mean: against(mean) - threshold, 0.0, most, xtol=1e-13))


class BernsteinSequence(IntervalAccumulator):
    """A confidence sequence for IPS: lower end from w·s, upper end from w·(1 − s), whose mean is at most 1 − V.

    s = (r − low)/(high − low). It needs no bound on the weights. The predictions x̂ depend on the order of the rows, so
    the sequences of two partitions cannot be added.

    Args:
        estimators: The estimators; the sequence is available for `ips`.
        bounds: The bounds of rewards.

    Source: Karampatziakis, Mineiro & Ramdas, "Off-policy confidence sequences", ICML 2021.
    """

    guarantee = "confidence sequence (empirical Bernstein), anytime-valid, any logging policy"

    def __init__(self, estimators: Sequence[Estimator], bounds: LogBounds) -> None:
        self.bounds, self.lower, self.upper = bounds, OneSidedSums(), OneSidedSums()

    def add(self, inputs: EstimatorInputs, terms: Terms) -> None:
        """Add a batch, in the order of the log."""
        low, high, *_ = self.bounds
        scaled = (inputs.r - low) / (high - low)
        self.lower.add(inputs.w * scaled)
        self.upper.add(inputs.w * (1.0 - scaled))

    def interval(
        self, estimator: Estimator, moments: SampleMoments, level: float, comparisons: int = 1
    ) -> Interval | None:
        """The interval of IPS; None for other estimators."""
        if estimator.name != "ips":
            return None
        low, high, *_ = self.bounds
        lower, upper = (low + (high - low) * end for end in self.ends(error_rate(level, comparisons) / 2))
        return Interval(lower, upper, level, guarantee_text(self.guarantee, estimator, comparisons))

    def ends(self, error_rate: float) -> tuple[float, float]:
        """The ends on the scale of s, each with this error rate."""
        return self.lower.lower_end(error_rate), 1.0 - self.upper.lower_end(error_rate)

    def __add__(self, later: Self) -> Self:
        if later.lower.n and self.lower.n:
            raise InputError(
                "this confidence sequence depends on the order of the rows and cannot be merged over partitions; use "
                "betting-sequence, which can"
            )
        return later if later.lower.n else self


class StitchedSequence(BernsteinSequence):
    """The same with the stitched boundary, as in `ConfidenceSequence` of Vowpal Wabbit; slightly wider."""

    guarantee = "confidence sequence (stitched empirical Bernstein), anytime-valid, any logging policy"

    def ends(self, error_rate: float) -> tuple[float, float]:
        """The ends on the scale of s."""
        return self.lower.stitched_lower_end(error_rate), 1.0 - self.upper.stitched_lower_end(error_rate)
