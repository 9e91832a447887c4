"""Kernels that observe and encode rows of a mixed model; `encoding.mixed` packs them.

A packed row is one array of integers `D` that describes it, and one of floats `X`:

    D  the counts of: numbers, one-hot values, unseen one-hot values, hashed values, ids, tag fields, blocks
       each number's index and hash; each one-hot value's column without squares, with squares, and hash
       the hash of each hashed value and of each id; for each tag field its index, its size, and its tags' hashes
       for each block its index and its size
    X  the numbers; the counts of all tags; the numbers of all blocks
"""

from __future__ import annotations

import math

import numpy as np

from croupier_policies.kernels import arena
from croupier_policies.kernels.arena import section
from croupier_policies.kernels.blocks import observe_block, project_block
from croupier_policies.kernels.cells import pair
from croupier_policies.kernels.jit import jit
from croupier_policies.reference.constants import MAX_ABSOLUTE_VALUE, MAX_SQUARED_NORM

COUNTS = 7
NUMBERS, HOT, UNSEEN, HASHED, IDS, FIELDS, BLOCKS = range(COUNTS)
FENCE = 5.0  # interquartile ranges beyond a quartile at which a number is clipped
EQUAL = 1e-24  # of the squared mean: a smaller variance is rounding
ENOUGH = 16  # values of a sample before one outside the fences is counted
ID_WEIGHT = 0.6
TAGS_LENGTH = 0.6  # root mean square length of a field's tags
PAIRS = 256  # of a row; of more, those with the smallest hashes
ATOMS = 256  # of a row that are paired
PAIRS_NORM = 4.0  # largest squared length of the pairs of a row


@jit
def observe(F, L, D, X):  # type: ignore[no-untyped-def] # compiled
    """Update all statistics with a row; turns the bases that are due."""
    numbers, tags = section(F, L, arena.NUMBERS), section(F, L, arena.TAGS)
    documents = section(F, L, arena.DOCUMENTS)[0]
    n, x = COUNTS, 0
    for _ in range(D[NUMBERS]):
        observe_number(numbers[D[n]], X[x])
        n += 2
        x += 1
    n += 3 * D[HOT] + D[HASHED] + D[IDS]
    for _ in range(D[FIELDS]):
        field, size = tags[D[n]], D[n + 1]
        n += 2
        field[arena.DOCUMENT_COUNT] += 1.0
        total = 0.0
        for t in range(size):
            bucket = D[n + t] & (documents.shape[0] - 1)
            documents[bucket] += 1.0
            weight = _tag_weight(X[x + t], field[arena.DOCUMENT_COUNT], documents[bucket])
            total += weight * weight
        field[arena.SQUARES_SUM] += total
        n += size
        x += size
    for _ in range(D[BLOCKS]):
        observe_block(F, L, D[n], X[x : x + D[n + 1]])
        x += D[n + 1]
        n += 2


@jit
def observe_number(record, x):  # type: ignore[no-untyped-def] # compiled
    """Sample a value, set the fences by the sample, and update the moments with the value clipped to them.

    The sample holds every stride-th value; when it is full, every second one is dropped and the stride doubles. The
    first 64 values are all in it, and the moments are computed anew from them, clipped to the latest fences.
    """
    x = min(max(x, -MAX_ABSOLUTE_VALUE), MAX_ABSOLUTE_VALUE)
    if record[arena.FILLED] >= ENOUGH and not record[arena.LOW] <= x <= record[arena.HIGH]:
        record[arena.OUTSIDE] += 1.0
    sample = record[arena.SAMPLE : arena.SAMPLE + arena.SAMPLED]
    seen, stride = int(record[arena.SEEN]), int(record[arena.STRIDE])
    record[arena.SEEN] += 1.0
    if seen % stride == 0:
        filled = int(record[arena.FILLED])
        sample[filled] = x
        filled += 1
        _set_fences(record, sample, filled)
        if stride == 1:
            _recompute(record, sample, filled)
        if filled == arena.SAMPLED:
            filled //= 2
            for k in range(filled):
                sample[k] = sample[2 * k]
            record[arena.STRIDE] = 2 * stride
        record[arena.FILLED] = filled
        if stride == 1:
            return
    x = min(max(x, record[arena.LOW]), record[arena.HIGH])
    record[arena.COUNT] += 1.0
    delta = x - record[arena.MEAN]
    record[arena.MEAN] += delta / record[arena.COUNT]
    record[arena.M2] += delta * (x - record[arena.MEAN])


