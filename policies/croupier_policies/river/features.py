"""Rows as the flat_features dicts of named_features features that River takes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from croupier_policies.base import Actions, Row

ACTION = "action"


@lru_cache(maxsize=64)
def _names(size: int, prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}{i}" for i in range(size))


def named_features(row: Row, prefix: str = "") -> dict[str, float | str]:
    """A row as a dict of features of its own; the i-th number of an array is called str(i).

    Args:
        row: a mapping of names, or an array of shape (d,).
        prefix: put before every name.

    >>> named_features(np.array([0.5, 2.0]), "a.")
    {'a.0': 0.5, 'a.1': 2.0}
    """
    if isinstance(row, np.ndarray):
        return dict(zip(_names(len(row), prefix), row.tolist(), strict=True))
    return {prefix + name: value for name, value in row.items()} if prefix else dict(row)


def flat_features(context: dict[str, float | str], actions: Actions, index: int) -> dict[str, float | str]:
    """What a user's own River model is given: one dict of the context's features and the action's.

    "action" is the action's id, and "action.<name>" each of its features. Where a context feature bears one of those
    names, the action's wins.

    >>> flat_features({"hour": 14.0}, Actions(("sale", "new"), ({"price": 9.0}, {"price": 5.0})), 1)
    {'hour': 14.0, 'action': 'new', 'action.price': 5.0}
    """
    own = named_features(actions.rows[index], ACTION + ".") if actions.rows else {}
    return {**context, ACTION: actions.ids[index], **own}
