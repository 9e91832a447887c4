"""Which column of a table is what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.datasets.base import Batch
from croupier_policies import Vector

#: Under what names a column is recognised, the first that is there.
ALIASES = {
    "reward": ("reward", "click", "r"),
    "propensity": ("propensity", "propensity_score", "pscore", "probability", "p"),
    "action": ("action", "item_id", "arm", "a"),
    "candidates": ("candidates", "n_actions", "k"),
    "at": ("at", "timestamp", "time"),
    "p_drop": ("p_drop", "pdrop"),
}


def assigned(present: Collection[str], given: Mapping[str, str]) -> dict[str, str]:
    """Which column is the reward, which the propensity, and which the others that a `Batch` knows.

    Args:
        present: The columns of the table.
        given: By role, the column that the caller named.

    Raises:
        EvidenceError: A named column, the reward or the propensity is not there.
        InputError: There is no such role.

    >>> assigned(["click", "propensity_score", "x"], {})
    {'reward': 'click', 'propensity': 'propensity_score'}
    """
    unknown = [role for role in given if role not in ALIASES]
    if unknown:
        raise InputError(f"no column can be the {unknown[0]!r}; there are {', '.join(ALIASES)}")
    absent = [name for name in given.values() if name not in present]
    if absent:
        raise EvidenceError(f"there is no column {absent[0]!r}; there are {', '.join(present)}")
    found = {
        role: next((name for name in names if name in present), None) if role not in given else given[role]
        for role, names in ALIASES.items()
    }
    for role in ("reward", "propensity"):
        if found[role] is None:
            raise EvidenceError(
                f"no column is called {' or '.join(ALIASES[role])}: say which one is the {role}, column={role}=NAME; "
                f"there are {', '.join(present)}"
            )
    return {role: name for role, name in found.items() if name is not None}


def batch(table: Mapping[str, NDArray[np.generic]], roles: Mapping[str, str]) -> Batch:
    """Columns of a table as a batch; those without a role under their own names."""
    columns = {role: table[name] for role, name in roles.items()}
    others = {name: column for name, column in table.items() if name not in roles.values()}
    action, drop = columns.get("action"), columns.get("p_drop")
    return Batch(
        reward=numbers(columns["reward"], roles["reward"]),
        propensity=numbers(columns["propensity"], roles["propensity"]),
        action=None if action is None else action.astype(np.str_),
        candidates=numbers(columns["candidates"], roles["candidates"]) if "candidates" in columns else None,
        at=seconds(columns["at"]) if "at" in columns else None,
        copies=None if drop is None else 1.0 / (1.0 - numbers(drop, roles["p_drop"])),
        others=others,
    )


def numbers(column: NDArray[np.generic], name: str) -> Vector:
    """A column as float64. Raises EvidenceError where it holds what is no number."""
    try:
        return column.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise EvidenceError(f"the column {name!r} holds what is no number: {error}") from error


def seconds(column: NDArray[np.generic]) -> Vector:
    """Times as seconds since 1970, from numbers, numpy dates or ISO text; NaN for what is none of them."""
    if np.issubdtype(column.dtype, np.datetime64):
        return column.astype("datetime64[us]").astype(np.int64) / 1e6
    if np.issubdtype(column.dtype, np.number):
        return column.astype(np.float64)
    return np.array([moment(text) for text in column])


def moment(text: object) -> float:
    """Seconds since 1970 of an ISO text, UTC where it names no zone; NaN for what is none.

    >>> moment("1970-01-01T00:01:00.5000000Z"), moment("soon")
    (60.5, nan)
    """
    try:
        read = datetime.fromisoformat(str(text))
    except ValueError:
        return float("nan")
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
