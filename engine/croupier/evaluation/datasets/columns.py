"""The roles of the columns of a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.datasets.base import Batch
from croupier.evaluation.datasets.rounds import Rounds, from_features, from_json
from croupier_policies import Vector

#: The names under which a column is recognised by default, in order of preference.
ALIASES = {
    "reward": ("reward", "click", "r"),
    "propensity": ("propensity", "propensity_score", "pscore", "probability", "p"),
    "action": ("action", "item_id", "arm", "a"),
    "candidates": ("candidates", "n_actions", "k"),
    "at": ("at", "timestamp", "time"),
    "p_drop": ("p_drop", "pdrop"),
    "status": ("reward_status",),
    "context": ("context_json",),
    "actions": ("actions_json",),
}


def assign_roles(present: Collection[str], given: Mapping[str, str]) -> dict[str, str]:
    """The column of each role: the reward, the propensity, and the other columns of a `Batch`.

    Args:
        present: The columns of the table.
        given: By role, the column named by the caller.

    Raises:
        EvidenceError: A named column, the reward or the propensity is absent.
        InputError: A role is unknown.

    >>> assign_roles(["click", "propensity_score", "x"], {})
    {'reward': 'click', 'propensity': 'propensity_score'}
    """
    unknown = [role for role in given if role not in ALIASES]
    if unknown:
        raise InputError(f"there is no role {unknown[0]!r}; there are {', '.join(ALIASES)}")
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
                f"no column is called {' or '.join(ALIASES[role])}: name the column of the {role}, column={role}=NAME; "
                f"there are {', '.join(present)}"
            )
    return {role: name for role, name in found.items() if name is not None}


@dataclass(frozen=True)
class Layout:
    """The layout of a table.

    Attributes:
        columns: By role the column; by default the one with a usual name.
        candidates: K, where no column has it.
        features: The columns that form the context, for policies to be replayed.
        actions: The candidates, the same in every row, for policies to be replayed.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    candidates: int | None = None
    features: Sequence[str] = ()
    actions: Sequence[str] = ()

    def roles(self, present: Collection[str]) -> dict[str, str]:
        """The column of each role, among those present. Raises EvidenceError, InputError."""
        absent = [name for name in self.features if name not in present]
        if absent:
            raise EvidenceError(f"there is no column {absent[0]!r}; there are {', '.join(present)}")
        return assign_roles(present, self.columns)

    def batch(self, table: Mapping[str, NDArray[np.generic]], roles: Mapping[str, str]) -> Batch:
        """The columns of a table as a batch; those without a role under their own names."""
        columns = {role: table[name] for role, name in roles.items()}
        drop, status = columns.get("p_drop"), columns.get("status")
        action = columns["action"].astype(np.str_) if "action" in columns else None
        if action is not None and self.actions:
            _check_candidates(action, self.actions)
        p = to_floats(columns["propensity"], roles["propensity"])
        return Batch(
            reward=to_floats(columns["reward"], roles["reward"]),
            propensity=p,
            action=action,
            candidates=self._candidates(columns, roles, len(p)),
            at=to_seconds(columns["at"]) if "at" in columns else None,
            subsampling=None if drop is None else _subsampling(to_floats(drop, roles["p_drop"])),
            status=None if status is None else status.astype(np.str_),
            rounds=None if action is None else self._rounds(table, columns, action, p),
            others={name: column for name, column in table.items() if name not in roles.values()},
        )

    def _candidates(
        self, columns: Mapping[str, NDArray[np.generic]], roles: Mapping[str, str], n: int
    ) -> Vector | None:
        if "candidates" in columns:
            return to_floats(columns["candidates"], roles["candidates"])
        known = self.candidates or len(self.actions)
        return np.full(n, float(known)) if known else None

    def _rounds(
        self,
        table: Mapping[str, NDArray[np.generic]],
        columns: Mapping[str, NDArray[np.generic]],
        action: NDArray[np.str_],
        propensity: Vector,
    ) -> Rounds | None:
        if self.features and self.actions:
            return from_features({name: table[name] for name in self.features}, self.actions, action, propensity)
        if "context" in columns and "actions" in columns:
            return from_json(columns["context"], columns["actions"], action, propensity)
        return None


def _check_candidates(action: NDArray[np.str_], candidates: Sequence[str]) -> None:
    """Raises EvidenceError where a logged action is not a candidate."""
    outside = ~np.isin(action, np.array(candidates, dtype=np.str_))
    if outside.any():
        some = ", ".join(map(repr, candidates[:5])) + (" …" if len(candidates) > 5 else "")
        raise EvidenceError(
            f"{int(outside.sum()):,} rows have an action that is not among the {len(candidates)} candidates ({some}), "
            f"{str(action[outside][0])!r} first, so no target could have chosen it; correct the candidates"
        )


def _subsampling(drop: Vector) -> Vector | None:
    """1/(1 − p_drop); None where none was dropped. Raises EvidenceError where p_drop is not in [0, 1)."""
    wrong = ~((drop >= 0.0) & (drop < 1.0))
    if wrong.any():
        raise EvidenceError(f"{int(wrong.sum()):,} rows have a p_drop outside [0, 1): {drop[wrong][0]:g}")
    return 1.0 / (1.0 - drop) if drop.any() else None


def to_floats(column: NDArray[np.generic], name: str) -> Vector:
    """A column as float64, an empty text as NaN. Raises EvidenceError where a value is not a number."""
    try:
        if column.dtype.kind in "UO":
            texts = ["nan" if value is None or value == "" else value for value in column.tolist()]
            return np.array(texts, dtype=np.float64)
        return column.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise EvidenceError(f"the column {name!r} holds a value that is not a number: {error}") from error


def to_seconds(column: NDArray[np.generic]) -> Vector:
    """Times as seconds since 1970, from numbers, numpy dates or ISO text; NaN for any other value."""
    if np.issubdtype(column.dtype, np.datetime64):
        return column.astype("datetime64[us]").astype(np.int64) / 1e6
    if np.issubdtype(column.dtype, np.number):
        return column.astype(np.float64)
    return np.array([parse_time(text) for text in column])


def parse_time(text: object) -> float:
    """Seconds since 1970 of an ISO text, UTC where it has no zone; NaN where it is not ISO.

    >>> parse_time("1970-01-01T00:01:00.5000000Z"), parse_time("soon")
    (60.5, nan)
    """
    try:
        read = datetime.fromisoformat(str(text))
    except ValueError:
        return float("nan")
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
