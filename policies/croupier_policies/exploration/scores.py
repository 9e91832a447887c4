"""Exploration laws for scores without an uncertainty estimate: softmax and ε-greedy."""

from __future__ import annotations

import numpy as np

from croupier_policies.base import Vector

TIE = 1e-12  # scores this close are tied: they may differ only in the order of a sum


def softmax(scores: Vector, rate: float, epsilon: float) -> Vector:
    """π_a = (1 − ε)·exp(rate·s_a)/Σ_b exp(rate·s_b) + ε/K.

    Args:
        scores: s, (K,); higher is better.
        rate: The inverse temperature, at least 0.
        epsilon: The floor ε.

    >>> softmax(np.array([0.0, 1.0]), 0.0, 0.0).tolist()
    [0.5, 0.5]
    """
    odds = np.exp(rate * (scores - scores.max()))
    p: Vector = (1.0 - epsilon) * (odds / odds.sum()) + epsilon / len(scores)
    return p


def greedy(scores: Vector, epsilon: float) -> Vector:
    """π_a = (1 − ε)·1[s_a is the largest] + ε/K; tied actions share the mass equally.

    Args:
        scores: s, (K,); higher is better.
        epsilon: The floor ε.

    >>> greedy(np.array([0.2, 0.5, 0.5, 0.1]), 0.5).tolist()
    [0.125, 0.375, 0.375, 0.125]
    """
    best = (scores >= scores.max() - TIE).astype(np.float64)
    p: Vector = (1.0 - epsilon) * (best / best.sum()) + epsilon / len(scores)
    return p
