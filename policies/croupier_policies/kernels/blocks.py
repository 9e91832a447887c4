"""Streaming principal coordinates of long arrays: embeddings, or many measurements.

z = (x - m₀)V·c/s with an orthonormal V, (d, 128). While the basis settles, Y += (x - m)((x - m)V)ᵀ sums what a step of
orthogonal iteration needs; at n = 64, 128, …, 4096 rows, V becomes the orthonormalised Y, and every posterior over the
old coordinates is carried over to the new ones. At n = 16 and 32 only the scale and the centre are set; before, all
coordinates are 0. No rows are kept, and no eigenvalue problem is solved. (Mitliagkas, Caramanis & Jain 2013, "Memory
limited, streaming PCA".)
"""

from __future__ import annotations

import math

import numpy as np

from croupier_policies.kernels import arena
from croupier_policies.kernels.arena import section
from croupier_policies.kernels.cells import mix
from croupier_policies.kernels.jit import jit, reduced

PRIOR_SCALE = 1.0  # c
FIRST_TURN = 64
UNEQUAL = 30.0  # ratio of the 90 % to the 10 % quantile of the sds above which numbers are standardised one by one
FAR = 25.0  # mean squared lengths: a longer row is shortened to that
FARTHEST = 5.0  # largest length of a row's coordinates; a usual one is c
LARGEST = 1e60  # numbers are clipped to ± this: no sum of squares of sums of squares overflows


@jit
def _block(F, L, b):  # type: ignore[no-untyped-def] # compiled
    """Basis, sketch, rows and statistics of block b."""
    first = arena.BLOCKS + arena.PER_BLOCK * b
    return (
        section(F, L, first + arena.BASIS),
        section(F, L, first + arena.SKETCH),
        section(F, L, first + arena.ROWS),
        section(F, L, first + arena.STATISTICS)[0],
    )


@jit
def first_coordinate(L, b):  # type: ignore[no-untyped-def] # compiled
    """Where the coordinates of block b begin."""
    start = 0
    for other in range(b):
        start += L[3 * (arena.BLOCKS + arena.PER_BLOCK * other + arena.BASIS) + 2]
    return start


@jit
def start_block(F, L, b):  # type: ignore[no-untyped-def] # compiled
    """A basis of orthonormalised rows of signs, derived by hashing; factors of 1."""
    basis, _, rows, _ = _block(F, L, b)
    d, r = basis.shape
    V = np.empty((r, d))
    for k in range(r):
        _signs(V[k], k)
        _orthonormalise(V, k, 0)
    basis[:, :] = V.T
    rows[arena.FACTOR, :] = 1.0


@jit
def _signs(row, k):  # type: ignore[no-untyped-def] # compiled
    for i in range(row.shape[0]):
        row[i] = 1.0 if mix(np.uint64(k * 65_537 + i + 1)) & np.uint64(1) else -1.0


@jit
def _orthonormalise(V, k, attempt):  # type: ignore[no-untyped-def] # compiled
    """Make row k of V orthonormal to those before it; one that depends on them is replaced by signs."""
    while True:
        before = math.sqrt(reduced(V[k], V[k]))
        for _ in range(2):  # twice is enough (Giraud, Langou & Rozložník 2005)
            for j in range(k):
                inner = reduced(V[k], V[j])
                for i in range(V.shape[1]):
                    V[k, i] -= inner * V[j, i]
        after = math.sqrt(reduced(V[k], V[k]))
        if after > 1e-8 * before and after > 1e-150:
            for i in range(V.shape[1]):
                V[k, i] /= after
            return
        attempt += 1
        _signs(V[k], k + attempt * V.shape[0])


@jit
def _total(F, L, which):  # type: ignore[no-untyped-def] # compiled
    """The sum of a statistic of all blocks."""
    total = 0.0
    for b in range(arena.MAX_BLOCKS):
        if L[3 * (arena.BLOCKS + arena.PER_BLOCK * b + arena.STATISTICS) + 1] > 0:
            total += _block(F, L, b)[3][which]
    return total


@jit
def turns(F, L):  # type: ignore[no-untyped-def] # compiled
    """How often coordinates have changed: they stay what they are in between."""
    return _total(F, L, arena.TURNS)


@jit
def rotations(F, L):  # type: ignore[no-untyped-def] # compiled
    """How often a coordinate has come to mean another direction."""
    return np.uint64(_total(F, L, arena.ROTATIONS))


