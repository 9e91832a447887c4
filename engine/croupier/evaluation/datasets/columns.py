"""The roles of the columns of a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.datasets.base import Batch, Mask, Rounds
from croupier.evaluation.datasets.delimited import duplicates
from croupier.evaluation.datasets.rounds import from_features, from_json
from croupier_policies import Vector

#: The names under which a column is recognised by default, in order of preference.
ALIASES = {
    "reward": ("reward", "click", "r"),
    "propensity": ("propensity", "propensity_score", "pscore", "probability", "p"),
    "action": ("action", "item_id", "arm", "a"),
    "candidates": ("candidates", "n_actions", "k"),
    "at": ("at", "timestamp", "time"),
    "event": ("event_id", "eventid", "decision_id"),
    "p_drop": ("p_drop", "pdrop"),
    "status": ("reward_status",),
    "context": ("context_json",),
    "actions": ("actions_json",),
}


def assign_roles(present: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """The column of each role: the reward, the propensity, and the other columns of a `Batch`.

    Args:
        present: The columns of the table.
        given: By role, the column named by the caller.

    Raises:
        EvidenceError: A named column, the reward or the propensity is absent.
        InputError: A role is unknown, or two columns have its name.

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
                f"no column is called {' or '.join(ALIASES[role])}: name the column of the {role}, {role}=NAME "
                f"(--column {role}=NAME); there are {', '.join(present)}"
            )
    if found["event"] is None and {"id", "reward_status"} <= set(present):
        found["event"] = "id"  # an export of a store; in other tables, an `id` may be that of anything
    if twice := duplicates(present) & {name for name in found.values() if name is not None}:
        raise InputError(f"there are two columns {sorted(twice)[0]!r}, and only one of them can be meant; rename one")
    return {role: name for role, name in found.items() if name is not None}


