"""Empirical likelihood: which values can rows with other probabilities than 1/n explain, when weights have mean 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from croupier.evaluation.estimators.base import Columns, Estimator
from croupier.evaluation.estimators.moments import Matrix, Moments
from croupier.evaluation.intervals.base import Gathering, Interval, Setting, Terms, miss, named_guarantee
from croupier_policies import Vector

LIKELIHOOD = "empirical likelihood, fixed sample"


def likelihood_value(w: Vector, r: Vector) -> float:
    """V̂ = Σ p·w·r, p = 1/(n + β(w − 1)) with the β ≥ 0 that makes Σ p·w = 1, or β = 0 where none does.

    The share of weight that the rows then lack is weight that did not come up; it earns the mean reward.

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
    w: Vector, x: Vector, level: float, low: float, high: float, copies: Vector | None = None
) -> Interval:
    """All V with 2·[ℓ₁ − ℓ(V)] ≤ χ²₁(level), ℓ(V) the best log likelihood under Σ p·c·(w − 1) = 0 = Σ p·c·(x − wV).

    ℓ₁ is the best under the first alone. It needs no standard error, is not symmetric, and stays within the rewards.

    Args:
        w: Weights, shape (n,).
        x: w·r, shape (n,).
        level: Of the interval.
        low: The least reward.
        high: The greatest.
        copies: c, how many rows each stands for, shape (n,); None for 1.

    Returns:
        The interval. Its ends are NaN, and its guarantee gives the reason, where every weight is 0 (no value then
        explains the rows better than another) or the likelihood cannot be maximised in double precision.

    Source: Owen, "Empirical likelihood", 2001, chapters 2 and 3.
    """
    from scipy.special import chdtri

    if not w.any():
        return _unavailable(level, "every weight is 0")
    c = np.ones(len(w)) if copies is None else copies
    free, _ = _dual((c * (w - 1.0))[:, None], np.zeros(1))
    most, start = math.sqrt(float(chdtri(1, 1 - level))), np.zeros(2)

    def away(value: float) -> float:
        """√(2·[ℓ₁ − ℓ(V)]) less its quantile: nearly a straight line on either side."""
        nonlocal start
        cost, start = _dual(np.column_stack([c * (w - 1.0), c * (x - w * value)]), start)
        return math.sqrt(max(2 * (cost - free), 0.0)) - most

    mass = float((c * w).sum())
    centre = float(np.clip((c * x).sum() / mass, low, high))
    step = most * float(np.sqrt(((c * (x - w * centre)) ** 2).sum())) / max(mass, 1e-300)
    ends = [_edge(away, centre, sign * step, end) for sign, end in ((-1.0, low), (1.0, high))]
    if any(map(math.isnan, ends)):
        reason = f"the likelihood cannot be maximised in double precision (largest weight {float(w.max()):.3g})"
        return _unavailable(level, reason)
    return Interval(ends[0], ends[1], level, LIKELIHOOD)


def _unavailable(level: float, reason: str) -> Interval:
    return Interval(math.nan, math.nan, level, f"{LIKELIHOOD}, not available: {reason}")


def _edge(away: Callable[[float], float], centre: float, step: float, end: float) -> float:
    """Where `away` rises through 0 between the centre and an end, by a secant within its bracket; NaN where it is."""
    a, b = centre, centre
    at_a = at_b = away(centre)
    while at_b < 0:
        if b == end or step == 0.0:
            return end
        a, at_a, b = b, at_b, min(b + step, end) if step > 0 else max(b + step, end)
        at_b = away(b)
    for _ in range(30):
        guess = b - at_b * (b - a) / (at_b - at_a) if at_b > at_a else (a + b) / 2
        found = away(guess)
        if math.isnan(found):
            return found
        if abs(found) < 1e-6:
            return guess
        (a, at_a), (b, at_b) = ((guess, found), (b, at_b)) if found < 0 else ((a, at_a), (guess, found))
    return (a + b) / 2


def _dual(g: Matrix, start: Vector) -> tuple[float, Vector]:
    """max over θ of Σ log*(1 + gθ), by damped Newton steps; log* is log, continued by a parabola below 1/n.

    Args:
        g: Constraints, shape (n, k).
        start: θ to begin with, shape (k,).

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


class Likelihood(Gathering):
    """`likelihood_fixed_sample` for IPS and SNIPS, whose value it is about. It keeps the rows: 24 bytes each."""

    counts_copies = True

    def __init__(self, estimators: Sequence[Estimator], setting: Setting) -> None:
        self.setting = setting
        self.rows: list[tuple[Vector, Vector, Vector]] = []
        self._last: tuple[tuple[float, int], Interval] | None = None

    def add(self, columns: Columns, terms: Terms) -> None:
        """Keep the rows."""
        copies = np.ones(len(columns.w)) if columns.copies is None else columns.copies
        self.rows.append((columns.w, columns.w * columns.r, copies))

    def interval(self, estimator: Estimator, moments: Moments, level: float, comparisons: int = 1) -> Interval | None:
        """Of IPS and SNIPS; None for the others."""
        if estimator.name not in ("ips", "snips") or not self.rows:
            return None
        found = self._found(1 - miss(level, comparisons))
        return found._replace(level=level, guarantee=named_guarantee(found.guarantee, estimator, comparisons))

    def _found(self, level: float) -> Interval:
        """The same for IPS and SNIPS, so found once."""
        asked = (level, len(self.rows))
        if self._last is None or self._last[0] != asked:
            w, x, copies = (np.concatenate(column) for column in zip(*self.rows, strict=True))
            self._last = asked, likelihood_fixed_sample(w, x, level, self.setting.low, self.setting.high, copies)
        return self._last[1]

    def __add__(self, later: Self) -> Self:
        self.rows = self.rows + later.rows
        return self
