"""Ratings of items by users, read from a file or from a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from croupier.errors import InputError, storing
from croupier.evaluation.datasets.base import SkippedRows
from croupier.evaluation.datasets.columns import parse_numbers, to_seconds
from croupier.evaluation.datasets.delimited import DelimitedText, TextFormat, duplicates
from croupier_policies import Vector
from croupier_storage import Fact, Kind, open_storage

ALIASES = {
    "user": ("user", "user_id", "userid", "unit", "visitor_id"),
    "item": ("item", "item_id", "itemid", "movie_id", "movieid", "product_id"),
    "value": ("value", "rating", "reward", "stars", "score"),
    "at": ("at", "timestamp", "time", "date"),
}

MAX_OUTSIDE = 0.01  # of the ratings: above it the declared range is wrong, below it the ratings


@dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings as columns of shape (n,), in order of time.

    Attributes:
        users: Who rated.
        items: What was rated.
        values: The rating.
        at: Time of the rating, in seconds.
        low: The smallest possible rating.
        high: The largest possible rating.
        skipped: The rows that were left out, by reason.
    """

    users: NDArray[np.object_]
    items: NDArray[np.object_]
    values: Vector
    at: Vector
    low: float
    high: float
    skipped: SkippedRows = field(default_factory=SkippedRows)

    def take(self, rows: NDArray[np.int64]) -> Ratings:
        """These rows, in this order."""
        columns = {name: getattr(self, name)[rows] for name in ("users", "items", "values", "at")}
        return replace(self, **columns)

    def scaled(self) -> Vector:
        """The values scaled to 0…1."""
        return np.asarray((self.values - self.low) / (self.high - self.low))

    def __len__(self) -> int:
        return len(self.values)


def build_ratings(
    users: Sequence[str],
    items: Sequence[str],
    values: Sequence[float],
    at: Sequence[float],
    rating_range: tuple[float, float] | None = None,
) -> Ratings:
    """Validated ratings in order of time; rows of equal time keep their order.

    Args:
        users: Who rated.
        items: What was rated.
        values: The rating.
        at: Time of the rating, in seconds.
        rating_range: The smallest and the largest possible rating; by default those that occur.

    Raises:
        InputError: There are no ratings, a value or time is not finite, or values are out of range or all equal.

    >>> build_ratings(["u2", "u1"], ["x", "y"], [1.0, 5.0], [9.0, 3.0]).users.tolist()
    ['u1', 'u2']
    """
    try:
        value_array, at_array = np.asarray(values, dtype=np.float64), np.asarray(at, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"values and times must be numbers: {error}") from error
    if (
        len({len(users), len(items), len(value_array), len(at_array)}) > 1
        or value_array.ndim != 1
        or at_array.ndim != 1
    ):
        raise InputError("users, items, values and times must be columns of one length")
    if not len(value_array):
        raise InputError("there are no ratings; give at least one")
    for name, column in (("value", value_array), ("time", at_array)):
        if len(wrong := np.flatnonzero(~np.isfinite(column))):
            raise InputError(f"the {name} of rating {wrong[0]} is {column[wrong[0]]}; leave such rows out")
    smallest, largest = float(value_array.min()), float(value_array.max())
    if rating_range is None and smallest == largest:
        raise InputError(
            f"all ratings are {smallest:g}, so they cannot be scaled to 0…1; give the range of possible ratings"
        )
    low, high = (smallest, largest) if rating_range is None else rating_range
    if not low < high:
        raise InputError(f"the range of ratings is from {low:g} to {high:g}; give the smaller one first")
    if not low <= smallest <= largest <= high:
        raise InputError(
            f"the ratings are from {smallest:g} to {largest:g}, and their range was given as {low:g} to {high:g}; give "
            "the range of possible ratings"
        )
    order = np.argsort(at_array, kind="stable")
    user_array, item_array = np.array(users, dtype=object), np.array(items, dtype=object)
    return Ratings(user_array[order], item_array[order], value_array[order], at_array[order], low, high)


def from_file(
    path: Path,
    columns: Mapping[str, str] | None = None,
    rating_range: tuple[float, float] | None = None,
    given: TextFormat | None = None,
) -> Ratings:
    """The ratings in a file of delimited text. Rows that are not ratings are left out and counted by reason.

    Args:
        path: The file; its encoding and delimiter are found.
        columns: Column of each role (user, item, value, at); by default found by common names, ignoring a `:type`
            suffix. Without a column of times, rows are taken to be in order of time.
        rating_range: See `build_ratings`.
        given: What is known of the encoding, the delimiter and the names of the columns.

    Raises:
        InputError: A column is missing, or there are no ratings.
        UnreadableFile: The file cannot be read, or its encoding or header must be given.
    """
    columns = columns or {}
    text = DelimitedText(path, given, {name for names in ALIASES.values() for name in names} | {*columns.values()})
    names = _match_columns(text, columns)
    skipped = SkippedRows("line")
    found: dict[str, list[str]] = {role: [] for role in names}
    index = {role: text.header.index(name) for role, name in names.items()}
    lines: list[int] = []
    for row in text.rows():
        if row.problem is not None:
            skipped.count(row.problem, row.line)
            continue
        lines.append(row.line)
        for role, k in index.items():
            found[role].append(row.cells[k])
    table = {role: np.array(cells, dtype=object) for role, cells in found.items()}
    values = parse_numbers(table["value"], names["value"], "," if text.delimiter == ";" else ".", booleans=False)[0]
    at = to_seconds(table["at"]) if "at" in table else np.arange(len(lines), dtype=np.float64)
    low, high = (-np.inf, np.inf) if rating_range is None else rating_range
    outside = (values < low) | (values > high)
    if outside.sum() > MAX_OUTSIDE * len(lines):
        first = int(outside.argmax())
        raise InputError(
            f"{int(outside.sum()):,} ratings are outside {low:g} to {high:g} (line {lines[first]:,}: "
            f"{values[first]:g}); give the range of possible ratings"
        )
    kept = np.ones(len(lines), dtype=bool)
    for reason, wrong, column in (
        ("the user is empty", table["user"] == "", table["user"]),
        ("the item is empty", table["item"] == "", table["item"]),
        ("the rating is not a number", ~np.isfinite(values), table["value"]),
        (f"the rating is outside {low:g} to {high:g}", outside, table["value"]),
        ("the time is neither a number nor an ISO date", ~np.isfinite(at), table.get("at", at)),
    ):
        for k in np.flatnonzero(np.asarray(wrong, dtype=bool) & kept).tolist():
            skipped.count(reason, lines[k], column[k])
            kept[k] = False
    if not kept.any():
        reasons = "; ".join(skipped.notes()) or "it has no rows"
        raise InputError(f"{path} holds no ratings ({text.describe()}): {reasons}")
    rated = build_ratings(
        table["user"][kept].tolist(),
        table["item"][kept].tolist(),
        values[kept].tolist(),
        at[kept].tolist(),
        rating_range,
    )
    return replace(rated, skipped=skipped)


