"""Array contexts, compiled: counted, encoded, scored and learned from, each in one call.

The fused kernels call the same functions in the same order as the steps one by one, and give the same bits.
"""

from __future__ import annotations

import math

import numpy as np

from croupier_policies import law_kernels
from croupier_policies.kernels import jit, project, scores, update

LARGEST = 1e100  # numbers are clipped to ± this before they are counted, so that no sum of squares overflows
LONGEST = 8.0  # squared length of a row beside its intercept and its waves
AMPLITUDE = 3.0  # the length of a row's waves


@jit
def encode(x, mean, m2, count, waves, out):  # type: ignore[no-untyped-def] # compiled
    """Write the intercept, the waves, z and, where `out` has room, z² - ¼ of an array context into `out`.

    `waves` has shape (n + 1, F): a frequency for every number, and in the last row the phases.
    """
    n = mean.shape[0]
    first = 1 + waves.shape[1]
    squares = out.shape[0] > first + n
    norm = 0.0
    for i in range(n):
        z = 0.0
        square = 0.0
        variance = m2[i] / count
        if variance > 0.0:  # not m2: it may be so small that dividing it gives nothing
            z = (x[i] - mean[i]) / math.sqrt(variance)
            z = min(max(z, -3.0), 3.0) / 2.0
            square = z * z - 0.25
        out[first + i] = z
        norm += z * z
        if squares:
            out[first + n + i] = square
            norm += square * square
    for f in range(waves.shape[1]):
        phase = waves[n, f]
        for i in range(n):
            phase += out[first + i] * waves[i, f]
        out[1 + f] = AMPLITUDE * math.sqrt(2.0 / waves.shape[1]) * math.cos(phase)
    if norm > LONGEST:
        shrink = math.sqrt(LONGEST / norm)
        for i in range(first, out.shape[0]):
            out[i] *= shrink
    out[0] = 1.0


@jit
def encode_rows(X, mean, m2, count, waves, cols, out):  # type: ignore[no-untyped-def] # compiled
    """Encode every row of X, (K, n), into a column of `out`, (d, K)."""
    vals = np.empty(cols.shape[0])
    for k in range(X.shape[0]):
        encode(X[k], mean, m2, count, waves, vals)
        for i in range(cols.shape[0]):
            out[cols[i], k] = vals[i]


@jit
def observe(x, mean, m2, count):  # type: ignore[no-untyped-def] # compiled
    """Welford's step for every number; `count` includes this row."""
    for i in range(x.shape[0]):
        value = min(max(x[i], -LARGEST), LARGEST)
        delta = value - mean[i]
        mean[i] += delta / count
        m2[i] += delta * (value - mean[i])


@jit
def _estimate(x, mean, m2, count, waves, cols, P, theta, theta1, prior, centre, slots, out_mean, out_sd):  # type: ignore[no-untyped-def] # compiled
    vals = np.empty(cols.shape[0])
    encode(x, mean, m2, count, waves, vals)
    scores(cols, vals, 0.0, P, theta, theta1, prior, centre, slots, out_mean, out_sd)


@jit
def choose_softmax(  # type: ignore[no-untyped-def] # compiled
    x, mean, m2, rows, waves, cols, P, theta, theta1, prior, centre, slots, sigma, rewards, alpha, v, epsilon
):
    """Encode, score and apply `law_kernels.softmax`; returns π."""
    count = slots.shape[0]
    means, sds, out = np.empty(count), np.empty(count), np.empty(count)
    _estimate(x, mean, m2, rows, waves, cols, P, theta, theta1, prior, centre, slots, means, sds)
    law_kernels.softmax(means, sds, sigma, rewards, alpha, v, epsilon, out)
    return out


@jit
def choose_inverse_gap(  # type: ignore[no-untyped-def] # compiled
    x, mean, m2, rows, waves, cols, P, theta, theta1, prior, centre, slots, sigma, rewards, alpha, gamma, epsilon
):
    """Encode, score and apply `law_kernels.inverse_gap`; returns π."""
    count = slots.shape[0]
    means, sds, out = np.empty(count), np.empty(count), np.empty(count)
    _estimate(x, mean, m2, rows, waves, cols, P, theta, theta1, prior, centre, slots, means, sds)
    law_kernels.inverse_gap(means, sds, sigma, rewards, alpha, gamma, epsilon, out)
    return out


@jit
def learn(x, mean, m2, rows, waves, cols, P, theta, theta1, d, slot, reward):  # type: ignore[no-untyped-def] # compiled
    """Observe, encode and take one ridge step; returns xᵀA⁻¹x, θᵀx and θ1ᵀx before it."""
    vals, px = np.empty(cols.shape[0]), np.empty(d)
    observe(x, mean, m2, rows)
    encode(x, mean, m2, rows, waves, vals)
    quadratic, predicted, predicted1 = project(cols, vals, P, theta, theta1, slot, d, px)
    gain = 1.0 / (1.0 + quadratic)
    update(P, theta, theta1, slot, px, gain, gain * (reward - predicted), gain * (1.0 - predicted1))
    return quadratic, predicted, predicted1


@jit
def learn_rows(X, mean, m2, rows, waves, cols, P, theta, theta1, d, slots, rewards, out):  # type: ignore[no-untyped-def] # compiled
    """`learn` of one row of X after another, (B, n), `rows` counting the last; its returns into `out`, (3, B)."""
    count = X.shape[0]
    for t in range(count):
        before = rows - count + 1 + t
        out[0, t], out[1, t], out[2, t] = learn(
            X[t], mean, m2, before, waves, cols, P, theta, theta1, d, slots[t], rewards[t]
        )


@jit
def observe_rows(X, mean, m2, rows, waves, out):  # type: ignore[no-untyped-def] # compiled
    """Observe and encode one row of X after another, (B, n), into a row of `out`; `rows` counts the last."""
    count = X.shape[0]
    for t in range(count):
        observe(X[t], mean, m2, rows - count + 1 + t)
        encode(X[t], mean, m2, rows - count + 1 + t, waves, out[t])
