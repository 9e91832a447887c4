"""Estimation of effects: differences and ratios of means, per unit or per decision, at every look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from croupier.errors import InputError
from croupier.studies.statistics.scores import aipw_scores, select_pair
from croupier.studies.statistics.windows import ClosedWindows, IntVector, Matrix
from croupier_policies import Vector


@dataclass(frozen=True)
class Effect:
    """The estimand of a comparison of treatment and control.

    Attributes:
        per: "unit": mean reward of a unit's window. "decision": rewards of all windows over decisions of all windows;
            the unit remains the unit of randomization, by the delta method.
        scale: "difference": treatment − control. "ratio": treatment / control; both means must be positive.
        adjusted: Whether to adjust for the covariate if there is one (CUPED), which narrows the interval and leaves the
            estimand unchanged.
    """

    per: Literal["unit", "decision"] = "unit"
    scale: Literal["difference", "ratio"] = "difference"
    adjusted: bool = True


class EffectEstimates(NamedTuple):
    """Estimates of an effect at several looks.

    Attributes:
        at: Time of the look, in seconds, shape (looks,).
        units: Closed windows of control and treatment by then, shape (looks, 2).
        effective: Effective units: `units` divided by the kurtosis of the rewards of both, shape (looks, 2). For rare
            rewards of 1 it is the expected number of them; it determines how well a variance can be estimated.
        value: The estimate of a difference, or of the logarithm of a ratio, shape (looks,).
        error: Standard error of `value`; infinite if it cannot be estimated yet, shape (looks,).
        weight: Σ p·(1 − p) over units, a quarter of their number at an even split, shape (looks,).
        effect: The estimand.
    """

    at: Vector
    units: Matrix
    effective: Matrix
    value: Vector
    error: Vector
    weight: Vector
    effect: Effect


def estimate_effect(
    windows: ClosedWindows, treatment: int, control: int, effect: Effect | None = None, looks: Vector | None = None
) -> EffectEstimates:
    """The effect among the units whose windows had closed by each look.

    With scores g (of rewards y, and per decision also of numbers of decisions d), weights w = p·(1 − p) and
    ḡ = Σ w·g / Σ w: R_v = ȳ_v, or ȳ_v / d̄_v; the effect is h = R_1 − R_0, or log R_1 − log R_0; and
    error² = ∇hᵀ·Σ w²·(g − ḡ)(g − ḡ)ᵀ·∇h / (Σ w)².

    Args:
        windows: Closed windows.
        treatment: Index of the treatment variant.
        control: Index of the control variant.
        effect: The estimand; the difference per unit by default.
        looks: Times of the looks, increasing, shape (looks,); by default a single look at all windows.

    Returns:
        The estimates and their standard errors.

    Raises:
        InputError: Treatment and control are the same variant.
    """
    if treatment == control:
        raise InputError("a variant cannot be compared with itself")
    effect = effect or Effect()
    pair = select_pair(windows, treatment, control)
    closed_at = windows.closed_at[pair.row]
    looks = np.array([np.inf]) if looks is None else looks
    ends = np.searchsorted(closed_at, looks, side="right")
    columns = [windows.rewards] if effect.per == "unit" else [windows.rewards, windows.decisions]
    columns = [column[pair.row] for column in columns]
    x = None if windows.covariate is None or not effect.adjusted else windows.covariate[pair.row]
    g = np.hstack([aipw_scores(pair, column, x) for column in columns])
    units = _prefix_sums(np.column_stack([1 - pair.treated, pair.treated]), ends)
    effective = np.min([units / _kurtosis(column, ends)[:, None] for column in columns], axis=0)
    return EffectEstimates(looks, units, effective, *_estimate(g, pair.weight, ends, effect), effect)


def _kurtosis(y: Vector, ends: IntVector) -> Vector:
    """Kurtosis E(y − ȳ)⁴ / (E(y − ȳ)²)² of the first `ends` rows, shape (looks,); 1, its minimum, if all are equal."""
    powers = (y - y.mean() if len(y) else y)[:, None] ** np.arange(5)
    with np.errstate(divide="ignore", invalid="ignore"):  # no rows yet, or no variance
        _, a, b, c, d = (_prefix_sums(powers, ends) / ends[:, None]).T
        kurtosis = (d - 4 * a * c + 6 * a**2 * b - 3 * a**4) / (b - a**2) ** 2
    found: Vector = np.where(kurtosis > 1, kurtosis, 1.0)
    return found


def _prefix_sums(values: Matrix, ends: IntVector) -> Matrix:
    """Sums of the first `ends` rows."""
    total: Matrix = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    return total[ends]


def _estimate(g: Matrix, w: Vector, ends: IntVector, effect: Effect) -> tuple[Vector, Vector, Vector]:
    total, sums = _prefix_sums(w[:, None], ends), _prefix_sums(w[:, None] * g, ends)
    squares = (w * w)[:, None]
    a = _prefix_sums(squares[:, :, None] * g[:, :, None] * g[:, None, :], ends)
    b, c = _prefix_sums(squares * g, ends), _prefix_sums(squares, ends)
    with np.errstate(divide="ignore", invalid="ignore"):  # estimates without data get an infinite error below
        mean = sums / total
        value, gradient = _functional(mean, effect)
        covariance = a - b[:, :, None] * mean[:, None, :] - mean[:, :, None] * b[:, None, :]
        covariance += c[:, :, None] * mean[:, :, None] * mean[:, None, :]
        error = np.sqrt(np.einsum("li,lij,lj->l", gradient, covariance, gradient)) / total[:, 0]
    unknown = ~(np.isfinite(value) & (error > 0))
    return np.where(unknown, 0.0, value), np.where(unknown, np.inf, error), total[:, 0]


def _functional(mean: Matrix, effect: Effect) -> tuple[Vector, Matrix]:
    """h and ∇h at the means: columns are the rewards of control and treatment, then their decisions."""
    d = mean[:, 2:] if effect.per == "decision" else np.ones_like(mean)
    r = mean[:, :2] / d
    sign = np.array([-1.0, 1.0])
    outer = sign * np.ones_like(r) if effect.scale == "difference" else sign / r
    gradient = outer / d
    if effect.per == "decision":
        gradient = np.hstack([gradient, -outer * r / d])
    value = r @ sign if effect.scale == "difference" else np.log(r) @ sign
    return value, gradient
