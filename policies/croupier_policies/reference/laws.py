"""The formulas of the exploration laws, for any array namespace.

Each takes mean and sd of shape (…, K) and returns π of the same shape, with every entry at least ε/K. Actions with
equal scores get equal probabilities: breaking ties by position would favour the action listed first.
"""

from __future__ import annotations

import math
from typing import Any

from croupier_policies.reference.constants import TIE, TINY

Array = Any  # of whichever namespace
NODES = 256  # of the quadrature in `thompson`
STRETCH = (
    8.0  # its last cell is e⁸ times as wide as its first: both narrow and wide estimates need the lower end resolved
)


def _optimistic(xp: Any, mean: Array, sd: Array, sigma: float, alpha: float) -> tuple[Array, Array]:
    """score_a = mean_a + 2ασ·sd_a, as its gap to the best score, and the index of the best."""
    score = mean + (2.0 * alpha * sigma) * sd
    best = xp.argmax(score, axis=-1, keepdims=True)
    return xp.max(score, axis=-1, keepdims=True) - score, best


def _mixed(share: Array, epsilon: float) -> Array:
    return (1.0 - epsilon) * share + epsilon / share.shape[-1]


def _normalised(xp: Any, odds: Array) -> Array:
    return odds / xp.sum(odds, axis=-1, keepdims=True)


def softmax(xp: Any, mean: Array, sd: Array, sigma: float, alpha: float, v: float, epsilon: float) -> Array:
    """π_a = (1 - ε)·softmax_a(-Δ_a / (vσ√(sd_a² + sd_b²))) + ε/K, where b has the best optimistic score.

    The temperature is the standard deviation of the comparison: the law commits where a gap is significant, and
    explores where it is not. Scaling by the residual noise `sigma` makes it independent of the unit of the reward.
    """
    gap, best = _optimistic(xp, mean, sd, sigma, alpha)
    variance = sd * sd
    spread = xp.sqrt(variance + xp.take_along_axis(variance, best, axis=-1))
    return _mixed(_normalised(xp, xp.exp(-gap / (v * sigma * spread + TINY))), epsilon)


def annealed_softmax(
    xp: Any, mean: Array, sd: Array, sigma: float, rewards: int, alpha: float, v: float, epsilon: float
) -> Array:
    """π_a = (1 - ε)·softmax_a(-Δ_a/τ) + ε/K with τ = v·σ·√(K/(t + 1)), t the number of `rewards` learned.

    The temperature follows the size of the sample, not the uncertainty of each estimate.
    """
    gap, _ = _optimistic(xp, mean, sd, sigma, alpha)
    temperature = v * sigma * math.sqrt(mean.shape[-1] / (rewards + 1.0))
    return _mixed(_normalised(xp, xp.exp(-gap / (temperature + TINY))), epsilon)


def inverse_gap(
    xp: Any, mean: Array, sd: Array, sigma: float, alpha: float, gamma: float, rewards: int, epsilon: float
) -> Array:
    """q_a = 1 / (K + γ√(K(t+1))·Δ_a/σ) for a ≠ b and the rest for b (Foster & Rakhlin 2020, SquareCB), mixed with ε/K.

    t is the number of `rewards` learned; b has the best optimistic score. Tied best actions, for example several new
    ones, share the rest equally.
    """
    gap, _ = _optimistic(xp, mean, sd, sigma, alpha)
    count = mean.shape[-1]
    q = 1.0 / (count + gamma * (count * (rewards + 1)) ** 0.5 * gap / (sigma + TINY))
    best = xp.astype(gap <= TIE * sigma, xp.float64)
    others = (1.0 - best) * q
    rest = 1.0 - xp.sum(others, axis=-1, keepdims=True)
    return _mixed(others + best * rest / xp.sum(best, axis=-1, keepdims=True), epsilon)


def boltzmann(
    xp: Any, mean: Array, sd: Array, sigma: float, alpha: float, inverse_temperature: float, epsilon: float
) -> Array:
    """π_a = (1 - ε)·softmax_a(-λ·Δ_a/σ) + ε/K with one inverse temperature λ."""
    gap, _ = _optimistic(xp, mean, sd, sigma, alpha)
    return _mixed(_normalised(xp, xp.exp(-inverse_temperature * gap / (sigma + TINY))), epsilon)


def greedy(xp: Any, mean: Array, sd: Array, sigma: float, alpha: float, epsilon: float) -> Array:
    """1 - ε shared by the actions with the best optimistic score, plus ε/K each: ε-greedy if α = 0, UCB if α > 0."""
    gap, _ = _optimistic(xp, mean, sd, sigma, alpha)
    return _mixed(_normalised(xp, xp.astype(gap <= TIE * sigma, xp.float64)), epsilon)


def thompson(xp: Any, mean: Array, sd: Array, sigma: float, scale: float, epsilon: float) -> Array:
    """π_a = (1 - ε)·P(a is the best of independent N(mean_a, (scale·σ·sd_a)²)) + ε/K, by quadrature.

    P(a) = ∫ Π_{b≠a} Φ_b dΦ_a over cells that widen from the lowest to the highest plausible value of the maximum; Φ is
    the logistic approximation of the normal distribution of Bowling et al. (2009), with error 1.4e-4. Accurate to .001.
    """
    mean = mean - xp.max(mean, axis=-1, keepdims=True)
    narrowest = 1e-9 * xp.max(-mean, axis=-1, keepdims=True) + TINY  # a positive width where the sd is 0
    width = scale * sigma * sd + narrowest
    low = xp.max(mean - 6.0 * width, axis=-1, keepdims=True)
    high = xp.max(mean + 6.0 * width, axis=-1, keepdims=True)
    steps = xp.expm1(xp.arange(NODES + 1, dtype=xp.float64) * (STRETCH / NODES))
    nodes = low + (high - low) * (steps / math.expm1(STRETCH))  # (…, N + 1)
    below = _normal(xp, (nodes[..., None] - mean[..., None, :]) / width[..., None, :])  # (…, N + 1, K)
    # the mass below the first node is negligible for the maximum, and is counted at that node
    mass = xp.concat([below[..., :1, :], below[..., 1:, :] - below[..., :-1, :]], axis=-2)
    middle = xp.concat([below[..., :1, :], (below[..., 1:, :] + below[..., :-1, :]) / 2.0], axis=-2)
    logs = xp.log(middle)
    others = xp.exp(xp.sum(logs, axis=-1, keepdims=True) - logs)
    return _mixed(_normalised(xp, xp.sum(mass * others, axis=-2) + TINY), epsilon)


def _normal(xp: Any, u: Array) -> Array:
    """The standard normal distribution function, never 0."""
    u = xp.clip(u, -8.0, 8.0)
    return 1.0 / (1.0 + xp.exp(-(1.5976 * u + 0.07056 * u * u * u)))
