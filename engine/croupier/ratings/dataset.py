"""Ratings: who gave what to which item, and when; from a file, or from a store."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from croupier.errors import InputError, storing
from croupier_policies import Vector
from croupier_storage import Kind, open_storage

ALIASES = {
    "user": ("user", "user_id", "userid", "unit", "visitor_id"),
    "item": ("item", "item_id", "itemid", "movie_id", "movieid", "product_id"),
    "value": ("value", "rating", "reward", "stars", "score"),
    "at": ("at", "timestamp", "time", "date"),
}


@dataclass(frozen=True, eq=False)
class Ratings:
    """Columns of equal length, (n,), and the least and the greatest value there can be."""

    users: NDArray[np.object_]
    items: NDArray[np.object_]
    values: Vector
    at: Vector
    low: float
    high: float

    def take(self, rows: NDArray[np.int64]) -> Ratings:
        """Some of the rows."""
        columns = {name: getattr(self, name)[rows] for name in ("users", "items", "values", "at")}
        return replace(self, **columns)

    def scaled(self) -> Vector:
        """The values between 0 and 1."""
        return np.asarray((self.values - self.low) / (self.high - self.low))

    def __len__(self) -> int:
        return len(self.values)


def ratings(
    users: list[str], items: list[str], values: list[float], at: list[float], span: tuple[float, float] | None = None
) -> Ratings:
    """Checked columns as ratings, in order of time; what is equal in time stays as it came.

    Args:
        users: Who.
        items: What.
        values: How much it was liked.
        at: When, in seconds.
        span: The least and the greatest value there can be; by default those that occur.

    Raises:
        InputError: Nothing, values or times that are not finite, values outside of the span, or all of them equal.

    >>> ratings(["u2", "u1"], ["x", "y"], [1.0, 5.0], [9.0, 3.0]).users.tolist()
    ['u1', 'u2']
    """
    worth, when = np.asarray(values, dtype=np.float64), np.asarray(at, dtype=np.float64)
    if not len(worth) or not np.isfinite(worth).all() or not np.isfinite(when).all():
        raise InputError("there are no ratings, or some have values or times that are not finite; leave those rows out")
    low, high = (float(worth.min()), float(worth.max())) if span is None else span
    if not low < high or worth.min() < low or worth.max() > high:
        raise InputError(f"the ratings do not vary within {low} to {high}: say what they can be")
    order = np.argsort(when, kind="stable")
    who, what = np.array(users, dtype=object), np.array(items, dtype=object)
    return Ratings(who[order], what[order], worth[order], when[order], low, high)


def from_file(path: Path, columns: Mapping[str, str] | None = None, span: tuple[float, float] | None = None) -> Ratings:
    """The ratings of a file of comma- or tab-separated values with a line of names.

    Args:
        path: The file; tabs are told from commas by its first line.
        columns: By role (user, item, value, at), the column; by default found by usual names, of which a `:type` at
            the end is not part. Without times the order of the file is that of time.
        span: See `ratings`.

    Raises:
        InputError: A column is not there, or a value is no number.
    """
    with path.open(newline="") as file:
        first = file.readline()
        file.seek(0)
        rows = csv.DictReader(file, delimiter="\t" if "\t" in first else ",")
        names = _assigned(list(rows.fieldnames or ()), columns or {})
        found: dict[str, list[str]] = {role: [] for role in names}
        for row in rows:
            for role, name in names.items():
                found[role].append(row[name])
    numbers = {role: _numbers(found[role], role) for role in ("value", "at") if role in found}
    at = numbers.get("at", [float(k) for k in range(len(found["user"]))])
    return ratings(found["user"], found["item"], numbers["value"], at, span)


def _assigned(present: list[str], given: Mapping[str, str]) -> dict[str, str]:
    """By role, the column."""
    if unknown := set(given) - set(ALIASES):
        raise InputError(f"no column can be the {sorted(unknown)[0]!r}; there are {', '.join(ALIASES)}")
    plain = {name.partition(":")[0].lower(): name for name in present}
    found = {}
    for role, usual in ALIASES.items():
        name = next((plain[alias] for alias in usual if alias in plain), None)
        if role in given:
            name = given[role] if given[role] in present else None
        if name is not None:
            found[role] = name
        elif role in given or role != "at":
            wanted = given.get(role) or " or ".join(usual)
            raise InputError(f"no column {wanted} for the {role}; there are {', '.join(present)}: name it, {role}=NAME")
    return found


def _numbers(texts: list[str], role: str) -> list[float]:
    try:
        return [float(text) for text in texts]
    except (TypeError, ValueError) as error:
        raise InputError(f"a {role} in the file is no number: {error}") from error


def from_store(
    url: str, kind: str | None = None, attribute: str = "stars", progress: Callable[[int, int], None] | None = None
) -> Ratings:
    """The ratings of a store: what every decision with a unit earned first, or its observations of a kind.

    Args:
        url: The store; it is read only.
        kind: Of observations, for example "rate"; by default rewards are taken.
        attribute: Of those observations, the number that is the rating.
        progress: Called with (position, head) now and then.

    Raises:
        InputError: There are none.
        StoreError: The store cannot be read.
    """
    from croupier.state.features.observation import decode

    kinds = [Kind.DECISION.value, Kind.REWARD.value] if kind is None else [Kind.OBSERVATION.value]
    shown: dict[int, tuple[str, str]] = {}
    rows: list[tuple[str, str, float, float]] = []
    with storing(), open_storage(url, create=False, read_only=True) as storage:
        head = storage.head()
        for fact in storage.facts(kinds=kinds):
            if fact.kind == Kind.DECISION and fact.unit is not None and fact.action is not None:
                shown[fact.position] = fact.unit, fact.action
            elif fact.kind == Kind.REWARD and (pair := shown.pop(fact.decision or 0, None)) is not None:
                rows.append((*pair, fact.reward or 0.0, fact.at))
            elif fact.kind == Kind.OBSERVATION and fact.unit is not None:
                said = decode(fact.body)
                value = said.attributes.get(attribute)
                if said.kind == kind and said.item is not None and isinstance(value, float):
                    rows.append((fact.unit, said.item, value, fact.at))
            if progress is not None and fact.position % 4096 == 0:
                progress(fact.position, head)
    users, items, values, at = zip(*rows, strict=True) if rows else ((), (), (), ())
    return ratings(list(users), list(items), list(values), list(at))