def _match_columns(text: DelimitedText, columns: Mapping[str, str]) -> dict[str, str]:
    """The column of each role."""
    present = text.header
    if unknown := set(columns) - set(ALIASES):
        raise InputError(f"unknown role {sorted(unknown)[0]!r}; use {', '.join(ALIASES)}")
    by_name = {name.partition(":")[0].lower(): name for name in present}
    found = {}
    for role, aliases in ALIASES.items():
        name = next((by_name[alias] for alias in aliases if alias in by_name), None)
        if role in columns:
            name = columns[role] if columns[role] in present else None
        if name is not None:
            found[role] = name
        elif role in columns or role != "at":
            expected = columns.get(role) or " or ".join(aliases)
            raise InputError(
                f"no column {expected} for the {role} in {', '.join(present)} ({text.describe()}); name it with "
                f"{role}=NAME (--column {role}=NAME)"
            )
    if twice := duplicates(present) & {*found.values()}:
        raise InputError(f"there are two columns {sorted(twice)[0]!r}, and only one of them can be meant; rename one")
    return found


def from_store(
    url: str, kind: str | None = None, attribute: str = "stars", progress: Callable[[int, int], None] | None = None
) -> Ratings:
    """The ratings in a store: the first reward of every decision with a unit, or its observations of a kind.

    Args:
        url: URL of the store, which is opened read-only.
        kind: A kind of observation, for example "rate"; by default rewards are read.
        attribute: The attribute of those observations that holds the rating.
        progress: Called periodically with (position, head).

    Raises:
        InputError: There are no ratings.
        StoreError: The store cannot be read.
    """
    if kind is None:
        rows = _rewarded(url, progress)
        if not rows:
            raise InputError("the store has no decision with a unit and a reward; name a kind of observation")
    else:
        rows, numbers = _observed(url, kind, attribute, progress)
        if not rows:
            present = ", ".join(map(repr, sorted(numbers)[:20])) or "none"
            raise InputError(
                f"the store has no observation {f'{kind}:{attribute}'!r} of an item by a unit; of those with a number, "
                f"KIND:ATTRIBUTE, there are {present}"
            )
    users, items, values, at = zip(*rows, strict=True)
    return build_ratings(list(users), list(items), list(values), list(at))


Row = tuple[str, str, float, float]


def _rewarded(url: str, progress: Callable[[int, int], None] | None) -> list[Row]:
    """Unit, action, reward and time of the first reward of every decision with a unit."""
    pending: dict[int, tuple[str, str]] = {}
    rows: list[Row] = []
    for fact in _facts(url, [Kind.DECISION.value, Kind.REWARD.value], progress):
        if fact.kind == Kind.DECISION and fact.unit is not None and fact.action is not None:
            pending[fact.position] = fact.unit, fact.action
        elif fact.kind == Kind.REWARD and (pair := pending.pop(fact.decision or 0, None)) is not None:
            rows.append((*pair, fact.reward or 0.0, fact.at))
    return rows


def _observed(
    url: str, kind: str, attribute: str, progress: Callable[[int, int], None] | None
) -> tuple[list[Row], set[str]]:
    """Unit, item, value and time of observations; and KIND:ATTRIBUTE of all that have unit, item and a number."""
    from croupier.state.features.observation import decode

    rows: list[Row] = []
    present: set[str] = set()
    for fact in _facts(url, [Kind.OBSERVATION.value], progress):
        observation = decode(fact.body)
        if fact.unit is None or observation.item is None:
            continue
        numbers = {name: value for name, value in observation.attributes.items() if isinstance(value, float)}
        present |= {f"{observation.kind}:{name}" for name in numbers}
        if observation.kind == kind and attribute in numbers:
            rows.append((fact.unit, observation.item, numbers[attribute], fact.at))
    return rows, present


def _facts(url: str, kinds: list[str], progress: Callable[[int, int], None] | None) -> Iterator[Fact]:
    with storing(), open_storage(url, create=False, read_only=True) as storage:
        head = storage.head()
        for fact in storage.facts(kinds=kinds):
            yield fact
            if progress is not None and fact.position % 4096 == 0:
                progress(fact.position, head)
