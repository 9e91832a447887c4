"""Multiple testing: p-values corrected for the number of metrics or segments."""

from __future__ import annotations

from typing import Literal

import numpy as np

from croupier.errors import InputError
from croupier_policies import Vector

Correction = Literal["holm", "benjamini-hochberg", "benjamini-yekutieli"]


def correct_p_values(p: Vector, method: Correction = "holm") -> Vector:
    """P-values corrected for multiple testing, each to be compared with α.

    "holm": controls the family-wise error rate under any dependence: p*_(k) = max (m − j + 1)·p_(j), j ≤ k.
    "benjamini-yekutieli": controls the false discovery rate under any dependence.
    "benjamini-hochberg": controls the false discovery rate under independence or positive dependence, and is less
    conservative. Metrics of one experiment that move against each other satisfy neither condition.

    Anytime-valid p-values remain anytime-valid: they may be corrected at every look.

    Args:
        p: One p-value per metric or segment, shape (m,).
        method: The correction.

    Returns:
        Corrected p-values in the same order, shape (m,).

    Raises:
        InputError: Unknown method.

    Source: Holm, Scandinavian Journal of Statistics 1979; Benjamini & Hochberg, JRSS B 1995; Benjamini & Yekutieli,
    Annals of Statistics 2001.

    >>> correct_p_values(np.array([0.04, 0.01, 0.03]))
    array([0.06, 0.03, 0.06])
    """
    if method == "holm":
        return _holm(np.asarray(p, dtype=float))
    if method not in ("benjamini-hochberg", "benjamini-yekutieli"):
        raise InputError(f"unknown correction {method!r}; use holm, benjamini-hochberg or benjamini-yekutieli")
    from scipy.stats import false_discovery_control

    found: Vector = false_discovery_control(p, method="bh" if method == "benjamini-hochberg" else "by")
    return found


def _holm(p: Vector) -> Vector:
    order = np.argsort(p)
    steps = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    result = np.empty_like(p)
    result[order] = np.minimum(steps, 1.0)
    return result
