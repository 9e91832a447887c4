"""What is estimated: differences and ratios of means, per unit or per decision, at every look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from croupier.errors import InputError
from croupier.studies.statistics.scores import paired, scores
from croupier.studies.statistics.windows import Codes, Matrix, Windows
from croupier_policies import Vector


@dataclass(frozen=True)
class Effect:
    """What is to be known of a treatment against a control.

    Attributes:
        per: "unit": mean reward of a unit's window. "decision": rewards of all windows over decisions of all windows;
            the unit stays what is random, as the delta method has it.
        scale: "difference": treatment − control. "ratio": treatment / control; both must earn more than nothing.
        adjusted: Use the covariate where there is one (CUPED). It changes the width, and not what is estimated.
    """

    per: Literal["unit", "decision"] = "unit"
    scale: Literal["difference", "ratio"] = "difference"
    adjusted: bool = True


class Path(NamedTuple):
    """Estimates at looks.

    Attributes:
        at: Time of the look, shape (looks,).
        units: Closed windows of control and treatment by then, shape (looks, 2).
        effective: The same divided by the kurtosis of what both earn: for rare rewards of 1, how many of them are to be
            expected. What a variance can be told from. Shape (looks, 2).
        value: The estimate; the logarithm of a ratio. Shape (looks,).
        error: Its standard error; infinite where there is none yet. Shape (looks,).
        weight: Σ p·(1 − p) over units: a quarter of their number at an even split, shape (looks,).
        effect: What is estimated.
    """

    at: Vector
    units: Matrix
    effective: Matrix
    value: Vector
    error: Vector
    weight: Vector
    effect: Effect


def estimates(
    windows: Windows, treatment: int, control: int, effect: Effect | None = None, looks: Vector | None = None
) -> Path:
    """The effect among the units whose windows had closed by each look.

    With scores g (of rewards y, and per decision also of numbers of decisions d), weights w = p·(1 − p) and
    ḡ = Σ w·g / Σ w: R_v = ȳ_v, or ȳ_v / d̄_v; the effect is h = R_1 − R_0, or log R_1 − log R_0; and
    error² = ∇hᵀ·Σ w²·(g − ḡ)(g − ḡ)ᵀ·∇h / (Σ w)².

    Args:
        windows: Closed windows.
        treatment: Index of a variant.
        control: Index of another.
        effect: What to estimate; the difference per unit by default.
        looks: Times of the looks, rising, shape (looks,); one look at all there is by default.

    Raises:
        InputError: The two variants are one.
    """
    if treatment == control:
        raise InputError("a variant cannot be compared with itself")
    effect = effect or Effect()
    pair = paired(windows, treatment, control)
    closes = windows.closes[pair.row]
    looks = np.array([np.inf]) if looks is None else looks
    ends = np.searchsorted(closes, looks, side="right")
    columns = [windows.rewards] if effect.per == "unit" else [windows.rewards, windows.decisions]
    columns = [column[pair.row] for column in columns]
    x = None if windows.covariate is None or not effect.adjusted else windows.covariate[pair.row]
    g = np.hstack([scores(pair, column, x) for column in columns])
    units = _at(np.column_stack([1 - pair.treated, pair.treated]), ends)
    effective = np.min([units / _kurtosis(column, ends)[:, None] for column in columns], axis=0)
    return Path(looks, units, effective, *_estimate(g, pair.weight, ends, effect), effect)


def _kurtosis(y: Vector, ends: Codes) -> Vector:
    """E(y − ȳ)⁴ / (E(y − ȳ)²)² of the first `ends` rows, shape (looks,); 1, the least there is, where all are equal."""
    powers = (y - y.mean() if len(y) else y)[:, None] ** np.arange(5)
    with np.errstate(divide="ignore", invalid="ignore"):  # no rows yet, or no variance
        _, a, b, c, d = (_at(powers, ends) / ends[:, None]).T
        kurtosis = (d - 4 * a * c + 6 * a**2 * b - 3 * a**4) / (b - a**2) ** 2
    found: Vector = np.where(kurtosis > 1, kurtosis, 1.0)
    return found


def _at(values: Matrix, ends: Codes) -> Matrix:
    """Sums of the first `ends` rows."""
    total: Matrix = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    return total[ends]


def _estimate(g: Matrix, w: Vector, ends: Codes, effect: Effect) -> tuple[Vector, Vector, Vector]:
    total, sums = _at(w[:, None], ends), _at(w[:, None] * g, ends)
    squares = (w * w)[:, None]
    a = _at(squares[:, :, None] * g[:, :, None] * g[:, None, :], ends)
    b, c = _at(squares * g, ends), _at(squares, ends)
    with np.errstate(divide="ignore", invalid="ignore"):  # what is not known yet becomes an infinite error below
        mean = sums / total
        value, slope = _functional(mean, effect)
        spread = a - b[:, :, None] * mean[:, None, :] - mean[:, :, None] * b[:, None, :]
        spread += c[:, :, None] * mean[:, :, None] * mean[:, None, :]
        error = np.sqrt(np.einsum("li,lij,lj->l", slope, spread, slope)) / total[:, 0]
    unknown = ~(np.isfinite(value) & (error > 0))
    return np.where(unknown, 0.0, value), np.where(unknown, np.inf, error), total[:, 0]


def _functional(mean: Matrix, effect: Effect) -> tuple[Vector, Matrix]:
    """h and ∇h at the means: columns control and treatment, of rewards and then of decisions."""
    d = mean[:, 2:] if effect.per == "decision" else np.ones_like(mean)
    r = mean[:, :2] / d
    sign = np.array([-1.0, 1.0])
    outer = sign * np.ones_like(r) if effect.scale == "difference" else sign / r
    slope = outer / d
    if effect.per == "decision":
        slope = np.hstack([slope, -outer * r / d])
    value = r @ sign if effect.scale == "difference" else np.log(r) @ sign
    return value, slope
