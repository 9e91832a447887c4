"""Compiled counterparts of `reference.factors`: prediction and learning in a fixed order of summation.

A row of a table is (bias, factor 1 … factor rank); slot -1 is an unknown user or item, whose row is 0.
"""

from __future__ import annotations

from croupier_policies.kernels.jit import jit


@jit
def dot(U, i, V, j):  # type: ignore[no-untyped-def] # compiled
    """b_i + c_j + u_i·v_j."""
    score = 0.0
    if i >= 0:
        score += U[i, 0]
    if j >= 0:
        score += V[j, 0]
    if i >= 0 and j >= 0:
        for f in range(1, U.shape[1]):
            score += U[i, f] * V[j, f]
    return score


@jit
def predict(users, items, mean, U, V, out):  # type: ignore[no-untyped-def] # compiled
    """Write the estimates for pairs of slots, clipped to 0 … 1, into `out`."""
    for k in range(users.shape[0]):
        out[k] = min(max(mean + dot(U, users[k], V, items[k]), 0.0), 1.0)


@jit
def step(U, i, V, j, error, rate_i, rate_j, rate, shrink):  # type: ignore[no-untyped-def] # compiled
    """One gradient step of both rows; the biases have their own rates."""
    if i >= 0:
        U[i, 0] += rate_i * error
    if j >= 0:
        V[j, 0] += rate_j * error
    if i >= 0 and j >= 0:
        for f in range(1, U.shape[1]):
            u, v = U[i, f], V[j, f]
            U[i, f] = u + rate * (error * v - shrink * u)
            V[j, f] = v + rate * (error * u - shrink * v)


@jit
def learn(users, items, values, mean, U, V, seen_u, seen_v, first, last, rate, shrink):  # type: ignore[no-untyped-def] # compiled
    """Learn pairs of slots with their values, in order; `seen_u` and `seen_v` count the updates of every row."""
    for k in range(users.shape[0]):
        i, j = users[k], items[k]
        error = values[k] - (mean + dot(U, i, V, j))
        rate_i, rate_j = 0.0, 0.0
        if i >= 0:
            seen_u[i] += 1
            rate_i = max(last, first / (1.0 + first * (seen_u[i] - 1)))
        if j >= 0:
            seen_v[j] += 1
            rate_j = max(last, first / (1.0 + first * (seen_v[j] - 1)))
        step(U, i, V, j, error, rate_i, rate_j, rate, shrink)
