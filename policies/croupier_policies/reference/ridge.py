"""The formulas of the linear posteriors for any array namespace: they run on GPUs, and the kernels are tested by them.

Symbols: X, (B, d), is a batch of encoded rows. The posterior of slot s is lane s % LANES of group s // LANES.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from croupier_policies.reference.constants import FOURIER_NORM, LANES, MAX_SQUARED_NORM

Array = Any  # of whichever namespace


class Posterior(NamedTuple):
    """The packed lower triangles of A_a⁻¹, (G, T, LANES), entry (i, j) at i(i+1)/2 + j; θ and θ1, (G, d, LANES)."""

    P: Array
    theta: Array
    theta1: Array
    prior: float  # the prior variance of a coefficient: A starts as I/prior


class Projection(NamedTuple):
    """A row under one action's posterior: A⁻¹x, (d,), and xᵀA⁻¹x, θᵀx and θ1ᵀx."""

    px: Array
    quadratic: float
    predicted: float
    predicted1: float


def triangle(xp: Any, d: int) -> tuple[Array, Array, Array]:
    """Row and column of every packed entry of a lower triangle, and the packed index of every (row, column), flat."""
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
    xp: Any, X: Array, unseen: Array, posterior: Posterior, mean_reward: float, where: Array
) -> tuple[Array, Array]:
    """Posterior mean and sd, each (B, K), of the actions in slots `where`, for rows shared by all actions.

    mean_a = r̄ + (θ_a - r̄·θ1_a)ᵀx and sd_a = √(xᵀA_a⁻¹x), all K quadratic forms as one matrix product.
    """
    P, theta, theta1, prior = posterior
    quadratic = _by_slot(xp, xp.matmul(packed(xp, X), P), where)
    mean = _by_slot(xp, xp.matmul(X, theta - mean_reward * theta1), where)
    return mean_reward + mean, xp.sqrt(xp.maximum(quadratic, xp.zeros_like(quadratic)) + prior * unseen[:, None])


def _by_slot(xp: Any, values: Array, where: Array) -> Array:
    """(G, B, LANES) to (B, K)."""
    by_slot = xp.reshape(xp.permute_dims(values, (1, 0, 2)), (values.shape[1], values.shape[0] * LANES))
    return xp.take(by_slot, where, axis=1)


def scores_rows(
    xp: Any, X: Array, unseen: Array, posterior: Posterior, mean_reward: float, where: Array
) -> tuple[Array, Array]:
    """Posterior mean and sd, each (K,), of the actions in slots `where`, each for its own row X[k]."""
    P, theta, theta1, prior = posterior
    quadratic = xp.sum(packed(xp, X) * _columns(xp, P, where), axis=1)
    mean = xp.sum(X * _columns(xp, theta - mean_reward * theta1, where), axis=1)
    return mean_reward + mean, xp.sqrt(xp.maximum(quadratic, xp.zeros_like(quadratic)) + prior * unseen)


def _columns(xp: Any, values: Array, where: Array) -> Array:
    """(G, D, LANES) to (K, D)."""
    by_slot = xp.reshape(xp.permute_dims(values, (0, 2, 1)), (values.shape[0] * LANES, values.shape[1]))
    return xp.take(by_slot, where, axis=0)


def project(xp: Any, x: Array, posterior: Posterior, slot: int) -> Projection:
    """A row x, (d,), under one action's posterior."""
    g, lane, d = slot // LANES, slot % LANES, x.shape[0]
    _, _, entry = triangle(xp, d)
    full = xp.reshape(xp.take(posterior.P[g, :, lane], entry, axis=0), (d, d))
    px = xp.sum(full * x[None, :], axis=1)
    predicted, predicted1 = xp.sum(posterior.theta[g, :, lane] * x), xp.sum(posterior.theta1[g, :, lane] * x)
    return Projection(px, float(xp.sum(x * px)), float(predicted), float(predicted1))


def update(xp: Any, posterior: Posterior, slot: int, px: Array, down: float, step: float, step1: float) -> None:
    """One rank-one update of one action, in place: P -= down·pxpxᵀ, θ += step·px, θ1 += step1·px."""
    P, theta, theta1, _ = posterior
    g, lane = slot // LANES, slot % LANES
    rows, cols, _ = triangle(xp, px.shape[0])
    P[g, :, lane] = P[g, :, lane] - down * xp.take(px, rows, axis=0) * xp.take(px, cols, axis=0)
    theta[g, :, lane] = theta[g, :, lane] + step * px
    theta1[g, :, lane] = theta1[g, :, lane] + step1 * px


