"""A ridge model on array contexts: one kernel call per event, with one array of addresses as its argument.

Passing a dozen arrays to a kernel takes as long as learning from them. Here the caller passes one array, `table`, which
holds the addresses and sizes of the others. The caller (`backends.fused.FusedRidge`) keeps the arrays alive and
builds a new table when one of them moves. The steps are those of `kernels.ridge` and `kernels.encoding` in the same
order, so they give the same bits as separate calls.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray  # type: ignore[attr-defined] # exported, but not to a type checker
from numba.core import types
from numba.extending import intrinsic

from croupier_policies.kernels import laws as law_kernels
from croupier_policies.kernels import noise as noise_kernels
from croupier_policies.kernels.encoding import encode, observe
from croupier_policies.kernels.jit import jit
from croupier_policies.kernels.ridge import project, scores, update
from croupier_policies.reference.constants import LANES

# Positions in a table of the addresses, and of the sizes: numbers in a context, Fourier features, columns of an array,
# columns in use, groups, entries of a packed triangle, columns allocated.
MEAN, M2, ROWS, WAVES, COLS, PACKED, THETA, THETA1, NOISE = range(9)
N, F, USED, D, GROUPS, ENTRIES, ROOM = range(9, 16)


def _cast(typing: Any, address: Any) -> Any:
    """Reinterpret an integer as a pointer."""

    def cast(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), cast


_pointer: Any = intrinsic(_cast)


@jit
def _floats(table, which, shape):  # type: ignore[no-untyped-def] # compiled
    return carray(_pointer(table[which]), shape, np.float64)


@jit
def _integers(table, which, count):  # type: ignore[no-untyped-def] # compiled
    return carray(_pointer(table[which]), (count,), np.int64)


@jit
def _scaler(t):  # type: ignore[no-untyped-def] # compiled
    """Mean, m2, rows, waves and columns."""
    n, waves = t[N], _floats(t, WAVES, (t[N] + 1, t[F]))
    return _floats(t, MEAN, (n,)), _floats(t, M2, (n,)), _integers(t, ROWS, 1), waves, _integers(t, COLS, t[USED])


@jit
def _posterior(t):  # type: ignore[no-untyped-def] # compiled
    """P, θ, θ1 and the noise statistics."""
    shape = (t[GROUPS], t[ROOM], LANES)
    packed = _floats(t, PACKED, (t[GROUPS], t[ENTRIES], LANES))
    return packed, _floats(t, THETA, shape), _floats(t, THETA1, shape), _floats(t, NOISE, (4,))


@jit
def _estimate(t, x, prior, slots, means, sds):  # type: ignore[no-untyped-def] # compiled
    """Encode and score; returns σ and the number of rewards learned."""
    mean, m2, rows, waves, cols = _scaler(t)
    P, theta, theta1, noise = _posterior(t)
    vals = np.empty(cols.shape[0])
    encode(x, mean, m2, rows[0], waves, vals)
    scores(cols, vals, 0.0, P, theta, theta1, prior, noise[2], slots, means, sds)
    return noise_kernels.sigma(noise), noise[0]


@jit
def choose_softmax(t, x, prior, slots, alpha, v, epsilon):  # type: ignore[no-untyped-def] # compiled
    """Encode, score and apply `kernels.laws.softmax`; returns π."""
    count = slots.shape[0]
    means, sds, out = np.empty(count), np.empty(count), np.empty(count)
    sigma, rewards = _estimate(t, x, prior, slots, means, sds)
    law_kernels.softmax(means, sds, sigma, rewards, alpha, v, epsilon, out)
    return out


@jit
def choose_inverse_gap(t, x, prior, slots, alpha, gamma, epsilon):  # type: ignore[no-untyped-def] # compiled
    """Encode, score and apply `kernels.laws.inverse_gap`; returns π."""
    count = slots.shape[0]
    means, sds, out = np.empty(count), np.empty(count), np.empty(count)
    sigma, rewards = _estimate(t, x, prior, slots, means, sds)
    law_kernels.inverse_gap(means, sds, sigma, rewards, alpha, gamma, epsilon, out)
    return out


@jit
def learn(t, x, slot, reward):  # type: ignore[no-untyped-def] # compiled
    """Observe and encode the row, take one ridge step, update the noise; returns the prediction before the step."""
    mean, m2, rows, waves, cols = _scaler(t)
    P, theta, theta1, noise = _posterior(t)
    vals, px = np.empty(cols.shape[0]), np.empty(t[D])
    observe(x, mean, m2, rows)
    encode(x, mean, m2, rows[0], waves, vals)
    quadratic, predicted, predicted1 = project(cols, vals, P, theta, theta1, slot, t[D], px)
    gain = 1.0 / (1.0 + quadratic)
    update(P, theta, theta1, slot, px, gain, gain * (reward - predicted), gain * (1.0 - predicted1))
    return noise_kernels.learn(noise, reward, quadratic, predicted, predicted1)


@jit
def learn_rows(t, X, slots, rewards, out):  # type: ignore[no-untyped-def] # compiled
    """`learn` the rows of X, (B, n), in order, and write what it returns into `out`; slot -1 is not learned: NaN."""
    for i in range(X.shape[0]):
        out[i] = np.nan if slots[i] < 0 else learn(t, X[i], slots[i], rewards[i])