@dataclass(frozen=True)
class Layout:
    """The layout of a table.

    Attributes:
        columns: By role the column; by default the one with a usual name.
        candidates: K, where no column has it.
        features: The columns that form the context, for policies to be replayed.
        actions: The candidates, the same in every row, for policies to be replayed.

    Raises:
        InputError: `candidates` is not a positive whole number, or features or actions are a single string.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    candidates: int | None = None
    features: Sequence[str] = ()
    actions: Sequence[str] = ()

    def __post_init__(self) -> None:
        k = self.candidates
        if k is not None and (isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k < 1 << 53):
            raise InputError(f"candidates is {k!r}; give the number of candidate actions of every row")
        for name in ("features", "actions"):
            if isinstance(getattr(self, name), str):
                raise InputError(f"{name} is a single string; give a list, [{getattr(self, name)!r}]")

    def roles(self, present: Sequence[str]) -> dict[str, str]:
        """The column of each role, among those present. Raises EvidenceError, InputError."""
        absent = [name for name in self.features if name not in present]
        if absent:
            raise EvidenceError(f"there is no column {absent[0]!r}; there are {', '.join(present)}")
        if twice := duplicates(present) & set(self.features):
            raise InputError(f"there are two columns {sorted(twice)[0]!r}; rename one")
        return assign_roles(present, self.columns)

    def batch(
        self,
        table: Mapping[str, NDArray[Any]],
        roles: Mapping[str, str],
        number: NDArray[np.int64] | None = None,
        decimal: str = ".",
    ) -> Batch:
        """The columns of a table as a batch; those without a role under their own names, and not parsed.

        Args:
            table: The columns by name.
            roles: By role the name of its column.
            number: The number of each row in its source.
            decimal: The mark before the decimals in numbers that are text.
        """
        columns = {role: table[name] for role, name in roles.items()}
        invalid: dict[str, tuple[Mask, NDArray[Any]]] = {}

        def numbers(role: str, required: bool = True) -> Vector:
            values, missing, wrong = parse_numbers(columns[role], roles[role], decimal, booleans=role == "reward")
            invalid[f"the {role} is not a number"] = wrong | missing if required else wrong, columns[role]
            return values

        action = to_labels(columns["action"], roles["action"]) if "action" in columns else None
        if action is not None and self.actions:
            outside = ~np.isin(action, np.array(self.actions, dtype=np.str_))
            invalid["the action is not among the candidates"] = outside, action
        p, reward = numbers("propensity"), numbers("reward", required=False)
        candidates, drop = (numbers(role) if role in columns else None for role in ("candidates", "p_drop"))
        if candidates is None and (known := self.candidates or len(self.actions)):
            candidates = np.full(len(p), float(known))
        status = columns.get("status")
        return Batch(
            reward=reward,
            propensity=p,
            action=action,
            candidates=candidates,
            at=to_seconds(columns["at"]) if "at" in columns else None,
            subsampling=None if drop is None else _subsampling(drop),
            status=None if status is None else to_labels(status, roles["status"]),
            rounds=None if action is None else self._rounds(table, columns, action, p),
            others={name: column for name, column in table.items() if name not in roles.values() or name == "id"},
            event=to_labels(columns["event"], roles["event"]) if "event" in columns else None,
            number=number,
            invalid={reason: each for reason, each in invalid.items() if each[0].any()},
        )

    def _rounds(
        self,
        table: Mapping[str, NDArray[Any]],
        columns: Mapping[str, NDArray[Any]],
        action: NDArray[np.str_],
        propensity: Vector,
    ) -> Rounds | None:
        if self.features and self.actions:
            return from_features({name: table[name] for name in self.features}, self.actions, action, propensity)
        if "context" in columns and "actions" in columns:
            return from_json(columns["context"], columns["actions"], action, propensity)
        return None


def _subsampling(drop: Vector) -> Vector | None:
    """1/(1 − p_drop); NaN where p_drop is not in [0, 1), None where none was dropped."""
    within = (drop >= 0.0) & (drop < 1.0)
    return None if not drop.any() else 1.0 / (1.0 - np.where(within, drop, np.nan))


_MISSING = frozenset({"", "nan", "none", "null", "na", "n/a", "<na>", "nat"})
_DECIMAL_COMMA = re.compile(r"\s*([+-]?\d*),(\d+([eE][+-]?\d+)?)\s*")
_NOT_NUMBERS = {"M": "dates", "m": "durations", "c": "complex numbers", "V": "records"}


def parse_numbers(
    column: NDArray[Any], name: str, decimal: str = ".", booleans: bool = True
) -> tuple[Vector, Mask, Mask]:
    """A column as float64, NaN where it has no number; where a value is missing; and where one is not a number.

    Args:
        column: Numbers, or text.
        name: Its name, for messages.
        decimal: The mark before the decimals of numbers that are text.
        booleans: Whether true is 1 and false is 0, also as text.

    Raises:
        InputError: The column has dates, durations or booleans, of which none can be a number.

    >>> values, missing, wrong = parse_numbers(np.array(["1", "", "True", "soon"]), "reward")
    >>> values.tolist(), missing.tolist(), wrong.tolist()
    ([1.0, nan, 1.0, nan], [False, True, False, False], [False, False, False, True])
    """
    kind = column.dtype.kind
    if kind in _NOT_NUMBERS or (kind == "b" and not booleans):
        raise InputError(f"the column {name!r} holds {_NOT_NUMBERS.get(kind, 'booleans')}, not numbers")
    if kind in "biuf" or (kind == "U" and decimal == "."):
        try:
            values = column.astype(np.float64)
        except ValueError:
            pass  # text that is not a number somewhere
        else:
            return values, np.isnan(values), np.zeros(len(values), dtype=bool)
    found = [_number(value, decimal, booleans) for value in column.tolist()]
    values = np.array([np.nan if value is None else value for value in found], dtype=np.float64)
    wrong = np.array([value is None for value in found], dtype=bool)
    return values, np.isnan(values) & ~wrong, wrong


def _number(value: object, decimal: str, booleans: bool) -> float | None:
    """The number, NaN where the value is missing, None where it is not a number."""
    if isinstance(value, str | bytes):
        text = (value.decode("utf-8", "replace") if isinstance(value, bytes) else value).strip()
        low = text.lower()
        if low in _MISSING:
            return float("nan")
        if booleans and low in ("true", "false"):
            return float(low == "true")
        if decimal == "," and (match := _DECIMAL_COMMA.fullmatch(text)):
            text = f"{match[1]}.{match[2]}"
        value = text.replace("_", "x")  # Python reads 1_000
    elif value is None or type(value).__name__ in ("NAType", "NaTType"):
        return float("nan")
    elif isinstance(value, bool):
        return float(value) if booleans else None
    try:
        return float(value)  # type: ignore[arg-type] # whatever has no float is not a number
    except (TypeError, ValueError, OverflowError):
        return None


def to_labels(column: NDArray[Any], name: str = "action") -> NDArray[np.str_]:
    """A column as text: whole numbers without decimals, missing values as empty text.

    Raises:
        InputError: The column has records.

    >>> to_labels(np.array([1.0, 2.0, np.nan])).tolist(), to_labels(np.array(["a", None], dtype=object)).tolist()
    (['1', '2', ''], ['a', ''])
    """
    kind = column.dtype.kind
    if kind == "V":
        raise InputError(f"the column {name!r} holds records, not names")
    if kind in "Uiu":
        return column.astype(np.str_)
    return np.array([_label(value) for value in column.tolist()], dtype=np.str_)


def _label(value: object) -> str:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, float):
        return "" if value != value else str(int(value)) if value.is_integer() and abs(value) < 1e16 else str(value)
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def to_seconds(column: NDArray[Any]) -> Vector:
    """Times as seconds since 1970, from numbers, numpy dates or ISO text; NaN for any other value.

    >>> to_seconds(np.array(["60.5", "1970-01-01 00:02", "soon"])).tolist()
    [60.5, 120.0, nan]
    """
    kind = column.dtype.kind
    if kind == "M":
        return np.where(np.isnat(column), np.nan, column.astype("datetime64[us]").astype(np.int64) / 1e6)
    if kind in "iuf":
        return column.astype(np.float64)
    if kind not in "UOS":
        return np.full(len(column), np.nan)
    values, _, wrong = parse_numbers(column, "at", booleans=False)
    for row in np.flatnonzero(wrong).tolist():
        values[row] = parse_time(column[row])
    return values


def parse_time(text: object) -> float:
    """Seconds since 1970 of an ISO text, UTC where it has no zone; NaN where it is not ISO.

    >>> parse_time("1970-01-01T00:01:00.5000000Z"), parse_time("soon")
    (60.5, nan)
    """
    try:
        read = datetime.fromisoformat(str(text).strip())
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return float("nan")
