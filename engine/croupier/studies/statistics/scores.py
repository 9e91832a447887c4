"""Unbiased scores of what a unit earns under each of two variants: the probabilities, and what was known before."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from croupier.studies.statistics.windows import Codes, Matrix, Windows
from croupier_policies import Vector

PRIOR = 10.0  # units by which a variant's own running mean is held to the mean of both


class Pair(NamedTuple):
    """The units of two variants, as a comparison of the two needs them.

    Attributes:
        treated: 1 for the treatment, 0 for the control, shape (n,).
        p: Probability of the treatment for a unit known to be in one of the two, shape (n,).
        weight: p·(1 − p), shape (n,): proportional to the inverse of the variance of a score. Under unchanging weights
            it is the same for all.
        row: Which rows of the windows they are, shape (n,).
    """

    treated: Vector
    p: Vector
    weight: Vector
    row: Codes


def paired(windows: Windows, treatment: int, control: int) -> Pair:
    """The units of two variants; those of others tell nothing about the two."""
    row = np.flatnonzero((windows.variant == treatment) | (windows.variant == control))
    of_treatment, of_control = windows.probability[row, treatment], windows.probability[row, control]
    p = of_treatment / (of_treatment + of_control)
    return Pair((windows.variant[row] == treatment).astype(float), p, p * (1 - p), row)


def scores(pair: Pair, y: Vector, covariate: Vector | None = None) -> Matrix:
    """g_v,i = m_v(x_i) + 1{unit i is in v}·(y_i − m_v(x_i))/p_v,i for the control (v = 0) and the treatment (v = 1).

    Whatever m is, as long as it uses only units before i, the mean of g_v,i is what v earns: the probabilities are
    known because we drew. m_v(x) = ȳ_v + b·(x − x̄_v) makes it vary less: b is the running slope within variants, and
    without a covariate b = 0. With it this is CUPED, and the variance falls by the factor 1 − correlation².

    Args:
        pair: Units in order of time.
        y: Outcome, shape (n,).
        covariate: x, from before the experiment, shape (n,).

    Returns:
        Shape (n, 2).

    Source: Deng, Xu, Kohavi & Walker, "Improving the sensitivity of online controlled experiments by utilizing
    pre-experiment data", WSDM 2013; Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, "Time-uniform central limit theory
    and asymptotic confidence sequences", Annals of Statistics 2024, section 3.
    """
    sides = np.column_stack([1 - pair.treated, pair.treated])
    x = np.zeros_like(y) if covariate is None else covariate
    slope = _slope(sides, x, y)
    guess = _means(sides, y) + slope[:, None] * (x[:, None] - _means(sides, x))
    return guess + sides * (y[:, None] - guess) / np.column_stack([1 - pair.p, pair.p])


def _before(values: Matrix) -> Matrix:
    """Sums over earlier rows, the row itself left out."""
    total: Matrix = np.cumsum(values, axis=0)
    return total - values


def _means(sides: Matrix, y: Vector) -> Matrix:
    """Running means of each side, held to the running mean of both, shape (n, 2)."""
    sums, counts = _before(sides * y[:, None]), _before(sides)
    overall = sums.sum(axis=1) / np.maximum(counts.sum(axis=1), 1.0)
    held: Matrix = (sums + PRIOR * overall[:, None]) / (counts + PRIOR)
    return held


def _slope(sides: Matrix, x: Vector, y: Vector) -> Vector:
    """Σ_v S_xy,v / Σ_v S_xx,v over earlier rows, shape (n,); 0 while there are fewer than ten."""
    count = np.maximum(_before(sides), 1.0)
    sum_x, sum_y = _before(sides * x[:, None]), _before(sides * y[:, None])
    xx = (_before(sides * (x * x)[:, None]) - sum_x**2 / count).sum(axis=1)
    xy = (_before(sides * (x * y)[:, None]) - sum_x * sum_y / count).sum(axis=1)
    known = (np.arange(len(x)) >= 10) & (xx > 1e-12 * max(1.0, float(np.square(x).sum())))
    slope: Vector = np.divide(xy, xx, out=np.zeros_like(xx), where=known)
    return slope
