"""The arithmetic of the ridge posterior, written once against an array namespace.

It is what runs on a GPU, and what the compiled kernels are held to.

Symbols: X has shape (B, d), a batch of encoded rows; P (G, T, LANES) the packed lower triangles of A_a⁻¹, entry
(i, j) at i(i+1)/2 + j; theta and theta1 (G, d, LANES). Action number `slot` lives in group slot // LANES.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from croupier_policies.kernels import LANES

Array = Any  # of whichever namespace


def triangle(xp: Any, d: int) -> tuple[Array, Array, Array]:
    """Row and column of every entry of a packed lower triangle, and the entry of every (row, column), flattened."""
    rows, cols = np.tril_indices(d)
    entry = np.zeros((d, d), dtype=np.int64)
    entry[rows, cols] = entry[cols, rows] = np.arange(rows.shape[0])
    return xp.asarray(rows), xp.asarray(cols), xp.asarray(entry.reshape(-1))


def packed(xp: Any, X: Array) -> Array:
    """The weights w with w·P = xᵀA⁻¹x, shape (B, T): the products x_i·x_j, doubled off the diagonal."""
    rows, cols, _ = triangle(xp, X.shape[1])
    double = 2.0 - xp.astype(rows == cols, xp.float64)
    return xp.take(X, rows, axis=1) * xp.take(X, cols, axis=1) * double


def scores(
    xp: Any, X: Array, unseen: Array, P: Array, theta: Array, theta1: Array, mean_reward: float, where: Array
) -> tuple[Array, Array]:
    """Posterior mean and sd, each (B, K), of the actions in slots `where`, for rows that all actions share.

    mean_a = r̄ + (θ_a - r̄·θ1_a)ᵀx and sd_a = √(xᵀA_a⁻¹x), all K quadratic forms as one matrix product.
    """
    quadratic = _by_slot(xp, xp.matmul(packed(xp, X), P), where)
    mean = _by_slot(xp, xp.matmul(X, theta - mean_reward * theta1), where)
    return mean_reward + mean, xp.sqrt(xp.maximum(quadratic, xp.zeros_like(quadratic)) + unseen[:, None])


def _by_slot(xp: Any, values: Array, where: Array) -> Array:
    """(G, B, LANES) to (B, K)."""
    by_slot = xp.reshape(xp.permute_dims(values, (1, 0, 2)), (values.shape[1], values.shape[0] * LANES))
    return xp.take(by_slot, where, axis=1)


def scores_rows(
    xp: Any, X: Array, unseen: Array, P: Array, theta: Array, theta1: Array, mean_reward: float, where: Array
) -> tuple[Array, Array]:
    """Posterior mean and sd, each (K,), of the actions in slots `where`, each for its own row X[k]."""
    quadratic = xp.sum(packed(xp, X) * _columns(xp, P, where), axis=1)
    mean = xp.sum(X * _columns(xp, theta - mean_reward * theta1, where), axis=1)
    return mean_reward + mean, xp.sqrt(xp.maximum(quadratic, xp.zeros_like(quadratic)) + unseen)


def _columns(xp: Any, values: Array, where: Array) -> Array:
    """(G, D, LANES) to (K, D)."""
    by_slot = xp.reshape(xp.permute_dims(values, (0, 2, 1)), (values.shape[0] * LANES, values.shape[1]))
    return xp.take(by_slot, where, axis=0)


def learn(
    xp: Any, x: Array, P: Array, theta: Array, theta1: Array, mean_reward: float, slot: int, reward: float
) -> tuple[float, float]:
    """One Sherman-Morrison step of one action, in place: P -= gPx(Px)ᵀ, θ += gPx(r - θᵀx), θ1 += gPx(1 - θ1ᵀx).

    g = 1 / (1 + xᵀPx). Returns the action's mean and sd before the step.
    """
    g, lane, d = slot // LANES, slot % LANES, x.shape[0]
    rows, cols, entry = triangle(xp, d)
    full = xp.reshape(xp.take(P[g, :, lane], entry, axis=0), (d, d))
    px = xp.sum(full * x[None, :], axis=1)
    quadratic = xp.sum(x * px)
    gain = 1.0 / (1.0 + quadratic)
    predicted, predicted1 = xp.sum(theta[g, :, lane] * x), xp.sum(theta1[g, :, lane] * x)
    P[g, :, lane] = P[g, :, lane] - gain * xp.take(px, rows, axis=0) * xp.take(px, cols, axis=0)
    theta[g, :, lane] = theta[g, :, lane] + gain * (reward - predicted) * px
    theta1[g, :, lane] = theta1[g, :, lane] + gain * (1.0 - predicted1) * px
    return mean_reward + float(predicted) - mean_reward * float(predicted1), max(float(quadratic), 0.0) ** 0.5


def encode_dense(xp: Any, X: Array, mean: Array, m2: Array, count: int) -> Array:
    """Intercept, z and z² - ¼ of a batch of array contexts: (B, n) to (B, 2n + 1), as `Encoder` has it."""
    varied = xp.astype(m2 > 0.0, xp.float64)
    sd = xp.sqrt(m2 / count) + (1.0 - varied)
    z = xp.clip((X - mean) / sd, -3.0, 3.0) / 2.0 * varied
    features = xp.concat([z, (z * z - 0.25) * varied], axis=1)
    length = xp.sum(features * features, axis=1, keepdims=True)
    shrink = xp.sqrt(8.0 / xp.where(length > 8.0, length, xp.full_like(length, 8.0)))
    return xp.concat([xp.ones((X.shape[0], 1), dtype=xp.float64), features * shrink], axis=1)
