"""Thousands of candidates, checked, encoded and hashed once."""

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
    """An immutable set of items with their features, given to `choose` or `recommend` in place of a list of actions.

    It is encoded once, and stored once, under its version; a decision logs the version, the ids left out, and the
    propensity of what was drawn. A changed catalogue is another object with another version.

    Args:
        ids: The items, each once.
        features: One row an item: an array (K, d), or K mappings; None for items without features. See `Engine.choose`
            for what a row may hold.

    Attributes:
        ids: The items.
        version: The hex digest of all of it, under which the store keeps it.

    Raises:
        InputError: An id twice or none at all, features that are not finite, or too many bytes.

    >>> catalogue = Catalogue(["film", "book"], [[1.0, 0.5], [0.0, 2.0]])
    >>> len(catalogue), catalogue.version[:8]
    (2, '6e81c93c')
    """

    def __init__(self, ids: Iterable[str], features: NDArray[Any] | Sequence[Any] | None = None) -> None:
        names = tuple(ids)
        rows = None if features is None else _rows(names, features)
        if rows is not None and isinstance(rows[0], np.ndarray):
            self._encoded = encoding.encode_matrix(names, rows)
        else:
            self._encoded = encoding.encode_actions(names, rows, encoding.MAX_CATALOGUE_BYTES)
        self.ids, self.version = names, self._encoded.digest.hex()
        self._places = {id: place for place, id in enumerate(names)}

    @classmethod
    def of(cls, items: Mapping[str, Any]) -> Catalogue:
        """The catalogue of a mapping from ids to features.

        >>> Catalogue.of({"film": {"price": 2.5}, "book": {"price": 1.0}}).ids
        ('film', 'book')
        """
        return cls(items, list(items.values()))

    @property
    def actions(self) -> Actions:
        """The items as policies see them."""
        return self._encoded.actions

    def encoded(self, without: Collection[str] = ()) -> EncodedActions:
        """What `choose` needs, some items left out; ids that are not in the catalogue are passed over."""
        return self._encoded.remaining(self._places[id] for id in without if id in self._places)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Catalogue({len(self)} items, version {self.version})"


def _rows(ids: tuple[str, ...], features: Any) -> tuple[Row, ...]:
    if len(features) != len(ids):
        raise InputError(f"the catalogue has {len(ids)} ids and {len(features)} rows of features; give one row an item")
    rows = [
        encoding.canonical({} if row is None else row, f"catalogue[{id!r}]")
        for id, row in zip(ids, features, strict=True)
    ]
    for row in rows:
        if isinstance(row, np.ndarray):
            row.flags.writeable = False
    return tuple(rows)


def part(actions: Actions, without: Collection[str]) -> Actions:
    """The candidates of a decision that left some out, as the log tells it."""
    places = {id: place for place, id in enumerate(actions.ids)} if len(without) > 8 else None
    find = actions.ids.index if places is None else places.__getitem__
    return RemainingActions(actions, [find(id) for id in without])
