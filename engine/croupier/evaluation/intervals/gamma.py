"""The empirical-Bernstein confidence sequence that Vowpal Wabbit keeps: it holds at every look."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.estimators.base import Columns, Estimator
from croupier.evaluation.estimators.moments import Moments
from croupier.evaluation.intervals.base import Gathering, Interval, Setting, Terms, miss, named_guarantee
from croupier_policies import Vector

RHO = 1.0


class Side:
    """ΣX and V = Σ (X − x̂)² of terms X ≥ 0, x̂ = (½ + ΣX before)/(1 + rows before): a guess that has not seen X."""

    def __init__(self) -> None:
        self.n, self.total, self.spread = 0, 0.0, 0.0

    def add(self, x: Vector) -> None:
        """Take in a batch, shape (n,), in the order of the log."""
        before = self.total + np.concatenate([[0.0], np.cumsum(x)[:-1]])
        guess = (before + 0.5) / (self.n + 1.0 + np.arange(len(x)))
        self.spread += float(((x - guess) ** 2).sum())
        self.total += float(x.sum())
        self.n += len(x)

    def least(self, miss: float) -> float:
        """The lower end for the mean of X: where the wealth against it is 1/miss."""
        if not self.n:
            return 0.0
        most = min(1.0, self.total / self.n)
        return _root(lambda mean: log_wealth(self.total - self.n * mean, self.spread), most, miss)

    def least_stitched(self, miss: float) -> float:
        """The lower end by the stitched boundary."""
        return max(0.0, (self.total - stitched(self.spread, miss)) / self.n) if self.n else 0.0


def log_wealth(s: float, v: float, rho: float = RHO) -> float:
    """log of ∫ exp(λs − ψ(λ)v) dF(λ), ψ(λ) = −log(1 − λ) − λ, F a gamma law cut off at λ = 1.

    Args:
        s: Σ (X − mean), at least 0.
        v: Σ (X − x̂)².
        rho: ρ, where the mixture is centred: the larger, the later it is tightest.

    Source: Howard, Ramdas, McAuliffe & Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences",
    Annals of Statistics 2021, proposition 9 and theorem 4.
    """
    a, x = v + rho, s + v + rho
    return s + v + rho * math.log(rho) - a * math.log(x) + _log_lower_gamma(a, x) - _log_lower_gamma(rho, rho)


def stitched(v: float, miss: float, eta: float = 1.1, s: float = 1.1) -> float:
    """u such that Σ (X − mean) ≥ u(v) ever happens with probability at most `miss`, for X ≥ 0 of means up to 1.

    u = √(k₁²·v·l + k₂²·l²) + k₂·l with l = s·log(1 + log_η(ηv)) + log(ζ(s)/miss), k₁ = (η^¼ + η^−¼)/√2 and
    k₂ = (√η + 1)/2: a line for each epoch in which v grows η-fold, put together to a curve.

    Args:
        v: Σ (X − x̂)²; taken to be at least 1.
        miss: How often it may fail.
        eta: η.
        s: s, how the chance to fail is spread over the epochs.

    Source: Howard, Ramdas, McAuliffe & Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences",
    Annals of Statistics 2021, theorem 1 and equation 10.
    """
    from scipy.special import zeta

    v = max(v, 1.0)
    k1, k2 = (eta**0.25 + eta**-0.25) / math.sqrt(2), (math.sqrt(eta) + 1) / 2
    epochs = s * math.log(1 + math.log(eta * v, eta)) + math.log(float(zeta(s)) / miss)
    return math.sqrt(k1**2 * v * epochs + (k2 * epochs) ** 2) + k2 * epochs


def _log_lower_gamma(a: float, x: float) -> float:
    from scipy.special import gammainc, gammaln

    return math.log(float(gammainc(a, x))) + float(gammaln(a))


def _root(against: Callable[[float], float], most: float, miss: float) -> float:
    """Where the evidence against a mean between 0 and `most`, which falls as the mean grows, is log(1/miss)."""
    from scipy.optimize import brentq

    threshold = -math.log(miss)
    if against(0.0) <= threshold:
        return 0.0
    return float(brentq(lambda mean: against(mean) - threshold, 0.0, most, xtol=1e-13))


class BernsteinSequence(Gathering):
    """A confidence sequence for IPS: lower end from w·s, upper end from w·(1 − s), whose mean is at most 1 − V.

    s = (r − low)/(high − low). It needs no bound on the weights. The guesses x̂ make it depend on the order of the rows:
    parts of a log cannot be added.

    Args:
        estimators: Of which `ips` can be had.
        setting: The reward range.

    Source: Karampatziakis, Mineiro & Ramdas, "Off-policy confidence sequences", ICML 2021.
    """

    guarantee = "confidence sequence (empirical Bernstein), any time, any logging policy"

    def __init__(self, estimators: Sequence[Estimator], setting: Setting) -> None:
        self.setting, self.lower, self.upper = setting, Side(), Side()

    def add(self, columns: Columns, terms: Terms) -> None:
        """Take in a batch, in the order of the log."""
        low, high, *_ = self.setting
        scaled = (columns.r - low) / (high - low)
        self.lower.add(columns.w * scaled)
        self.upper.add(columns.w * (1.0 - scaled))

    def interval(self, estimator: Estimator, moments: Moments, level: float, comparisons: int = 1) -> Interval | None:
        """Of IPS; None for the others."""
        if estimator.name != "ips":
            return None
        low, high, *_ = self.setting
        lower, upper = (low + (high - low) * end for end in self.ends(miss(level, comparisons) / 2))
        return Interval(lower, upper, level, named_guarantee(self.guarantee, estimator, comparisons))

    def ends(self, miss: float) -> tuple[float, float]:
        """Of s, each failing with probability `miss`."""
        return self.lower.least(miss), 1.0 - self.upper.least(miss)

    def __add__(self, later: Self) -> Self:
        if later.lower.n and self.lower.n:
            raise InputError(
                "the parts of this confidence sequence cannot be added: take `betting-sequence`, whose parts can"
            )
        return later if later.lower.n else self


class StitchedSequence(BernsteinSequence):
    """The same by the stitched boundary, which `ConfidenceSequence` of Vowpal Wabbit draws: a little wider."""

    guarantee = "confidence sequence (stitched empirical Bernstein), any time, any logging policy"

    def ends(self, miss: float) -> tuple[float, float]:
        """Of s."""
        return self.lower.least_stitched(miss), 1.0 - self.upper.least_stitched(miss)
