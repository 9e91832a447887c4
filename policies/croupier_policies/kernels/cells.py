"""Hash tables of posterior cells: one cell for each hashed feature and group of `LANES` actions that met in a reward.

The numbers of the actions of a group lie side by side, so that one probe and a few instructions serve all of them.
`table`, a power of two long, holds a cell's index + 1 where its key hashes to, or in the next free place; `keys[c]` is
the key of cell c. `used` counts the cells in use, the features that had to share one, and the most cells there may be.
Once ⅞ of those are in use, a new feature shares one of `FOLDS` cells a group with others; a feature that has its own
cell keeps it.
"""

from __future__ import annotations

import numpy as np

from croupier_policies.kernels.jit import jit

LANES = 8
SHARING, LIMIT = 1, 2  # of `used`
FOLDS = np.uint64(4095)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_A, _B, _C = np.uint64(30), np.uint64(27), np.uint64(31)


@jit
def mix(x):  # type: ignore[no-untyped-def] # compiled
    """Scramble 64 bits (the finaliser of SplitMix64, Steele, Lea & Flood 2014)."""
    x = (x ^ (x >> _A)) * _FIRST
    x = (x ^ (x >> _B)) * _SECOND
    return x ^ (x >> _C)


@jit
def pair(one, other):  # type: ignore[no-untyped-def] # compiled
    """The hash of an ordered pair of hashes."""
    return mix(one + _GOLDEN * mix(other + _GOLDEN))


@jit
def _key(feature, group):  # type: ignore[no-untyped-def] # compiled
    return mix(feature + _GOLDEN * np.uint64(group + 2))


@jit
def place(keys, table, key):  # type: ignore[no-untyped-def] # compiled
    """Where the key is, or the free place where it belongs."""
    mask = np.uint64(table.shape[0] - 1)
    i = key & mask
    while table[i] != 0 and keys[table[i] - 1] != key:
        i = (i + np.uint64(1)) & mask
    return i


@jit
def find(keys, table, used, feature, group):  # type: ignore[no-untyped-def] # compiled
    """The cell of a feature and a group, or -1."""
    cell = table[place(keys, table, _key(feature, group))] - 1
    if cell < 0 and 8 * used[0] >= 7 * used[LIMIT]:
        cell = table[place(keys, table, _key(feature & FOLDS, group))] - 1
    return cell


@jit
def claim(keys, table, used, feature, group):  # type: ignore[no-untyped-def] # compiled
    """The cell of a feature and a group, a new one if there is none; -1 where there is no room at all."""
    key = _key(feature, group)
    i = place(keys, table, key)
    if table[i] == 0 and 8 * used[0] >= 7 * used[LIMIT]:
        used[SHARING] += 1
        key = _key(feature & FOLDS, group)
        i = place(keys, table, key)
    if table[i] == 0:
        if used[0] == used[LIMIT]:
            return -1
        keys[used[0]] = key
        used[0] += 1
        table[i] = used[0]
    return table[i] - 1


@jit
def rebuild(keys, table, used):  # type: ignore[no-untyped-def] # compiled
    """Fill an empty table from the keys in use."""
    for c in range(used[0]):
        table[place(keys, table, keys[c])] = c + 1
