"""Metrics of rating prediction and of ranking, as pure functions of arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from croupier_policies import Vector

Flags = NDArray[np.bool_]


def rmse(estimates: Vector, values: Vector) -> float:
    """Root mean squared error, √(mean (r̂ - r)²).

    >>> rmse(np.array([1.0, 3.0]), np.array([1.0, 1.0])) ** 2
    2.0000000000000004
    """
    return float(np.sqrt(np.mean((estimates - values) ** 2)))


def mae(estimates: Vector, values: Vector) -> float:
    """Mean absolute error, mean |r̂ - r|.

    >>> mae(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    1.0
    """
    return float(np.mean(np.abs(estimates - values)))


def auc(estimates: Vector, liked: Flags) -> float:
    """P(r̂ of a liked row > r̂ of a row not liked), ties counting half; NaN unless both kinds of rows occur.

    >>> auc(np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, True, False, True]))
    0.875
    """
    positive, negative = int(liked.sum()), int((~liked).sum())
    if not positive or not negative:
        return float("nan")
    _, index, counts = np.unique(estimates, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[index]  # ties get their mean rank
    return float((ranks[liked].sum() - positive * (positive + 1) / 2.0) / (positive * negative))


def ndcg(scores: Vector, liked: Flags, k: int) -> float:
    """NDCG@k: Σ_{places s ≤ k} liked/log₂(s + 1), divided by its maximum over all orders; NaN if nothing is liked.

    Items of equal score keep the order in which they are given.

    Source: Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002.

    >>> round(ndcg(np.array([0.9, 0.8, 0.1]), np.array([False, True, True]), 2), 4)
    0.3869
    """
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = discounts[: min(k, int(liked.sum()))].sum()
    hits = liked[_top(scores, k)]
    return float((discounts[: len(hits)] * hits).sum() / ideal) if ideal else float("nan")


def recall(scores: Vector, liked: Flags, k: int) -> float:
    """Recall@k: the share of the liked items among the first k; NaN if nothing is liked.

    >>> recall(np.array([0.9, 0.8, 0.1]), np.array([False, True, True]), 2)
    0.5
    """
    total = int(liked.sum())
    return float(liked[_top(scores, k)].sum() / total) if total else float("nan")


def _top(scores: Vector, k: int) -> NDArray[np.int64]:
    return np.argsort(-scores, kind="stable")[:k]
