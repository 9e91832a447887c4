"""How good estimates of ratings and rankings of items are: pure functions of arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from croupier_policies import Vector

Flags = NDArray[np.bool_]


def rmse(estimates: Vector, values: Vector) -> float:
    """√(mean (r̂ - r)²).

    >>> rmse(np.array([1.0, 3.0]), np.array([1.0, 1.0])) ** 2
    2.0000000000000004
    """
    return float(np.sqrt(np.mean((estimates - values) ** 2)))


def mae(estimates: Vector, values: Vector) -> float:
    """mean |r̂ - r|.

    >>> mae(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    1.0
    """
    return float(np.mean(np.abs(estimates - values)))


def auc(estimates: Vector, liked: Flags) -> float:
    """P(r̂ of a liked row > r̂ of another), equal ones counting half; NaN where there are not both.

    >>> auc(np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, True, False, True]))
    0.875
    """
    positive, negative = int(liked.sum()), int((~liked).sum())
    if not positive or not negative:
        return float("nan")
    _, places, counts = np.unique(estimates, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[places]  # of equal ones, their mean
    return float((ranks[liked].sum() - positive * (positive + 1) / 2.0) / (positive * negative))


def ndcg(scores: Vector, liked: Flags, k: int) -> float:
    """Σ_{places s ≤ k} liked/log₂(s + 1), over what the best order gives; NaN where nothing is liked.

    Items of equal score come in the order given. (Järvelin & Kekäläinen 2002.)

    >>> round(ndcg(np.array([0.9, 0.8, 0.1]), np.array([False, True, True]), 2), 4)
    0.3869
    """
    worth = 1.0 / np.log2(np.arange(2, k + 2))
    best = worth[: min(k, int(liked.sum()))].sum()
    shown = liked[_first(scores, k)]
    return float((worth[: len(shown)] * shown).sum() / best) if best else float("nan")


def recall(scores: Vector, liked: Flags, k: int) -> float:
    """The share of the liked items that are among the first k; NaN where nothing is liked.

    >>> recall(np.array([0.9, 0.8, 0.1]), np.array([False, True, True]), 2)
    0.5
    """
    total = int(liked.sum())
    return float(liked[_first(scores, k)].sum() / total) if total else float("nan")


def _first(scores: Vector, k: int) -> NDArray[np.int64]:
    return np.argsort(-scores, kind="stable")[:k]
