"""Catalogues: large sets of candidates that are checked, encoded and stored once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, KeysView, Mapping, Sequence, Set
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier.errors import InputError
from croupier.log import encoding
from croupier.log.arguments import mapping
from croupier.log.canonical import canonical
from croupier.log.encoding import EncodedActions
from croupier.log.identifiers import action_id, action_ids, exclusions, shown
from croupier.log.limits import CATALOGUE, ITEMS
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
        if features is not None and isinstance(ids, Set) and not isinstance(ids, KeysView):
            raise InputError("the ids are a set, which has no order, but rows of features have one; give a list of ids")
        ids = tuple(map(action_id, action_ids(ids, ITEMS)))
        rows = None if features is None else _canonical_rows(ids, features)
        if rows and isinstance(rows[0], np.ndarray):
            self._encoded = encoding.encode_matrix(ids, rows)
        else:
            self._encoded = encoding.encode_actions(ids, rows, CATALOGUE)
        self.ids, self.version = ids, self._encoded.digest.hex()
        self._indices = {id: index for index, id in enumerate(ids)}

    @classmethod
    def of(cls, items: Mapping[str, Any]) -> Catalogue:
        """The catalogue of a mapping from ids to features.

        >>> Catalogue.of({"film": {"price": 2.5}, "book": {"price": 1.0}}).ids
        ('film', 'book')
        """
        pairs = list(mapping(items, "items").items())
        return cls([id for id, _ in pairs], [features for _, features in pairs])

    @property
    def actions(self) -> Actions:
        """The items as policies get them."""
        return self._encoded.actions

    def encode(self, exclude: Iterable[str] = ()) -> EncodedActions:
        """The encoded items without some of them; unknown ids in `exclude` are ignored.

        Raises:
            InputError: `exclude` is no collection of strings, or excludes all.
        """
        return self._encoded.excluding(self._indices[id] for id in exclusions(exclude) if id in self._indices)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Catalogue({len(self)} items, version {self.version})"


def _canonical_rows(ids: tuple[str, ...], features: Any) -> tuple[Row, ...]:
    if isinstance(features, str | bytes | Mapping | Set) or not isinstance(features, Iterable):
        raise InputError(
            f"the features are {shown(features)}; give an array (K, d), or one row for each item, in the order of the "
            "ids; a mapping from ids to features goes to `Catalogue.of`"
        )
    dimensions = getattr(features, "ndim", 1)
    if dimensions not in (1, 2) or (dimensions == 2 and not isinstance(features, np.ndarray)):
        raise InputError(
            f"the features are a {type(features).__name__} with {dimensions} dimensions; give an array (K, d), for "
            "example `frame.to_numpy()`, or one row for each item"
        )
    features = features if isinstance(features, np.ndarray) else list(islice(iter(features), ITEMS.maximum + 1))
    if len(features) != len(ids):
        raise InputError(
            f"the catalogue has {len(ids)} ids but {len(features)} rows of features; give one row for each item"
        )
    rows = [canonical({} if row is None else row, f"catalogue[{id!r}]") for id, row in zip(ids, features, strict=True)]
    for row in rows:
        if isinstance(row, np.ndarray):
            row.flags.writeable = False
    return tuple(rows)


def remainder(actions: Actions, exclude: Collection[str]) -> Actions:
    """The candidates of a decision that excluded some items of a catalogue."""
    indices = {id: index for index, id in enumerate(actions.ids)} if len(exclude) > 8 else None
    find = actions.ids.index if indices is None else indices.__getitem__
    return RemainingActions(actions, [find(id) for id in exclude])
