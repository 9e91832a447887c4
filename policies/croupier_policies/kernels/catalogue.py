"""Compiled counterparts of `reference.catalogue`: one pass over a catalogue, and one learning step."""

from __future__ import annotations

import math

from croupier_policies.kernels.jit import jit
from croupier_policies.reference.constants import MAX_LOGIT


@jit
def scores(cols, vals, W, user, columns, M, temperature, out):  # type: ignore[no-untyped-def] # compiled
    """Write every item's logit over the temperature, clipped to ±MAX_LOGIT, into `out`, (K,).

    Each column of M is one item: its features, its bias, its factors. The item axis is innermost, so that one
    instruction advances several items, each in its own order of summation.
    """
    features = M.shape[0] - 1 - (user.shape[0] - columns)
    for k in range(out.shape[0]):
        out[k] = M[features, k]
    for a in range(M.shape[0]):
        if a < features:
            weight = user[a]
            for b in range(cols.shape[0]):
                weight += W[a, cols[b]] * vals[b]
        elif a > features:
            weight = user[columns + a - features - 1]
        else:
            continue
        row = M[a]
        if weight != 0.0:
            for k in range(out.shape[0]):
                out[k] += weight * row[k]
    scale = 1.0 / temperature
    for k in range(out.shape[0]):
        out[k] = min(max(out[k] * scale, -MAX_LOGIT), MAX_LOGIT)


@jit
def below_top(out):  # type: ignore[no-untyped-def] # compiled
    """Subtract the largest entry, in place."""
    top = out[0]
    for k in range(out.shape[0]):
        top = max(top, out[k])
    for k in range(out.shape[0]):
        out[k] -= top


@jit
def shares(out, epsilon):  # type: ignore[no-untyped-def] # compiled
    """(1 - ε)·w/Σw + ε/K for weights w, in place."""
    total = 0.0
    for k in range(out.shape[0]):
        total += out[k]
    scale, floor = (1.0 - epsilon) / total, epsilon / out.shape[0]
    for k in range(out.shape[0]):
        out[k] = out[k] * scale + floor


@jit
def learn(  # type: ignore[no-untyped-def] # compiled
    z_cols, z_vals, cols, vals, W, G, users, i, items, j, columns, reward, shared, own, bias, rate, shrink
):
    """One gradient step on the log-loss; returns the estimate before it. Slot -1 is unknown and learns nothing."""
    logit = 0.0
    for a in range(z_cols.shape[0]):
        weight = users[i, z_cols[a]] if i >= 0 else 0.0
        for b in range(cols.shape[0]):
            weight += W[z_cols[a], cols[b]] * vals[b]
        logit += weight * z_vals[a]
    if j >= 0:
        logit += items[j, 0]
    if i >= 0 and j >= 0:
        for f in range(1, items.shape[1]):
            logit += users[i, columns + f - 1] * items[j, f]
    estimate = 1.0 / (1.0 + math.exp(-min(max(logit, -MAX_LOGIT), MAX_LOGIT)))
    error = reward - estimate
    for a in range(z_cols.shape[0]):
        for b in range(cols.shape[0]):
            slope = error * z_vals[a] * vals[b]
            G[z_cols[a], cols[b]] += slope * slope
            W[z_cols[a], cols[b]] += shared * slope / math.sqrt(1.0 + G[z_cols[a], cols[b]])
        if i >= 0:
            users[i, z_cols[a]] += own * (error * z_vals[a] - shrink * users[i, z_cols[a]])
    if j >= 0:
        items[j, 0] += bias * (error - shrink * items[j, 0])
    if i >= 0 and j >= 0:
        for f in range(1, items.shape[1]):
            u, v = users[i, columns + f - 1], items[j, f]
            users[i, columns + f - 1] = u + rate * (error * v - shrink * u)
            items[j, f] = v + rate * (error * u - shrink * v)
    return estimate
