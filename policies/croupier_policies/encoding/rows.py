"""Joins a context and an action's features into one flat row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from croupier_policies.base import Actions, Row
from croupier_policies.encoding.flat import FlatRow, flat_row


def join_rows(context: Row, actions: Actions) -> Sequence[FlatRow]:
    """One row for all actions if they have no features, else one row per action."""
    flat = flat_row(context)
    return (flat,) if actions.rows is None else [_join(flat, flat_row(row)) for row in actions.rows]


def join_row(context: Row, actions: Actions, index: int) -> FlatRow:
    """The row of one action."""
    flat = flat_row(context)
    return flat if actions.rows is None else _join(flat, flat_row(actions.rows[index]))


def _join(context: FlatRow, features: FlatRow) -> FlatRow:
    """The names of an action's features get a prefix, so that they cannot collide with the context's."""
    if isinstance(context, np.ndarray) and isinstance(features, np.ndarray):
        return np.concatenate([context, features])
    return _with_prefix(context, "") | _with_prefix(features, "action.")


def _with_prefix(row: FlatRow, prefix: str) -> dict[str, float | str]:
    if isinstance(row, np.ndarray):
        return {f"{prefix}{i}": float(value) for i, value in enumerate(row)}
    return {prefix + name: value for name, value in row.items()} if prefix else dict(row)
