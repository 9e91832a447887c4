"""Compiled counterparts of `reference.ridge` for one event at a time on a CPU, in a fixed order of summation.

A row is sparse: `cols` (ascending) and `vals`. `P` has shape (G, T, LANES): group, entry of the packed lower triangle,
action within the group. The action axis is innermost, so that one instruction advances several actions, each in its own
order of summation. No BLAS is called: its order of summation depends on its build.
"""

from __future__ import annotations

import math

import numpy as np

from croupier_policies.kernels.jit import jit
from croupier_policies.reference.constants import LANES


@jit
def _products(vals, weights):  # type: ignore[no-untyped-def] # compiled
    """Write x_i·x_j, doubled off the diagonal, for every pair of a packed triangle."""
    t = 0
    for i in range(vals.shape[0]):
        double = 2.0 * vals[i]
        for j in range(i):
            weights[t + j] = double * vals[j]
        weights[t + i] = vals[i] * vals[i]
        t += i + 1


@jit
def _places(cols, entries):  # type: ignore[no-untyped-def] # compiled
    """Write the index of each pair of columns in the packed triangle."""
    t = 0
    for i in range(cols.shape[0]):
        base = cols[i] * (cols[i] + 1) // 2
        for j in range(i + 1):
            entries[t + j] = base + cols[j]
        t += i + 1


@jit
def _sum_first(w, P, out):  # type: ignore[no-untyped-def] # compiled
    """Add Σ w_t·P[t] to `out`, (LANES,), eight entries at a time: loading and storing the sums is the bottleneck."""
    lanes = P.shape[1]  # not the constant: the compiler vectorises a loop of unknown length, but unrolls a short one
    eights = w.shape[0] // 8 * 8
    for t in range(0, eights, 8):
        for k in range(lanes):
            one = (w[t] * P[t, k] + w[t + 1] * P[t + 1, k]) + (w[t + 2] * P[t + 2, k] + w[t + 3] * P[t + 3, k])
            two = (w[t + 4] * P[t + 4, k] + w[t + 5] * P[t + 5, k]) + (w[t + 6] * P[t + 6, k] + w[t + 7] * P[t + 7, k])
            out[k] += one + two
    for t in range(eights, w.shape[0]):
        for k in range(lanes):
            out[k] += w[t] * P[t, k]


@jit
def _sum_some(w, entries, P, out):  # type: ignore[no-untyped-def] # compiled
    """Add Σ w_t·P[entries[t]] to `out`, in the order of `_sum_first`; 1.5 times its time, because of the look-up."""
    lanes = P.shape[1]
    eights = w.shape[0] // 8 * 8
    for t in range(0, eights, 8):
        a, b, c, d = entries[t], entries[t + 1], entries[t + 2], entries[t + 3]
        e, f, g, h = entries[t + 4], entries[t + 5], entries[t + 6], entries[t + 7]
        for k in range(lanes):
            one = (w[t] * P[a, k] + w[t + 1] * P[b, k]) + (w[t + 2] * P[c, k] + w[t + 3] * P[d, k])
            two = (w[t + 4] * P[e, k] + w[t + 5] * P[f, k]) + (w[t + 6] * P[g, k] + w[t + 7] * P[h, k])
            out[k] += one + two
    for t in range(eights, w.shape[0]):
        for k in range(lanes):
            out[k] += w[t] * P[entries[t], k]


@jit
def _means(cols, vals, theta, theta1, mean_reward, out):  # type: ignore[no-untyped-def] # compiled
    """Add Σ x_i·(θ_i - r̄·θ1_i) to `out`, (LANES,), four columns at a time."""
    lanes = theta.shape[1]
    fours = cols.shape[0] // 4 * 4
    for i in range(0, fours, 4):
        a, b, c, d = cols[i], cols[i + 1], cols[i + 2], cols[i + 3]
        for k in range(lanes):
            one = vals[i] * (theta[a, k] - mean_reward * theta1[a, k])
            two = vals[i + 1] * (theta[b, k] - mean_reward * theta1[b, k])
            three = vals[i + 2] * (theta[c, k] - mean_reward * theta1[c, k])
            four = vals[i + 3] * (theta[d, k] - mean_reward * theta1[d, k])
            out[k] += (one + two) + (three + four)
    for i in range(fours, cols.shape[0]):
        for k in range(lanes):
            out[k] += vals[i] * (theta[cols[i], k] - mean_reward * theta1[cols[i], k])


@jit
def _roots(spare, out):  # type: ignore[no-untyped-def] # compiled
    """√(max(out, 0) + spare) in place."""
    for k in range(out.shape[0]):
        out[k] = math.sqrt(max(out[k], 0.0) + spare)


