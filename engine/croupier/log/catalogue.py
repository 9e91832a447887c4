"""Catalogues: large sets of candidates that are checked, encoded and stored once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier.errors import InputError
from croupier.log import encoding
from croupier.log.encoding import EncodedActions
from croupier_policies import Actions, Row
from croupier_policies.base import RemainingActions


class Catalogue:
    """An immutable set of items with their features, passed to `choose` or `recommend` instead of a list of actions.

    A catalogue is encoded once and stored once, under its version. A decision logs the version, the ids of excluded
    items, and the propensity of the drawn item. A changed catalogue is a new object with another version.

    Args:
        ids: The ids of the K items, without duplicates.
        features: An array (K, d), or K mappings or arrays, one for each item; None for items without features. See
            `Engine.choose` for the values that a row may have.

    Attributes:
        ids: The ids of the items.
        version: The hexadecimal digest of ids and features, under which the store has them.

    Raises:
        InputError: There are no ids, an id occurs twice, a feature is not finite, or the encoding is too large.

    >>> catalogue = Catalogue(["film", "book"], [[1.0, 0.5], [0.0, 2.0]])
    >>> len(catalogue), catalogue.version[:8]
    (2, '6e81c93c')
    """

    def __init__(self, ids: Iterable[str], features: NDArray[Any] | Sequence[Any] | None = None) -> None:
        ids = tuple(ids)
        rows = None if features is None else _canonical_rows(ids, features)
        if rows is not None and isinstance(rows[0], np.ndarray):
            self._encoded = encoding.encode_matrix(ids, rows)
        else:
            self._encoded = encoding.encode_actions(ids, rows, encoding.MAX_CATALOGUE_BYTES)
        self.ids, self.version = ids, self._encoded.digest.hex()
        self._indices = {id: index for index, id in enumerate(ids)}

    @classmethod
    def of(cls, items: Mapping[str, Any]) -> Catalogue:
        """The catalogue of a mapping from ids to features.

        >>> Catalogue.of({"film": {"price": 2.5}, "book": {"price": 1.0}}).ids
        ('film', 'book')
        """
        return cls(items, list(items.values()))

    @property
    def actions(self) -> Actions:
        """The items as policies get them."""
        return self._encoded.actions

    def encode(self, exclude: Collection[str] = ()) -> EncodedActions:
        """The encoded items without some of them; unknown ids in `exclude` are ignored."""
        return self._encoded.excluding(self._indices[id] for id in exclude if id in self._indices)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Catalogue({len(self)} items, version {self.version})"


def _canonical_rows(ids: tuple[str, ...], features: Any) -> tuple[Row, ...]:
    if len(features) != len(ids):
        raise InputError(
            f"the catalogue has {len(ids)} ids but {len(features)} rows of features; give one row for each item"
        )
    rows = [
        encoding.canonical({} if row is None else row, f"catalogue[{id!r}]")
        for id, row in zip(ids, features, strict=True)
    ]
    for row in rows:
        if isinstance(row, np.ndarray):
            row.flags.writeable = False
    return tuple(rows)


def remainder(actions: Actions, exclude: Collection[str]) -> Actions:
    """The candidates of a decision that excluded some items of a catalogue."""
    indices = {id: index for index, id in enumerate(actions.ids)} if len(exclude) > 8 else None
    find = actions.ids.index if indices is None else indices.__getitem__
    return RemainingActions(actions, [find(id) for id in exclude])