@jit
def _set_fences(record, sample, filled):  # type: ignore[no-untyped-def] # compiled
    """q1 - 5·IQR and q3 + 5·IQR; none while the IQR is 0."""
    ordered = np.sort(sample[:filled])
    first, third = _quantile(ordered, 0.25), _quantile(ordered, 0.75)
    spread = third - first
    record[arena.LOW] = first - FENCE * spread if spread > 0.0 else -np.inf
    record[arena.HIGH] = third + FENCE * spread if spread > 0.0 else np.inf


@jit
def _quantile(ordered, q):  # type: ignore[no-untyped-def] # compiled
    """The quantile, interpolated between the two nearest values."""
    place = q * (ordered.shape[0] - 1)
    below = int(place)
    above = min(below + 1, ordered.shape[0] - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


@jit
def _recompute(record, sample, filled):  # type: ignore[no-untyped-def] # compiled
    mean = 0.0
    for k in range(filled):
        mean += min(max(sample[k], record[arena.LOW]), record[arena.HIGH]) / filled
    m2 = 0.0
    for k in range(filled):
        delta = min(max(sample[k], record[arena.LOW]), record[arena.HIGH]) - mean
        m2 += delta * delta
    record[arena.COUNT], record[arena.MEAN], record[arena.M2] = filled, mean, m2


@jit
def varies(record):  # type: ignore[no-untyped-def] # compiled
    """Whether a number varies by more than rounding does."""
    return record[arena.M2] > EQUAL * record[arena.COUNT] * record[arena.MEAN] * record[arena.MEAN]


@jit
def standardised(record, x):  # type: ignore[no-untyped-def] # compiled
    """z = clip((x - mean) / sd, ±3) / 2 of the clipped value; 0 while the variance is 0."""
    variance = record[arena.M2] / max(record[arena.COUNT], 1.0)
    if not (variance > 0.0 and varies(record)):
        return 0.0
    x = min(max(x, record[arena.LOW]), record[arena.HIGH])
    return min(max((x - record[arena.MEAN]) / math.sqrt(variance), -3.0), 3.0) / 2.0


@jit
def _tag_weight(count, rows, documents):  # type: ignore[no-untyped-def] # compiled
    """±log2(1 + |count|)·√log((rows + 2)/(documents + 1))."""
    rarity = math.sqrt(max(math.log((rows + 2.0) / (documents + 1.0)), 0.0))
    size = math.log2(1.0 + min(abs(count), MAX_ABSOLUTE_VALUE)) * rarity
    return size if count > 0.0 else -size


@jit
def coordinates(F, L, D, X):  # type: ignore[no-untyped-def] # compiled
    """The coordinates of all blocks of a row."""
    z = np.zeros(L[arena.COORDINATES])
    n = D.shape[0] - 2 * D[BLOCKS]
    x = X.shape[0]
    for k in range(D[BLOCKS]):
        x -= D[n + 2 * k + 1]
    for _ in range(D[BLOCKS]):
        project_block(F, L, D[n], X[x : x + D[n + 1]], z)
        x += D[n + 1]
        n += 2
    return z


@jit
def encode(F, L, D, X, with_pairs):  # type: ignore[no-untyped-def] # compiled
    """The encoded row; see `encode_at`."""
    return encode_at(F, L, D, X, coordinates(F, L, D, X), with_pairs)


@jit
def encode_at(F, L, D, X, z, with_pairs):  # type: ignore[no-untyped-def] # compiled
    """The encoded row, given the coordinates of its blocks.

    Returns columns and values of the full part without squares, and with them; the coordinates; hashes and values of
    cells, and of pairs; and the squared length of values that have no column yet.
    """
    numbers, tags = section(F, L, arena.NUMBERS), section(F, L, arena.TAGS)
    documents = section(F, L, arena.DOCUMENTS)[0]
    count, hot = D[NUMBERS], D[HOT]
    sizes = _tag_count(D)
    cols, vals = np.empty(1 + count + hot, np.int64), np.empty(1 + count + hot)
    cols2, vals2 = np.empty(1 + 2 * count + hot, np.int64), np.empty(1 + 2 * count + hot)
    cells = count + D[HASHED] + D[IDS] + sizes
    hashes, weights = np.empty(cells, np.uint64), np.empty(cells)
    room = min(count + hot + D[HASHED] + sizes, ATOMS) if with_pairs else 0
    atoms, fields, strengths = np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room)
    cols[0], vals[0], cols2[0], vals2[0] = 0, 1.0, 0, 1.0
    a, b, c, d = 1, 1, 0, 0  # places in the full part, in that with squares, among cells, among atoms
    n, x = COUNTS, 0
    for k in range(count):
        record, value = numbers[D[n]], standardised(numbers[D[n]], X[x])
        if record[arena.COLUMN] >= 0.0:
            cols[a], vals[a] = int(record[arena.COLUMN]), value
            a += 1
            cols2[b], vals2[b] = int(record[arena.COLUMN_SQUARED]), value
            cols2[b + 1] = int(record[arena.COLUMN_SQUARED]) + 1
            vals2[b + 1] = value * value - 0.25 if value != 0.0 else 0.0
            b += 2
        else:
            hashes[c], weights[c] = np.uint64(D[n + 1]), value
            c += 1
        d = _add_atom(atoms, fields, strengths, d, np.uint64(D[n + 1]), k, value)
        n += 2
        x += 1
    for k in range(hot):
        cols[a], vals[a], cols2[b], vals2[b] = D[n], 1.0, D[n + 1], 1.0
        a += 1
        b += 1
        d = _add_atom(atoms, fields, strengths, d, np.uint64(D[n + 2]), count + k, 1.0)
        n += 3
    share = 1.0 / math.sqrt(max(D[HASHED], 1))
    for k in range(D[HASHED]):
        hashes[c], weights[c] = np.uint64(D[n]), share
        c += 1
        d = _add_atom(atoms, fields, strengths, d, np.uint64(D[n]), count + hot + k, 1.0)
        n += 1
    for _ in range(D[IDS]):
        hashes[c], weights[c] = np.uint64(D[n]), ID_WEIGHT
        c += 1
        n += 1
    for k in range(D[FIELDS]):
        field, size = tags[D[n]], D[n + 1]
        n += 2
        rows = field[arena.DOCUMENT_COUNT]
        rms = math.sqrt(field[arena.SQUARES_SUM] / max(rows, 1.0))
        scale = TAGS_LENGTH / rms if rms > 0.0 else 0.0
        for t in range(size):
            weight = scale * _tag_weight(X[x + t], rows, documents[D[n + t] & (documents.shape[0] - 1)])
            hashes[c], weights[c] = np.uint64(D[n + t]), weight
            c += 1
            d = _add_atom(atoms, fields, strengths, d, np.uint64(D[n + t]), count + hot + D[HASHED] + k, weight)
        n += size
        x += size
    _shrink(vals[1:a], MAX_SQUARED_NORM)
    _shrink(vals2[1:b], MAX_SQUARED_NORM)
    pair_hashes, pair_values = _pairs(atoms[:d], fields[:d], strengths[:d])
    return (
        cols[:a],
        vals[:a],
        cols2[:b],
        vals2[:b],
        z,
        hashes[:c],
        weights[:c],
        pair_hashes,
        pair_values,
        float(D[UNSEEN]),
    )


