"""Empirical likelihood: the values that reweighted rows can explain, given that weights have mean 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from croupier.evaluation.estimators.base import Estimator, EstimatorInputs
from croupier.evaluation.estimators.moments import Matrix, SampleMoments
from croupier.evaluation.intervals.base import (
    Interval,
    IntervalAccumulator,
    LogBounds,
    Terms,
    error_rate,
    guarantee_text,
)
from croupier_policies import Vector

PLAIN_STEPS = 30  # of the search for an end: nearly all are found in fewer
LIKELIHOOD = "empirical likelihood, fixed sample"


def likelihood_value(w: Vector, r: Vector) -> float:
    """V̂ = Σ p·w·r, p = 1/(n + β(w − 1)) with the β ≥ 0 for which Σ p·w = 1, or β = 0 where there is none.

    The missing weight, 1 − Σ p·w, is that of rows that did not occur; it earns the mean reward.

    Args:
        w: Weights, shape (n,).
        r: Rewards, shape (n,).

    Source: Karampatziakis, Langford & Mineiro, "Empirical likelihood for contextual bandits", NeurIPS 2020; Kong et
    al., "A theory of statistical models for Monte Carlo integration", JRSS B 2003.

    >>> likelihood_value(np.array([1.0, 1.0]), np.array([0.0, 1.0]))
    0.5
    """
    n, beta = len(w), 0.0
    if w.mean() > 1.0:
        low, high = 0.0, n * (1.0 if w.min() == 0.0 else 1.0 / max(1.0 - w.min(), 1.0 / n))
        for _ in range(200):
            beta = (low + high) / 2
            low, high = (beta, high) if ((w - 1.0) / (n + beta * (w - 1.0))).sum() > 0 else (low, beta)
    p = 1.0 / (n + beta * (w - 1.0))
    return float(p @ (w * r) + max(0.0, 1.0 - float(p @ w)) * r.mean())


@np.errstate(over="ignore", invalid="ignore")  # what is not finite is found and reported below
def likelihood_fixed_sample(
    w: Vector, x: Vector, level: float, low: float, high: float, subsampling: Vector | None = None
) -> Interval:
    """All V with 2·[ℓ₁ − ℓ(V)] ≤ χ²₁(level), ℓ(V) the maximal log likelihood under Σ p·c·(w − 1) = 0 = Σ p·c·(x − wV).

    ℓ₁ is the maximum under the first constraint alone. The interval needs no standard error, is not symmetric, and
    stays within the reward range.

    Args:
        w: Weights, shape (n,).
        x: w·r, shape (n,).
        level: The level of the interval.
        low: The lower bound of rewards.
        high: Their upper bound.
        subsampling: Subsampling weights c, shape (n,); None where all are 1.

    Returns:
        The interval. Its ends are NaN, and its guarantee gives the reason, where every weight is 0 (no value then
        explains the rows better than another) or the likelihood cannot be maximised in double precision.

    Source: Owen, "Empirical likelihood", 2001, chapters 2 and 3.
    """
    from scipy.special import chdtri

    if not w.any():
        return _unavailable(level, "every weight is 0")
    c = np.ones(len(w)) if subsampling is None else subsampling
    unconstrained, _ = _dual((c * (w - 1.0))[:, None], np.zeros(1))
    most, start = math.sqrt(float(chdtri(1, 1 - level))), np.zeros(2)

    def excess(value: float) -> float:
        """√(2·[ℓ₁ − ℓ(V)]) minus its quantile, which is nearly linear on either side."""
        nonlocal start
        cost, start = _dual(np.column_stack([c * (w - 1.0), c * (x - w * value)]), start)
        return math.sqrt(max(2 * (cost - unconstrained), 0.0)) - most

    mass = float((c * w).sum())
    centre = float(np.clip((c * x).sum() / mass, low, high))
    step = most * float(np.sqrt(((c * (x - w * centre)) ** 2).sum())) / max(mass, 1e-300)
    ends = [_edge(excess, centre, sign * step, end) for sign, end in ((-1.0, low), (1.0, high))]
    if any(map(math.isnan, ends)):
        reason = f"the likelihood cannot be maximised in double precision (largest weight {float(w.max()):.3g})"
        return _unavailable(level, reason)
    return Interval(ends[0], ends[1], level, LIKELIHOOD)


def _unavailable(level: float, reason: str) -> Interval:
    return Interval(math.nan, math.nan, level, f"{LIKELIHOOD}, not available: {reason}")


def _edge(excess: Callable[[float], float], centre: float, step: float, end: float) -> float:
    """The root of `excess` between the centre and an end, by the Illinois method; NaN where `excess` is NaN.

    A bracketed secant method; where `PLAIN_STEPS` steps have not found the root, it halves the value at an end of the
    bracket that stays again. Where `excess` is far from linear, as with few successes, that end would never move.

    Source: Dowell & Jarratt, "A modified regula falsi method for computing the root of an equation", BIT 1971.
    """
    a, b = centre, centre
    at_a = at_b = excess(centre)
    while at_b < 0:
        if b == end or step == 0.0:
            return end
        a, at_a, b = b, at_b, min(b + step, end) if step > 0 else max(b + step, end)
        at_b = excess(b)
    was_below = False
    for steps in range(2 * PLAIN_STEPS):
        guess = b - at_b * (b - a) / (at_b - at_a) if at_b > at_a else (a + b) / 2
        found = excess(guess)
        if math.isnan(found):
            return found
        if abs(found) < 1e-6:
            return guess
        (a, at_a), (b, at_b) = ((guess, found), (b, at_b)) if found < 0 else ((a, at_a), (guess, found))
        if steps >= PLAIN_STEPS and (found < 0) == was_below:  # the other end has stayed again
            at_a, at_b = (at_a, at_b / 2) if found < 0 else (at_a / 2, at_b)
        was_below = found < 0
    return (a + b) / 2


def _dual(g: Matrix, start: Vector) -> tuple[float, Vector]:
    """max over θ of Σ log*(1 + gθ), by damped Newton steps; log* is log, extended by a parabola below 1/n.

    Args:
        g: Constraints, shape (n, k).
        start: The initial θ, shape (k,).

    Returns:
        The maximum and its θ; NaN and `start` where the Newton step cannot be computed.
    """
    theta, (value, slope, curve) = start, _log_star(1.0 + g @ start)
    for _ in range(60):
        step, size = _newton_step((g * curve[:, None]).T @ g, g.T @ slope), 1.0
        if step is None:
            return math.nan, start
        while size > 1e-6 and _log_star(1.0 + g @ (theta + size * step))[0].sum() < value.sum():
            size /= 2
        before, theta = value.sum(), theta + size * step
        value, slope, curve = _log_star(1.0 + g @ theta)
        if value.sum() - before < 1e-9 * max(1.0, abs(before)):
            break
    return float(value.sum()), theta


def _newton_step(hessian: Matrix, gradient: Vector) -> Vector | None:
    """−H⁺∇, shape (k,); None where H is not finite, or its singular values cannot be computed."""
    if not (np.isfinite(hessian).all() and np.isfinite(gradient).all()):
        return None  # LAPACK would print a message of its own before it fails
    try:
        return np.asarray(np.linalg.lstsq(hessian, -gradient, rcond=1e-12)[0])
    except np.linalg.LinAlgError:
        return None


def _log_star(z: Vector) -> tuple[Vector, Vector, Vector]:
    """log* and its first two derivatives."""
    e = 1.0 / len(z)
    if z.min() >= e:
        slope = 1.0 / z
        return np.log(z), slope, -slope * slope
    inner, safe = z >= e, np.maximum(z, e)
    value = np.where(inner, np.log(safe), np.log(e) - 1.5 + 2 * z / e - z**2 / (2 * e**2))
    return value, np.where(inner, 1 / safe, 2 / e - z / e**2), np.where(inner, -1 / safe**2, -1 / e**2)


class Likelihood(IntervalAccumulator):
    """`likelihood_fixed_sample` for IPS and SNIPS. It retains the rows, at 24 bytes each."""

    supports_subsampling = True

    def __init__(self, estimators: Sequence[Estimator], bounds: LogBounds) -> None:
        self.bounds = bounds
        self.rows: list[tuple[Vector, Vector, Vector]] = []
        self._last: tuple[tuple[float, int], Interval] | None = None

    def add(self, inputs: EstimatorInputs, terms: Terms) -> None:
        """Add a batch."""
        subsampling = np.ones(len(inputs.w)) if inputs.subsampling is None else inputs.subsampling
        self.rows.append((inputs.w, inputs.w * inputs.r, subsampling))

    def interval(
        self, estimator: Estimator, moments: SampleMoments, level: float, comparisons: int = 1
    ) -> Interval | None:
        """The interval of IPS or SNIPS; None for other estimators."""
        if estimator.name not in ("ips", "snips") or not self.rows:
            return None
        found = self._compute(1 - error_rate(level, comparisons))
        return found._replace(level=level, guarantee=guarantee_text(found.guarantee, estimator, comparisons))

    def _compute(self, level: float) -> Interval:
        """The interval, computed once for IPS and SNIPS, for which it is the same."""
        key = (level, len(self.rows))
        if self._last is None or self._last[0] != key:
            w, x, subsampling = (np.concatenate(column) for column in zip(*self.rows, strict=True))
            self._last = key, likelihood_fixed_sample(w, x, level, self.bounds.low, self.bounds.high, subsampling)
        return self._last[1]

    def __add__(self, later: Self) -> Self:
        self.rows = self.rows + later.rows
        return self
