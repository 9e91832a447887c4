"""Kernels that observe and encode array rows."""

from __future__ import annotations

import math

import numpy as np

from croupier_policies.kernels.jit import jit
from croupier_policies.reference.constants import FOURIER_NORM, MAX_ABSOLUTE_VALUE, MAX_SQUARED_NORM


@jit
def encode(x, mean, m2, count, waves, out):  # type: ignore[no-untyped-def] # compiled
    """Write the intercept, the Fourier features, z and, if `out` has room, z² - ¼ of an array row into `out`.

    `waves`, (n + 1, F), holds the frequencies of every number and, in its last row, the phases.
    """
    n = mean.shape[0]
    first = 1 + waves.shape[1]
    squares = out.shape[0] > first + n
    norm = 0.0
    for i in range(n):
        z = 0.0
        square = 0.0
        variance = m2[i] / count
        if variance > 0.0:  # not m2, which may be so small that dividing it underflows
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
        out[1 + f] = FOURIER_NORM * math.sqrt(2.0 / waves.shape[1]) * math.cos(phase)
    if norm > MAX_SQUARED_NORM:
        shrink = math.sqrt(MAX_SQUARED_NORM / norm)
        for i in range(first, out.shape[0]):
            out[i] *= shrink
    out[0] = 1.0


@jit
def encode_rows(X, mean, m2, rows, waves, cols, out):  # type: ignore[no-untyped-def] # compiled
    """Encode every row of X, (K, n), into a column of `out`, (d, K)."""
    vals = np.empty(cols.shape[0])
    for k in range(X.shape[0]):
        encode(X[k], mean, m2, rows[0], waves, vals)
        for i in range(cols.shape[0]):
            out[cols[i], k] = vals[i]


@jit
def observe(x, mean, m2, rows):  # type: ignore[no-untyped-def] # compiled
    """Update the moments of every number by Welford's algorithm, and the row count `rows`, (1,)."""
    rows[0] += 1
    count = rows[0]
    for i in range(x.shape[0]):
        value = min(max(x[i], -MAX_ABSOLUTE_VALUE), MAX_ABSOLUTE_VALUE)
        delta = value - mean[i]
        mean[i] += delta / count
        m2[i] += delta * (value - mean[i])


@jit
def observe_rows(X, mean, m2, rows, waves, out):  # type: ignore[no-untyped-def] # compiled
    """Observe and encode the rows of X, (B, n), in order, each into a row of `out`."""
    for t in range(X.shape[0]):
        observe(X[t], mean, m2, rows)
        encode(X[t], mean, m2, rows[0], waves, out[t])
