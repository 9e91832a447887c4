"""A context and an action's features as one row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from croupier_policies.base import Actions, Row


def joined(context: Row, actions: Actions) -> Sequence[Row]:
    """One row for all actions where they have no features, else one for each."""
    return (context,) if actions.rows is None else [_joined(context, row) for row in actions.rows]


def joined_one(context: Row, actions: Actions, index: int) -> Row:
    """The row of one action."""
    return context if actions.rows is None else _joined(context, actions.rows[index])


def _joined(context: Row, features: Row) -> Row:
    """The names of an action's features are marked, so that they cannot collide with the context's."""
    if isinstance(context, np.ndarray) and isinstance(features, np.ndarray):
        return np.concatenate([context, features])
    return _named(context, "") | _named(features, "action.")


def _named(row: Row, mark: str) -> dict[str, float | str]:
    if isinstance(row, np.ndarray):
        return {f"{mark}{i}": float(value) for i, value in enumerate(row)}
    return {mark + name: value for name, value in row.items()} if mark else dict(row)