@jit
def project_block(F, L, b, x, out):  # type: ignore[no-untyped-def] # compiled
    """Write the coordinates of a row into those of block b in `out`, shortened to a length of at most `FARTHEST`.

    They are 0 before 16 rows were seen.
    """
    basis, _, rows, statistics = _block(F, L, b)
    if not statistics[arena.SCALE] > 0.0:
        return
    e = np.empty(x.shape[0])
    for i in range(x.shape[0]):
        e[i] = _clipped(x[i]) * rows[arena.FACTOR, i] - rows[arena.CENTRE, i]
    start = first_coordinate(L, b)
    z = out[start : start + basis.shape[1]]
    _times(e, basis, PRIOR_SCALE / statistics[arena.SCALE], z)
    length = reduced(z, z)
    if length > FARTHEST * FARTHEST:
        shrink = FARTHEST / math.sqrt(length)
        for k in range(z.shape[0]):
            z[k] *= shrink


@jit
def _clipped(x):  # type: ignore[no-untyped-def] # compiled
    return min(max(x, -LARGEST), LARGEST)


@jit
def _times(e, basis, factor, z):  # type: ignore[no-untyped-def] # compiled
    """Add factor·eᵀV to z."""
    for i in range(e.shape[0]):
        weight = factor * e[i]
        row = basis[i]
        for k in range(z.shape[0]):
            z[k] += weight * row[k]


