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
from croupier_policies.kernels import arena, blocks
from croupier_policies.kernels import encoding_mixed as kernels

MAX_SETS = 64  # candidate sets whose packed features are kept


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


class ItemPacker:
    """Packs the features of candidate sets; a set is packed again when a column is new or a basis has turned."""

    def __init__(self, memory: Arena, encoder: MixedEncoder) -> None:
        self._memory, self._encoder = memory, encoder
        self._sets: OrderedDict[Actions, tuple[tuple[float, ...], PackedItems]] = OrderedDict()

    def pack(self, actions: Actions) -> PackedItems | None:
        """The packed features of the candidates; None if they have none."""
        if actions.rows is None:
            return None
        version = *self._encoder.version, blocks.turns(*self._memory.arrays)
        cached = self._sets.get(actions)
        if cached is None or cached[0] != version:
            cached = self._sets[actions] = version, self._packed(actions.rows)
            if len(self._sets) > MAX_SETS:
                self._sets.popitem(last=False)
        return cached[1]

    def _packed(self, rows: Sequence[Row]) -> PackedItems:
        integers: list[int] = []
        floats: list[float] = []
        starts = [(0, 0)]
        for row in rows:
            self._encoder.write(row, integers, floats)
            starts.append((len(integers), len(floats)))
        packed = PackedItems(
            np.array(integers, np.int64),
            np.array(floats),
            np.array(starts, np.int64),
            np.empty((len(rows), int(self._memory.layout[arena.COORDINATES]))),
        )
        kernels.coordinates_of(*self._memory.arrays, *packed)
        return packed
