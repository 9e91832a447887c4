"""The row of an action with features: products of what its context and its features consist of.

φ = [1, x] ⊗ [1, z], by what is known of each factor: an intercept, the columns of the full part, the cells, and
coordinates of long arrays. Products of two columns have a column of the shared full part, as long as there is one, and
a cell beyond; so has every product with a cell or a coordinate. Only the leading coordinates are crossed. What the
coordinates of the features do by themselves is in a posterior of the features, which turns with their basis.
"""

from __future__ import annotations

import numpy as np

from croupier_policies.kernels.cells import mix, pair, place
from croupier_policies.kernels.jit import jit

LEADING = 16  # coordinates that are crossed
MOST = 64  # cells that are crossed; of more, about as many, chosen by their hashes
CROSSES = 256  # products of two features in a row; of more, those with the smallest hashes
SHARED = -2  # the slot of cells that all actions share
_COLUMN, _COORDINATE = np.uint64(1 << 40), np.uint64(1 << 41)
_ALL, _SHIFT = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(8)


@jit
def factors(row, rotations):  # type: ignore[no-untyped-def] # compiled
    """What a row consists of.

    Returns hashes and values of its columns, the leading coordinates, and the cells; how many are columns, leading
    coordinates, and crossed. A coordinate has another hash after each of the `rotations` of the bases: it is another
    direction.
    """
    cols, vals, _, _, z, hashes, weights, _, _, _ = row
    full, leading, cells = cols.shape[0], min(z.shape[0], LEADING), hashes.shape[0]
    codes, values = np.empty(full + leading + cells, np.uint64), np.empty(full + leading + cells)
    for k in range(full):
        codes[k], values[k] = mix(_COLUMN + np.uint64(cols[k])), vals[k]
    for k in range(leading):
        codes[full + k], values[full + k] = mix(_COORDINATE + (rotations << _SHIFT) + np.uint64(k)), z[k]
    limit = _ALL if cells <= MOST else np.uint64(MOST * (1.8446744073709552e19 / cells))
    first, last = full + leading, codes.shape[0]
    for k in range(cells):
        if hashes[k] <= limit and first < full + leading + 2 * MOST:
            codes[first], values[first] = hashes[k], weights[k]
            first += 1
        else:
            last -= 1
            codes[last], values[last] = hashes[k], weights[k]
    return codes, values, full, leading, first


@jit
def cross(x, z, products, claims):  # type: ignore[no-untyped-def] # compiled
    """Columns and values in the shared full part, and hashes and values of cells.

    `x` and `z` are the `factors` of the context and of the action's features; the first of each is the intercept.
    What a coordinate of the features does by itself is not among them: the features' own posterior has it.
    `products` holds keys, places and number of the products that have a column; new ones get one if `claims`.
    """
    keys, places, used = products
    codes, values, columns, _, crossed = x
    other_codes, other_values, other_columns, other_leading, other_crossed = z
    total = (crossed - 1) * (other_crossed - 1)
    limit = _ALL if total <= CROSSES else np.uint64(CROSSES * (1.8446744073709552e19 / total))
    room = crossed + other_codes.shape[0] - 1 + min(total, 2 * CROSSES)
    cols, vals = np.empty(room, np.int64), np.empty(room)
    hashes, weights = np.empty(room, np.uint64), np.empty(room)
    a, c, crosses = 0, 0, 0
    for i in range(crossed):
        for j in range(other_codes.shape[0]):
            value = values[i] * other_values[j]
            if i > 0 and j >= other_crossed:
                break
            if i == 0 and other_columns <= j < other_columns + other_leading:
                continue
            code = pair(codes[i], other_codes[j])
            if i > 0 and j > 0:
                if code > limit or crosses == 2 * CROSSES:
                    continue
                crosses += 1
            if value == 0.0:
                continue
            if i < columns and j < other_columns:
                column = _column(keys, places, used, code, claims)
                if column >= 0:
                    cols[a], vals[a] = column, value
                    a += 1
                    continue
            hashes[c], weights[c] = code, value
            c += 1
    return cols[:a], vals[:a], hashes[:c], weights[:c]


@jit
def _column(keys, places, used, code, claims):  # type: ignore[no-untyped-def] # compiled
    """The column of a product, or -1."""
    i = place(keys, places, code)
    if places[i] == 0 and claims and used[0] < keys.shape[0]:
        keys[used[0]] = code
        used[0] += 1
        places[i] = used[0]
    return places[i] - 1