@jit
def observe_block(F, L, b, x):  # type: ignore[no-untyped-def] # compiled
    """Update the statistics with a row while the basis settles, and turn or rescale the basis when it is due.

    A row that is far longer than rows are is shortened. What is long, the median of the first 16 rows says; if one of
    these is, all begins anew.
    """
    basis, sketch, rows, statistics = _block(F, L, b)
    if statistics[arena.SEEN_ROWS] >= arena.SETTLED and statistics[arena.SCALE] > 0.0:
        return
    d, r = basis.shape
    e = np.empty(d)
    for i in range(d):
        e[i] = _clipped(x[i]) * rows[arena.FACTOR, i]
    length, limit, shrink = reduced(e, e), statistics[arena.LIMIT], 1.0
    if 0.0 < limit < length:
        shrink, length = math.sqrt(limit / length), limit
        statistics[arena.CLIPPED] += 1.0
    statistics[arena.SEEN_ROWS] += 1.0
    n = statistics[arena.SEEN_ROWS]
    for i in range(d):
        e[i] = e[i] * shrink - rows[arena.RUNNING, i]
        rows[arena.RUNNING, i] += e[i] / n
        rest = e[i] * (1.0 - 1.0 / n)
        rows[arena.SPREAD, i] += e[i] * rest
        e[i] = rest
    statistics[arena.MEAN_SQUARE] += (length - statistics[arena.MEAN_SQUARE]) / n
    z = np.zeros(r)
    _times(e, basis, 1.0, z)
    for i in range(d):
        row = sketch[i]
        for k in range(r):
            row[k] += e[i] * z[k]
    statistics[arena.SINCE] += 1.0
    whole = int(n)
    if limit == 0.0 and whole <= arena.FIRST_ROWS:
        statistics[arena.LENGTHS + whole - 1] = length
    if whole < arena.FIRST_ROWS or whole & (whole - 1) != 0:
        return
    statistics[arena.TURNS] += 1.0
    if whole == arena.FIRST_ROWS and limit == 0.0:
        lengths = np.sort(statistics[arena.LENGTHS : arena.LENGTHS + arena.FIRST_ROWS])
        statistics[arena.LIMIT] = FAR * lengths[arena.FIRST_ROWS // 2]
        if lengths[arena.FIRST_ROWS - 1] > statistics[arena.LIMIT] > 0.0:
            _begin_anew(F, L, b)
            return
    elif whole > arena.FIRST_ROWS:
        statistics[arena.LIMIT] = FAR * statistics[arena.MEAN_SQUARE]
    if whole == FIRST_TURN and _unequal(rows, n):
        _standardise(F, L, b)
    else:
        _turn(F, L, b, whole >= FIRST_TURN)


@jit
def _begin_anew(F, L, b):  # type: ignore[no-untyped-def] # compiled
    """Drop what the rows so far said, but for the length from which a row is shortened."""
    _, sketch, rows, statistics = _block(F, L, b)
    statistics[arena.CLIPPED] += 1.0
    statistics[arena.SEEN_ROWS], statistics[arena.SCALE], statistics[arena.SINCE] = 0.0, 0.0, 0.0
    statistics[arena.MEAN_SQUARE] = 0.0
    sketch[:, :] = 0.0
    rows[: arena.FACTOR, :] = 0.0
    _drop(F, L, b)


@jit
def _drop(F, L, b):  # type: ignore[no-untyped-def] # compiled
    """Set every posterior of block b to its prior."""
    start, r = first_coordinate(L, b), _block(F, L, b)[0].shape[1]
    for m in range(L[arena.MEMBER_COUNT]):
        vectors = section(F, L, arena.MEMBERS + arena.PER_MEMBER * m + arena.VECTORS)
        R = vectors.shape[1] // 3
        for part in range(3):
            vectors[:, part * R + start : part * R + start + r] = 0.0


@jit
def _unequal(rows, n):  # type: ignore[no-untyped-def] # compiled
    ordered = np.sort(rows[arena.SPREAD] / n)
    low, high = ordered[ordered.shape[0] // 10], ordered[(9 * ordered.shape[0]) // 10]
    return high > UNEQUAL * UNEQUAL * low


@jit
def _standardise(F, L, b):  # type: ignore[no-untyped-def] # compiled
    """From here on every number is divided by its sd; what was learned about the block is dropped."""
    _, sketch, rows, statistics = _block(F, L, b)
    n = statistics[arena.SEEN_ROWS]
    total = 0.0
    for i in range(rows.shape[1]):
        variance = rows[arena.SPREAD, i] / n
        factor = 1.0 / math.sqrt(variance) if variance > 0.0 else 0.0
        rows[arena.FACTOR, i] = factor
        rows[arena.RUNNING, i] *= factor
        total += factor > 0.0
    rows[arena.CENTRE, :] = rows[arena.RUNNING]
    sketch[:, :] = 0.0
    statistics[arena.SINCE] = 0.0
    statistics[arena.MEAN_SQUARE] = total + reduced(rows[arena.RUNNING], rows[arena.RUNNING])
    statistics[arena.LIMIT] = FAR * statistics[arena.MEAN_SQUARE]
    statistics[arena.SCALE] = math.sqrt(max(total, 1.0) * sketch.shape[1] / rows.shape[1])
    _drop(F, L, b)


@jit
def _turn(F, L, b, rotate):  # type: ignore[no-untyped-def] # compiled
    """Set scale and centre by what was seen since the last time and, if asked, take a step of orthogonal iteration."""
    basis, sketch, rows, statistics = _block(F, L, b)
    d, r = basis.shape
    captured = 0.0
    for i in range(d):
        captured += reduced(basis[i], sketch[i])
    scale = math.sqrt(max(captured, 0.0) / statistics[arena.SINCE])
    if not scale > 0.0:
        return
    old = statistics[arena.SCALE]
    shift = np.zeros(r)
    if old > 0.0:
        _times(rows[arena.RUNNING] - rows[arena.CENTRE], basis, PRIOR_SCALE / old, shift)
    turn = np.zeros((r, r))
    if rotate:
        statistics[arena.ROTATIONS] += 1.0
        V = np.empty((r, d))
        for k in range(r):
            for i in range(d):
                V[k, i] = sketch[i, k]
        for k in range(r):
            _orthonormalise(V, k, 0)
        for i in range(d):
            for k in range(r):
                for j in range(r):
                    turn[k, j] += V[k, i] * basis[i, j]
        basis[:, :] = V.T
    else:
        for k in range(r):
            turn[k, k] = 1.0
    if old > 0.0:
        _carry(F, L, b, turn, shift, scale / old)
    rows[arena.CENTRE, :] = rows[arena.RUNNING]
    statistics[arena.SCALE] = scale
    if rotate:
        sketch[:, :] = 0.0
        statistics[arena.SINCE] = 0.0


@jit
def _carry(F, L, b, turn, shift, ratio):  # type: ignore[no-untyped-def] # compiled
    """Carry every posterior of block b over to new coordinates z' = turn·(z - shift)/ratio."""
    start, r = first_coordinate(L, b), turn.shape[0]
    mean, mean1, precision = np.empty(r), np.empty(r), np.empty(r)
    for m in range(L[arena.MEMBER_COUNT]):
        first = arena.MEMBERS + arena.PER_MEMBER * m
        vectors, weights = section(F, L, first + arena.VECTORS), section(F, L, first + arena.WEIGHTS)
        R, P = vectors.shape[1] // 3, weights.shape[1] // 2
        for slot in range(vectors.shape[0]):
            old = vectors[slot]
            p, w, w1 = (
                old[start : start + r],
                old[R + start : R + start + r],
                old[2 * R + start : 2 * R + start + r],
            )
            if reduced(p, p) == 0.0:
                continue
            weights[slot, 0] += reduced(w, shift)
            weights[slot, P] += reduced(w1, shift)
            for k in range(r):
                mean[k], mean1[k], precision[k] = 0.0, 0.0, 0.0
                for j in range(r):
                    mean[k] += turn[k, j] * w[j]
                    mean1[k] += turn[k, j] * w1[j]
                    precision[k] += turn[k, j] * turn[k, j] * p[j]
            for k in range(r):
                p[k] = precision[k] / (ratio * ratio)
                w[k] = mean[k] * ratio
                w1[k] = mean1[k] * ratio
