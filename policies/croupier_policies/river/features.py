"""Rows as the flat dicts of named features that River takes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from croupier_policies.base import Actions, Row
from croupier_policies.encoding.flat import flat_row

ACTION = "action"


@lru_cache(maxsize=64)
def _names(size: int, prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}{i}" for i in range(size))


def named_features(row: Row, prefix: str = "") -> dict[str, float | str]:
    """A row as a new flat dict of features (see `flat_row`); the i-th number of an array is named str(i).

    Args:
        row: A mapping by name, or an array of shape (d,).
        prefix: Prepended to every name.

    >>> named_features(np.array([0.5, 2.0]), "a.")
    {'a.0': 0.5, 'a.1': 2.0}
    """
    flat = flat_row(row)
    if isinstance(flat, np.ndarray):
        return dict(zip(_names(len(flat), prefix), flat.tolist(), strict=True))
    return {prefix + name: value for name, value in flat.items()} if prefix else dict(flat)


def flat_features(context: dict[str, float | str], actions: Actions, index: int) -> dict[str, float | str]:
    """The input of a user's own River model: one dict of the context's and the action's features.

    "action" is the action's id, and "action.<name>" each of its features. They take precedence over context features of
    the same name.

    >>> flat_features({"hour": 14.0}, Actions(("sale", "new"), ({"price": 9.0}, {"price": 5.0})), 1)
    {'hour': 14.0, 'action': 'new', 'action.price': 5.0}
    """
    own = named_features(actions.rows[index], ACTION + ".") if actions.rows else {}
    return {**context, ACTION: actions.ids[index], **own}