@jit
def _add_atom(atoms, fields, strengths, d, code, field, value):  # type: ignore[no-untyped-def] # compiled
    """Write what a row has d-th to be paired, if there is room; returns the next place."""
    if d == atoms.shape[0]:
        return d
    atoms[d], fields[d], strengths[d] = code, field, value
    return d + 1


@jit
def _tag_count(D):  # type: ignore[no-untyped-def] # compiled
    """The tags of all fields together."""
    n = COUNTS + 2 * D[NUMBERS] + 3 * D[HOT] + D[HASHED] + D[IDS]
    total = 0
    for _ in range(D[FIELDS]):
        total += D[n + 1]
        n += 2 + D[n + 1]
    return total


@jit
def _shrink(vals, largest):  # type: ignore[no-untyped-def] # compiled
    """Scale values down to a squared length."""
    total = 0.0
    for k in range(vals.shape[0]):
        total += vals[k] * vals[k]
    if total > largest:
        factor = math.sqrt(largest / total)
        for k in range(vals.shape[0]):
            vals[k] *= factor


@jit
def _pairs(atoms, fields, strengths):  # type: ignore[no-untyped-def] # compiled
    """Products of the values of different fields; of more than `PAIRS`, about as many, chosen by their hashes."""
    total = 0
    for i in range(atoms.shape[0]):
        for j in range(i):
            total += fields[i] != fields[j]
    limit = np.uint64(0xFFFFFFFFFFFFFFFF)
    if total > PAIRS:
        limit = np.uint64(PAIRS * (1.8446744073709552e19 / total))
    hashes, values = np.empty(min(total, 2 * PAIRS), np.uint64), np.empty(min(total, 2 * PAIRS))
    k = 0
    for i in range(atoms.shape[0]):
        for j in range(i):
            if fields[i] == fields[j]:
                continue
            code = pair(atoms[j], atoms[i])
            value = strengths[i] * strengths[j]
            if code <= limit and k < hashes.shape[0] and value != 0.0:
                hashes[k], values[k] = code, value
                k += 1
    _shrink(values[:k], PAIRS_NORM)
    return hashes[:k], values[:k]
