"""Compiled counterpart of `reference.ridge.discount`, by Cholesky factorisation, one action at a time."""

from __future__ import annotations

import math

import numpy as np

from croupier_policies.kernels.jit import jit
from croupier_policies.reference.constants import LANES


@jit
def discount(P, theta, theta1, prior, slot, d, factor):  # type: ignore[no-untyped-def] # compiled
    """A ← factor·A + (1 - factor)·I/prior and b ← factor·b for one action; see `reference.ridge.discount`.

    With M = factor·I + (1 - factor)/prior·P, whose eigenvalues lie between factor and 1, P ← M⁻¹P and θ ← factor·M⁻¹θ.
    """
    g = slot // LANES
    lane = slot % LANES
    M, right = np.empty((d, d)), np.empty((d, d + 2))
    for i in range(d):
        for j in range(i + 1):
            value = P[g, i * (i + 1) // 2 + j, lane]
            right[i, j] = right[j, i] = value
            M[i, j] = (1.0 - factor) / prior * value
        M[i, i] += factor
        right[i, d] = factor * theta[g, i, lane]
        right[i, d + 1] = factor * theta1[g, i, lane]
    _solve(M, right)
    for i in range(d):
        for j in range(i + 1):
            P[g, i * (i + 1) // 2 + j, lane] = right[i, j]
        theta[g, i, lane] = right[i, d]
        theta1[g, i, lane] = right[i, d + 1]


@jit
def _solve(M, right):  # type: ignore[no-untyped-def] # compiled
    """Solve M·X = right in place by Cholesky factorisation; reads and overwrites the lower triangle of `M`."""
    d, width = right.shape
    for i in range(d):
        for j in range(i + 1):
            value = M[i, j]
            for k in range(j):
                value -= M[i, k] * M[j, k]
            M[i, j] = math.sqrt(value) if i == j else value / M[j, j]
    for i in range(d):
        for j in range(i):
            for k in range(width):
                right[i, k] -= M[i, j] * right[j, k]
        for k in range(width):
            right[i, k] /= M[i, i]
    for i in range(d - 1, -1, -1):
        for j in range(i + 1, d):
            for k in range(width):
                right[i, k] -= M[j, i] * right[j, k]
        for k in range(width):
            right[i, k] /= M[i, i]
