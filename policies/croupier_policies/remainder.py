"""What remains of a large set of candidates when a few are left out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from croupier_policies.base import Actions, Row


class Remainder(Actions):
    """A set of candidates but for some places, which costs memory for those places only.

    `ids` and `rows` are made when asked for, so that thousands of remembered decisions over a catalogue of thousands
    stay small. A policy that prepares something for `whole` finds there what it prepared.

    Args:
        whole: The set, itself no remainder.
        out: The places left out, in any order.

    >>> rest = Remainder(Actions(("a", "b", "c")), [1])
    >>> rest.ids, len(rest), rest.out
    (('a', 'c'), 2, (1,))
    """

    __slots__ = ("_out", "_whole")
    _whole: Actions
    _out: tuple[int, ...]

    def __init__(self, whole: Actions, out: Iterable[int]) -> None:
        object.__setattr__(self, "_whole", whole)  # frozen, as its base is
        object.__setattr__(self, "_out", tuple(sorted(out)))

    @property
    def whole(self) -> Actions:
        """The set."""
        return self._whole

    @property
    def out(self) -> tuple[int, ...]:
        """The places left out, ascending."""
        return self._out

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Which places of the whole are in it, (K,)."""
        mask = np.ones(len(self._whole), dtype=np.bool_)
        mask[list(self._out)] = False
        return mask

    @property
    def ids(self) -> tuple[str, ...]:
        """Those that are left."""
        return tuple(compress(self._whole.ids, self.kept.tobytes()))

    @property
    def rows(self) -> tuple[Row, ...] | None:
        """The features of those that are left."""
        rows = self._whole.rows
        return None if rows is None else tuple(compress(rows, self.kept.tobytes()))

    def __len__(self) -> int:
        return len(self._whole) - len(self._out)