@jit
def scores(cols, vals, unseen, P, theta, theta1, prior, mean_reward, slots, out_mean, out_sd):  # type: ignore[no-untyped-def] # compiled
    """Posterior mean and sd of every candidate for one shared row; slot -1 is an action never learned.

    `prior` is the prior variance of a coefficient, and `unseen` the squared norm of the row outside the known columns.
    Only groups that contain a candidate are visited.
    """
    length = unseen
    for i in range(cols.shape[0]):
        length += vals[i] * vals[i]
    sd = np.zeros((P.shape[0], LANES))
    mean = np.zeros((P.shape[0], LANES))
    visited = np.zeros(P.shape[0], dtype=np.uint8)
    n = cols.shape[0]
    first = n > 0 and cols[n - 1] == n - 1  # all columns up to n - 1 are present
    weights, entries = np.empty(n * (n + 1) // 2), np.empty(0 if first else n * (n + 1) // 2, dtype=np.int64)
    _products(vals, weights)
    if not first:
        _places(cols, entries)
    for k in range(slots.shape[0]):
        g = slots[k] // LANES  # -1 for a slot of -1
        if g >= 0 and visited[g] == 0:
            visited[g] = 1
            if first:
                _sum_first(weights, P[g], sd[g])
            else:
                _sum_some(weights, entries, P[g], sd[g])
            _roots(prior * unseen, sd[g])
            _means(cols, vals, theta[g], theta1[g], mean_reward, mean[g])
    means, sds, longest = mean.reshape(-1), sd.reshape(-1), math.sqrt(prior * length)
    for k in range(slots.shape[0]):
        known = slots[k] >= 0
        out_mean[k] = mean_reward + means[slots[k]] if known else mean_reward
        out_sd[k] = sds[slots[k]] if known else longest


@jit
def score_one(cols, vals, unseen, P, theta, theta1, prior, mean_reward, slot):  # type: ignore[no-untyped-def] # compiled
    """Posterior mean and sd of one action for its own row."""
    quadratic = 0.0
    mean = 0.0
    if slot < 0:
        for i in range(cols.shape[0]):
            quadratic += vals[i] * vals[i]
        return mean_reward, math.sqrt(prior * (quadratic + unseen))
    g = slot // LANES
    lane = slot % LANES
    for i in range(cols.shape[0]):
        base = cols[i] * (cols[i] + 1) // 2
        for j in range(i):
            quadratic += 2.0 * vals[i] * vals[j] * P[g, base + cols[j], lane]
        quadratic += vals[i] * vals[i] * P[g, base + cols[i], lane]
        mean += vals[i] * (theta[g, cols[i], lane] - mean_reward * theta1[g, cols[i], lane])
    return mean_reward + mean, math.sqrt(max(quadratic, 0.0) + prior * unseen)


@jit
def _times_all(vals, P, lane, px):  # type: ignore[no-untyped-def] # compiled
    """Add A⁻¹x of a row with all columns to `px`; reads every entry of the triangle once and uses it twice."""
    t = 0
    for i in range(vals.shape[0]):
        total = 0.0
        for j in range(i):
            entry = P[t + j, lane]
            total += entry * vals[j]
            px[j] += entry * vals[i]
        px[i] += total + P[t + i, lane] * vals[i]
        t += i + 1


@jit
def _times_some(cols, vals, P, lane, px):  # type: ignore[no-untyped-def] # compiled
    """Add A⁻¹x of a sparse row to `px`."""
    for i in range(cols.shape[0]):
        c = cols[i]
        base = c * (c + 1) // 2
        for r in range(c + 1):
            px[r] += vals[i] * P[base + r, lane]
        for r in range(c + 1, px.shape[0]):
            px[r] += vals[i] * P[r * (r + 1) // 2 + c, lane]


@jit
def project(cols, vals, P, theta, theta1, slot, d, px):  # type: ignore[no-untyped-def] # compiled
    """Write A⁻¹x for one action into `px`; returns xᵀA⁻¹x, θᵀx and θ1ᵀx."""
    g = slot // LANES
    lane = slot % LANES
    px[:] = 0.0
    quadratic = 0.0
    predicted = 0.0
    predicted1 = 0.0
    if cols.shape[0] == d:
        _times_all(vals, P[g], lane, px)
    else:
        _times_some(cols, vals, P[g], lane, px)
    for i in range(cols.shape[0]):
        predicted += vals[i] * theta[g, cols[i], lane]
        predicted1 += vals[i] * theta1[g, cols[i], lane]
    for i in range(cols.shape[0]):
        quadratic += vals[i] * px[cols[i]]
    return quadratic, predicted, predicted1


@jit
def update(P, theta, theta1, slot, px, down, step, step1):  # type: ignore[no-untyped-def] # compiled
    """P -= down·pxpxᵀ, θ += step·px, θ1 += step1·px, for one action."""
    g = slot // LANES
    lane = slot % LANES
    for r in range(px.shape[0]):
        scaled = down * px[r]
        base = r * (r + 1) // 2
        for c in range(r + 1):
            P[g, base + c, lane] -= scaled * px[c]
        theta[g, r, lane] += step * px[r]
        theta1[g, r, lane] += step1 * px[r]
