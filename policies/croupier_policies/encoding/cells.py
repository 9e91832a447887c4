"""Posterior cells by hashed feature and group of actions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from croupier_policies.base import State
from croupier_policies.errors import ForgedState
from croupier_policies.kernels import cells as kernels
from croupier_policies.kernels import two_part

MAX_CELLS = 1 << 20
FEWEST_PLACES = 1 << 12
GROWTH = 512  # cells at a time, or an eighth of all


class CellTable:
    """A table of cells, which grows; see `kernels.cells`.

    Args:
        members: Of the model; each has three numbers in every lane of a cell.
        max_bytes: The memory limit.
    """

    def __init__(self, members: int, max_bytes: int) -> None:
        self._members, self._width = members, kernels.LANES * (two_part.PER_MEMBER * members + 1)
        self._size = max(min(max_bytes // (8 * self._width + 32), MAX_CELLS), 8)
        self._allocate()

    def _allocate(self) -> None:
        self.cells = np.zeros((1, self._width))
        self._keys, self._groups = np.zeros(1, np.uint64), np.zeros(1, np.int64)
        self._used = np.array([0, 0, self._size])  # cells in use, features that had to share one, most cells
        self._place(FEWEST_PLACES)

    def _place(self, count: int) -> None:
        """A table of so many places: small ones stay in the processor's cache."""
        self._places = np.zeros(count, np.int32)
        kernels.rebuild(self._keys, self._places, self._used)
        self.arrays = self.cells, self._keys, self._places, self._used, self._groups

    def reserve(self, count: int) -> None:
        """Make room for so many more cells, and in the table, so that it is at most half full."""
        needed = min(self.used + count, self._size)
        if needed > self._keys.shape[0]:
            room = min(needed + max(GROWTH, needed // 8), self._size)
            # the system moves pages rather than bytes where it can: growing takes as long as what is new
            self.cells.resize((room, self._width), refcheck=False)
            self._keys.resize(room, refcheck=False)
            self._groups.resize(room, refcheck=False)
            self.arrays = self.cells, self._keys, self._places, self._used, self._groups
        if 2 * needed > self._places.shape[0]:
            self._place(1 << (4 * needed - 1).bit_length())

    @property
    def used(self) -> int:
        """Cells in use."""
        return int(self._used[0])

    @property
    def shared(self) -> int:
        """How often a feature had to share a cell with others for lack of room."""
        return int(self._used[1])

    def find(self, hashes: NDArray[np.uint64], slot: int) -> list[int]:
        """The cell of every feature with an action, -1 for none, and for an action in slot -1."""
        group = slot >> two_part.SHIFT
        return [
            int(kernels.find(self._keys, self._places, self._used, code, group)) if slot != -1 else -1
            for code in hashes
        ]

    def claim(self, hashes: NDArray[np.uint64], slot: int) -> NDArray[np.int64]:
        """The cell of every feature with an action, new ones where there are none; -1 without room."""
        claimed: NDArray[np.int64] = two_part.claim_all(self.arrays, hashes, slot)
        return claimed

    def forget(self, retain: float, slot: int) -> None:
        """Discount the cells of an action, or of all (-1)."""
        two_part.forget_cells(self.cells, self._used, self._groups, self._members, retain, slot)

    def state(self) -> State:
        """The cells in use."""
        arrays = {"cells": self.cells, "keys": self._keys, "groups": self._groups}
        return {name: array[: self.used].copy() for name, array in arrays.items()} | {"shared": self.shared}

    def restore(self, state: State) -> None:
        """Replace the cells by those of a `state()`. Raises ForgedState."""
        cells, keys, groups = (np.asarray(state[name]) for name in ("cells", "keys", "groups"))
        count = keys.shape[0]
        sound = (
            cells.dtype == np.float64
            and keys.dtype == np.uint64
            and groups.dtype == np.int64
            and (cells.shape, groups.shape, keys.ndim) == ((count, self._width), (count,), 1)
            and count <= self._size
            and np.unique(keys).shape[0] == count
            and bool(np.isfinite(cells).all())
        )
        if not sound:
            raise ForgedState("the state of a table of cells has another form; nothing was restored")
        self._allocate()
        self.reserve(count)
        self.cells[:count], self._keys[:count], self._groups[:count] = cells, keys, groups
        self._used[:2] = count, state["shared"]
        self._place(max(FEWEST_PLACES, 1 << (4 * count).bit_length()))


class Products:
    """The products of a context's and an action's columns that have a column themselves; see `kernels.crossing`.

    Args:
        size: The largest number of columns.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._set(np.zeros(0, np.uint64))

    def _set(self, keys: NDArray[np.uint64]) -> None:
        count = keys.shape[0]
        self._keys = np.zeros(self.size, np.uint64)
        self._keys[:count] = keys
        self._places = np.zeros(1 << (2 * self.size).bit_length(), np.int32)
        self._used = np.array([count, 0, self.size])
        kernels.rebuild(self._keys, self._places, self._used)
        self.arrays = self._keys, self._places, self._used

    @property
    def used(self) -> int:
        """Columns in use."""
        return int(self._used[0])

    def state(self) -> State:
        """The hashes of the products, in the order of their columns."""
        return {"keys": self._keys[: self.used].copy()}

    def restore(self, state: State) -> None:
        """Replace the products by those of a `state()`. Raises ForgedState."""
        keys = np.asarray(state["keys"])
        if keys.dtype != np.uint64 or keys.ndim != 1 or not len(np.unique(keys)) == len(keys) <= self.size:
            raise ForgedState("the products of a mixed model have another form; nothing was restored")
        self._set(keys)
