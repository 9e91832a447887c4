"""Compiled twins of `reference` for one event at a time on a CPU: the same arithmetic, in a fixed order of summation.

No BLAS, no fastmath, no threads: the bits depend on nothing but the inputs and the CPU's class. The kernels hold the
GIL, since a call that gives it up beside a busy thread waits for milliseconds to get it back.

A row is sparse here: `cols` (columns, ascending) and `vals`. `P` has shape (G, T, LANES): group, entry of the packed
lower triangle, action within the group. The action axis is innermost so that several actions advance in one
instruction, each in its own order of summation.
"""

from __future__ import annotations

import math

import numba
import numpy as np

LANES = 16
jit = numba.njit(cache=True, error_model="numpy")


@jit
def _group_scores(cols, vals, P, theta, theta1, mean_reward, quadratic, mean):  # type: ignore[no-untyped-def] # compiled
    """Quadratic forms and means of the actions of one group."""
    lanes = P.shape[1]  # not the constant: the compiler vectorises a loop of unknown length, and unrolls a short one
    for i in range(cols.shape[0]):
        c = cols[i]
        base = c * (c + 1) // 2
        double = 2.0 * vals[i]
        for j in range(i):
            row = P[base + cols[j]]
            w = double * vals[j]
            for lane in range(lanes):
                quadratic[lane] += w * row[lane]
        row = P[base + c]
        w = vals[i] * vals[i]
        for lane in range(lanes):
            quadratic[lane] += w * row[lane]
        theta_row = theta[c]
        theta1_row = theta1[c]
        for lane in range(lanes):
            mean[lane] += vals[i] * (theta_row[lane] - mean_reward * theta1_row[lane])


@jit
def scores(cols, vals, unseen, P, theta, theta1, prior, mean_reward, slots, out_mean, out_sd):  # type: ignore[no-untyped-def] # compiled
    """Posterior mean and sd of every candidate for one shared row; a slot of -1 is an action never learned.

    `prior` is the variance of a coefficient before any evidence, and `unseen` the squared length of the row outside the
    known columns. Only groups that hold a candidate are visited.
    """
    length = unseen
    for i in range(cols.shape[0]):
        length += vals[i] * vals[i]
    quadratic = np.zeros((P.shape[0], LANES))
    mean = np.zeros((P.shape[0], LANES))
    visited = np.zeros(P.shape[0], dtype=np.uint8)
    for k in range(slots.shape[0]):
        if slots[k] < 0:
            out_mean[k] = mean_reward
            out_sd[k] = math.sqrt(prior * length)
            continue
        g = slots[k] // LANES
        lane = slots[k] % LANES
        if visited[g] == 0:
            visited[g] = 1
            _group_scores(cols, vals, P[g], theta[g], theta1[g], mean_reward, quadratic[g], mean[g])
        out_mean[k] = mean_reward + mean[g, lane]
        out_sd[k] = math.sqrt(max(quadratic[g, lane], 0.0) + prior * unseen)


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
def project(cols, vals, P, theta, theta1, slot, d, px):  # type: ignore[no-untyped-def] # compiled
    """Write A⁻¹x of one action into `px`; returns xᵀA⁻¹x, θᵀx and θ1ᵀx."""
    g = slot // LANES
    lane = slot % LANES
    px[:] = 0.0
    quadratic = 0.0
    predicted = 0.0
    predicted1 = 0.0
    for i in range(cols.shape[0]):
        c = cols[i]
        base = c * (c + 1) // 2
        for r in range(c + 1):
            px[r] += vals[i] * P[g, base + r, lane]
        for r in range(c + 1, d):
            px[r] += vals[i] * P[g, r * (r + 1) // 2 + c, lane]
        predicted += vals[i] * theta[g, c, lane]
        predicted1 += vals[i] * theta1[g, c, lane]
    for i in range(cols.shape[0]):
        quadratic += vals[i] * px[cols[i]]
    return quadratic, predicted, predicted1


@jit
def update(P, theta, theta1, slot, px, down, step, step1):  # type: ignore[no-untyped-def] # compiled
    """P -= down·pxpxᵀ, θ += step·px, θ1 += step1·px, of one action."""
    g = slot // LANES
    lane = slot % LANES
    for r in range(px.shape[0]):
        scaled = down * px[r]
        base = r * (r + 1) // 2
        for c in range(r + 1):
            P[g, base + c, lane] -= scaled * px[c]
        theta[g, r, lane] += step * px[r]
        theta1[g, r, lane] += step1 * px[r]
