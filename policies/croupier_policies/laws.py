"""Exploration laws: from estimates and their uncertainty to probabilities, over any array namespace.

Each takes mean and sd of shape (…, K) and gives π of the same shape, at least ε/K everywhere.
"""

from __future__ import annotations

from typing import Any

from croupier_policies.kernels import TINY

Array = Any  # of whichever namespace
EQUAL = 1e-9  # a gap of so many σ is rounding, which differs between devices


def _optimistic(xp: Any, mean: Array, sd: Array, sigma: float, alpha: float) -> tuple[Array, Array]:
    """score_a = mean_a + 2ασ·sd_a, as its gap to the best, and the best's place."""
    score = mean + (2.0 * alpha * sigma) * sd
    best = xp.argmax(score, axis=-1, keepdims=True)
    return xp.max(score, axis=-1, keepdims=True) - score, best


def softmax(xp: Any, mean: Array, sd: Array, sigma: float, alpha: float, v: float, epsilon: float) -> Array:
    """π_a = (1 - ε)·softmax_a(-Δ_a / (vσ√(sd_a² + sd_b²))) + ε/K, where b is the action of the best optimistic score.

    The temperature is the uncertainty of the comparison itself: gaps that the evidence has settled separate, others
    stay open. `sigma` is the residual noise, so that the law does not depend on the unit of the reward.
    """
    gap, best = _optimistic(xp, mean, sd, sigma, alpha)
    variance = sd * sd
    spread = xp.sqrt(variance + xp.take_along_axis(variance, best, axis=-1))
    odds = xp.exp(-gap / (v * sigma * spread + TINY))
    return (1.0 - epsilon) * (odds / xp.sum(odds, axis=-1, keepdims=True)) + epsilon / mean.shape[-1]


def inverse_gap(
    xp: Any, mean: Array, sd: Array, sigma: float, alpha: float, gamma: float, rewards: int, epsilon: float
) -> Array:
    """q_a = 1 / (K + γ√(K(t+1))·Δ_a/σ) for a ≠ b and the rest for b (Foster & Rakhlin 2020, SquareCB), mixed with ε/K.

    t counts the `rewards` learned so far; b is the action of the best optimistic score. Several that are best, as all
    newcomers may be, share the rest equally: otherwise it would fall to the one named first.
    """
    gap, _ = _optimistic(xp, mean, sd, sigma, alpha)
    count = mean.shape[-1]
    q = 1.0 / (count + gamma * (count * (rewards + 1)) ** 0.5 * gap / (sigma + TINY))
    best = xp.astype(gap <= EQUAL * sigma, xp.float64)
    others = (1.0 - best) * q
    q = others + best * (1.0 - xp.sum(others, axis=-1, keepdims=True)) / xp.sum(best, axis=-1, keepdims=True)
    return (1.0 - epsilon) * q + epsilon / count
