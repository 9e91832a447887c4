"""The features of all candidates, packed once a candidate set."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier_policies.base import Actions, Row, Vector
from croupier_policies.encoding.arena import Arena
from croupier_policies.encoding.mixed import MixedEncoder
from croupier_policies.kernels import blocks
from croupier_policies.kernels import encoding_mixed as kernels

PER_ROW = 512  # bytes of the objects that hold a packed row


class PackedItems(NamedTuple):
    """Packed rows one after the other; see `kernels.encoding_mixed`.

    Attributes:
        integers: Of all rows.
        floats: Of all rows.
        starts: Where each row begins in both, and where the last one ends, (K + 1, 2).
        coordinates: Of the blocks of each row, (K, R).
    """

    integers: NDArray[np.int64]
    floats: Vector
    starts: NDArray[np.int64]
    coordinates: Vector


class _Packed(NamedTuple):
    """The packed features of one action; `row` keeps the object alive by whose identity it is found."""

    row: Row
    integers: NDArray[np.int64]
    floats: Vector
    coordinates: Vector


class ItemPacker:
    """Packs the features of candidate sets; a row is packed again when a column is new or a basis has turned.

    Args:
        memory: Of the statistics of features.
        encoder: Of features.
        max_bytes: The memory limit of packed rows.
    """

    def __init__(self, memory: Arena, encoder: MixedEncoder, max_bytes: int) -> None:
        self._memory, self._encoder, self._max_bytes = memory, encoder, max_bytes
        self._version: tuple[float, ...] = ()
        self._rows: dict[int, _Packed] = {}
        self._sets: OrderedDict[Actions, PackedItems] = OrderedDict()
        self._bytes = 0

    def pack(self, actions: Actions) -> PackedItems | None:
        """The packed features of the candidates; None if they have none."""
        if actions.rows is None:
            return None
        version = *self._encoder.version, float(blocks.turns(*self._memory.arrays))
        if version != self._version:
            self._forget()
            self._version = version
        if (found := self._sets.get(actions)) is None:
            found = self._sets[actions] = self._joined([self._packed(row) for row in actions.rows])
            self._bytes += sum(array.nbytes for array in found)
            if self._bytes > self._max_bytes:
                self._forget()
        return found

    def _forget(self) -> None:
        self._rows.clear()
        self._sets.clear()
        self._bytes = 0

    def _packed(self, row: Row) -> _Packed:
        found = self._rows.get(id(row))
        if found is None:
            packed = self._encoder.pack(row)
            found = self._rows[id(row)] = _Packed(row, *packed, kernels.coordinates(*self._memory.arrays, *packed))
            self._bytes += PER_ROW + sum(array.nbytes for array in found[1:])
        return found

    @staticmethod
    def _joined(rows: Sequence[_Packed]) -> PackedItems:
        sizes = [(0, 0), *((row.integers.shape[0], row.floats.shape[0]) for row in rows)]
        return PackedItems(
            np.concatenate([row.integers for row in rows]),
            np.concatenate([row.floats for row in rows]),
            np.cumsum(np.array(sizes, np.int64), axis=0),
            np.stack([row.coordinates for row in rows]),
        )
