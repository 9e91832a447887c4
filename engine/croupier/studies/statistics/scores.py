"""Augmented inverse-propensity-weighted (AIPW) scores: unbiased estimates of a unit's reward under each variant."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from croupier.studies.statistics.windows import ClosedWindows, IntVector, Matrix
from croupier_policies import Vector

PRIOR_UNITS = 10.0  # prior units that shrink a variant's running mean to the mean of both variants


class VariantPair(NamedTuple):
    """The units of two variants.

    Attributes:
        treated: 1 for the treatment, 0 for the control, shape (n,).
        p: Probability of the treatment, given that the unit is in one of the two variants, shape (n,).
        weight: p·(1 − p), shape (n,): proportional to the inverse variance of a score, and the same for all units under
            constant weights.
        row: Their rows in the windows, shape (n,).
    """

    treated: Vector
    p: Vector
    weight: Vector
    row: IntVector


def select_pair(windows: ClosedWindows, treatment: int, control: int) -> VariantPair:
    """The units of two variants; those of other variants carry no information about them."""
    row = np.flatnonzero((windows.variant == treatment) | (windows.variant == control))
    p_treatment, p_control = windows.probability[row, treatment], windows.probability[row, control]
    p = p_treatment / (p_treatment + p_control)
    return VariantPair((windows.variant[row] == treatment).astype(float), p, p * (1 - p), row)


def aipw_scores(pair: VariantPair, y: Vector, covariate: Vector | None = None) -> Matrix:
    """g_v,i = m_v(x_i) + 1{unit i is in v}·(y_i − m_v(x_i))/p_v,i for the control (v = 0) and the treatment (v = 1).

    For any m that uses only units before i, g_v,i is an unbiased estimate of the mean reward under v, since the
    assignment probabilities are known. m_v(x) = ȳ_v + b·(x − x̄_v) reduces its variance: b is the running slope within
    variants, 0 without a covariate. With a covariate this is CUPED: the variance falls by the factor 1 − correlation².

    Args:
        pair: Units in order of closing time.
        y: Outcome, shape (n,).
        covariate: x, measured before the experiment, shape (n,).

    Returns:
        Shape (n, 2).

    Source: Deng, Xu, Kohavi & Walker, "Improving the sensitivity of online controlled experiments by utilizing
    pre-experiment data", WSDM 2013; Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, "Time-uniform central limit theory
    and asymptotic confidence sequences", Annals of Statistics 2024, section 3.
    """
    indicators = np.column_stack([1 - pair.treated, pair.treated])
    x = np.zeros_like(y) if covariate is None else covariate
    slope = _running_slope(indicators, x, y)
    prediction = _running_means(indicators, y) + slope[:, None] * (x[:, None] - _running_means(indicators, x))
    return prediction + indicators * (y[:, None] - prediction) / np.column_stack([1 - pair.p, pair.p])


def _sums_before(values: Matrix) -> Matrix:
    """Sums over earlier rows, excluding the row itself."""
    total: Matrix = np.cumsum(values, axis=0)
    return total - values


def _running_means(indicators: Matrix, y: Vector) -> Matrix:
    """Running means of each variant, shrunk to the running mean of both, shape (n, 2)."""
    sums, counts = _sums_before(indicators * y[:, None]), _sums_before(indicators)
    overall = sums.sum(axis=1) / np.maximum(counts.sum(axis=1), 1.0)
    means: Matrix = (sums + PRIOR_UNITS * overall[:, None]) / (counts + PRIOR_UNITS)
    return means


def _running_slope(indicators: Matrix, x: Vector, y: Vector) -> Vector:
    """Σ_v S_xy,v / Σ_v S_xx,v over earlier rows, shape (n,); 0 while there are fewer than ten."""
    count = np.maximum(_sums_before(indicators), 1.0)
    sum_x, sum_y = _sums_before(indicators * x[:, None]), _sums_before(indicators * y[:, None])
    xx = (_sums_before(indicators * (x * x)[:, None]) - sum_x**2 / count).sum(axis=1)
    xy = (_sums_before(indicators * (x * y)[:, None]) - sum_x * sum_y / count).sum(axis=1)
    known = (np.arange(len(x)) >= 10) & (xx > 1e-12 * max(1.0, float(np.square(x).sum())))
    slope: Vector = np.divide(xy, xx, out=np.zeros_like(xx), where=known)
    return slope