def learn_rows(xp: Any, X: Array, rewards: Array, posterior: Posterior, slot: int) -> Array:
    """Learn rows of one action, X (m, d), as if sequentially; xᵀA⁻¹x, θᵀx and θ1ᵀx before each, (3, m).

    With LLᵀ = I + XPXᵀ and W = L⁻¹XP, P ← P - WᵀW and θ ← θ + Wᵀu, where u = L⁻¹(r - Xθ) are the innovations of the
    rows in order, each divided by its √(1 + xᵀA⁻¹x), which is the diagonal of L.
    """
    P, theta, theta1, _ = posterior
    g, lane, (m, d) = slot // LANES, slot % LANES, X.shape
    rows, cols, entry = triangle(xp, d)
    full = xp.reshape(xp.take(P[g, :, lane], entry, axis=0), (d, d))
    XP, ones = xp.matmul(X, full), xp.ones(m, dtype=xp.float64)
    errors = rewards - xp.matmul(X, theta[g, :, lane]), ones - xp.matmul(X, theta1[g, :, lane])
    L = xp.linalg.cholesky(xp.eye(m, dtype=xp.float64) + xp.matmul(XP, xp.matrix_transpose(X)))
    solved = xp.linalg.solve(L, xp.concat([XP, errors[0][:, None], errors[1][:, None]], axis=1))
    W, u, u1 = solved[:, :d], solved[:, d], solved[:, d + 1]
    down = xp.matmul(xp.matrix_transpose(W), W)
    P[g, :, lane] = P[g, :, lane] - xp.take(xp.reshape(down, (d * d,)), rows * d + cols, axis=0)
    theta[g, :, lane] = theta[g, :, lane] + xp.matmul(xp.matrix_transpose(W), u)
    theta1[g, :, lane] = theta1[g, :, lane] + xp.matmul(xp.matrix_transpose(W), u1)
    width = xp.linalg.diagonal(L)
    return xp.stack([width * width - 1.0, rewards - width * u, ones - width * u1])


def discount(xp: Any, posterior: Posterior, slot: int, factor: float) -> None:
    """Discount one action toward its prior, in place: A ← factor·A + (1 - factor)·I/prior; Aθ, Aθ1 ← factor times.

    Dividing P by the factor instead would let the variance of a feature that no longer appears grow without bound.
    """
    P, theta, theta1, prior = posterior
    g, lane, d = slot // LANES, slot % LANES, theta.shape[1]
    rows, cols, entry = triangle(xp, d)
    full = xp.reshape(xp.take(P[g, :, lane], entry, axis=0), (d, d))
    M = factor * xp.eye(d, dtype=xp.float64) + (1.0 - factor) / prior * full
    theta[g, :, lane] = xp.linalg.solve(M, factor * theta[g, :, lane])
    theta1[g, :, lane] = xp.linalg.solve(M, factor * theta1[g, :, lane])
    P[g, :, lane] = xp.take(xp.reshape(xp.linalg.solve(M, full), (d * d,)), rows * d + cols, axis=0)


def encode_dense(xp: Any, X: Array, mean: Array, m2: Array, count: int, waves: Array, squares: bool) -> Array:
    """Intercept, Fourier features, z and z² - ¼ of array rows, (B, n) to (B, d), as `Encoder` defines them."""
    variance = m2 / count
    varied = xp.astype(variance > 0.0, xp.float64)
    z = xp.clip((X - mean) / (xp.sqrt(variance) + (1.0 - varied)), -3.0, 3.0) / 2.0 * varied
    features = xp.concat([z, (z * z - 0.25) * varied], axis=1) if squares else z
    length = xp.sum(features * features, axis=1, keepdims=True)
    shrink = xp.sqrt(
        MAX_SQUARED_NORM / xp.where(length > MAX_SQUARED_NORM, length, xp.full_like(length, MAX_SQUARED_NORM))
    )
    cosines = xp.cos(xp.matmul(z, waves[:-1, :]) + waves[-1:, :])
    amplitude = FOURIER_NORM * math.sqrt(2.0 / max(waves.shape[1], 1))
    ones = xp.ones((X.shape[0], 1), dtype=xp.float64)
    return xp.concat([ones, amplitude * cosines, features * shrink], axis=1)
