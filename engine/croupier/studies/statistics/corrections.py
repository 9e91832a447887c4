"""Several metrics or segments at once: p-values corrected for how many there are."""

from __future__ import annotations

from typing import Literal

import numpy as np

from croupier.errors import InputError
from croupier_policies import Vector

Correction = Literal["holm", "benjamini-hochberg", "benjamini-yekutieli"]


def corrected(p: Vector, method: Correction = "holm") -> Vector:
    """P-values that may each be compared with α, whatever their number.

    "holm": the chance of any wrong rejection is at most α, under any dependence: p*_(k) = max (m − j + 1)·p_(j), j ≤ k.
    "benjamini-yekutieli": the expected share of wrong ones among the rejections is at most α, under any dependence.
    "benjamini-hochberg": the same where the p-values are independent or positively dependent, and less strict. Metrics
    of one experiment that move against each other are neither.

    Always-valid p-values stay so: they may be corrected at every look.

    Args:
        p: One p-value per metric or segment, shape (m,).
        method: Which guarantee.

    Returns:
        Corrected p-values in the same order, shape (m,).

    Raises:
        InputError: No such method.

    Source: Holm, Scandinavian Journal of Statistics 1979; Benjamini & Hochberg, JRSS B 1995; Benjamini & Yekutieli,
    Annals of Statistics 2001.

    >>> corrected(np.array([0.04, 0.01, 0.03]))
    array([0.06, 0.03, 0.06])
    """
    if method == "holm":
        return _holm(np.asarray(p, dtype=float))
    if method not in ("benjamini-hochberg", "benjamini-yekutieli"):
        raise InputError(f"no correction is called {method!r}; there are holm, benjamini-hochberg, benjamini-yekutieli")
    from scipy.stats import false_discovery_control

    found: Vector = false_discovery_control(p, method="bh" if method == "benjamini-hochberg" else "by")
    return found


def _holm(p: Vector) -> Vector:
    order = np.argsort(p)
    steps = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    result = np.empty_like(p)
    result[order] = np.minimum(steps, 1.0)
    return result
