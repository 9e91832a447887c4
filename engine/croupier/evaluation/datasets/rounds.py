"""Contexts and candidates of a table, in the form that policies use."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from croupier.errors import InputError
from croupier.evaluation.datasets.base import Round, Rounds, UnreadableRound
from croupier.evaluation.datasets.namespaces import flatten
from croupier.log.canonical import canonical
from croupier.log.reader import DecodedDecision
from croupier.log.validation import CandidateSets
from croupier_policies import Actions, Row, Text, Value, Vector

COUNTS, TEXT = "$counts", "$text"  # the marks of what an object in JSON stands for

CONTEXT, CANDIDATES, OUTSIDE = (
    "malformed: a context that no policy can be given",
    "malformed: candidates that no policy can be given",
    "the action is not among the candidates of its row",
)


def to_round(
    context: Any, actions: Actions, drawn: str, propensity: float, logged: Vector | None = None
) -> Round | UnreadableRound:
    """One row in the form that policies use."""
    if drawn not in actions.ids:
        some = ", ".join(map(repr, actions.ids[:5])) + (" …" if len(actions) > 5 else "")
        return UnreadableRound(OUTSIDE, f"{drawn!r} of {some}")
    try:
        row = canonical(usable_features(context), "a context of the log")
    except InputError as error:
        return UnreadableRound(CONTEXT, str(error))
    return Round(DecodedDecision(row, actions, actions.ids.index(drawn), propensity), logged)


def usable_features(context: Any) -> Any:
    """A context of a file with values that policies can be given.

    Nested objects are flattened to paths. A list of strings or of numbers stays one, and counts and texts are read as
    `as_json` writes them. Identifiers beyond 53 bits and dates become text; what is not finite and what has no value is
    left out. A list of numbers in place of an object is returned as it is.

    >>> usable_features({"id": 2**60, "user": {"age": 7, "tags": ["a", "b"]}, "x": float("nan"), "mixed": [1, "a"]})
    {'id': '1152921504606846976', 'user.age': 7, 'user.tags': ['a', 'b'], 'mixed.0': 1, 'mixed.1': 'a'}
    """
    if not isinstance(context, Mapping):
        return context
    nested = any(isinstance(value, Mapping | list | tuple) for value in context.values())
    leaves = flatten(context, hidden=False, whole=_is_whole) if nested else context
    return {str(name): found for name, value in leaves.items() if (found := _usable(value)) is not None}


def _is_whole(value: Any) -> bool:
    """Whether it is tags, an array, or counts or a text in the form of `as_json`."""
    if isinstance(value, Mapping):
        return len(value) == 1 and (type(value.get(TEXT)) is str or isinstance(value.get(COUNTS), Mapping))
    if not isinstance(value, list | tuple) or not value:
        return False
    kinds = {*map(type, value)}
    return kinds == {str} or (kinds <= {int, float} and all(map(math.isfinite, value)))


def _usable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Text(value[TEXT]) if TEXT in value else value[COUNTS]
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= 1 << 53 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    return value.isoformat() if isinstance(value, date | time) else str(value)


def from_json(
    contexts: NDArray[Any],
    candidates: NDArray[Any],
    action: NDArray[np.str_],
    propensity: Vector,
) -> Rounds:
    """Rounds from a column of contexts and one of candidates, both JSON, as in the export of a store.

    A context is an object of named features or a list of numbers; candidates are a list of ids, or of pairs of an id
    and its features. Shape (n,) each.
    """

    def rounds() -> Iterator[Round | UnreadableRound]:
        parsed = _Candidates()
        for text, candidate_text, drawn, p in zip(contexts, candidates, action, propensity, strict=True):
            actions = parsed.of(candidate_text)
            try:
                context = parse_json(text)
            except orjson.JSONDecodeError as error:
                yield UnreadableRound(CONTEXT, f"it is not JSON ({error}): {str(text)[:80]}")
                continue
            yield actions if isinstance(actions, UnreadableRound) else to_round(context, actions, str(drawn), float(p))

    return rounds


def from_features(
    columns: Mapping[str, NDArray[Any]],
    actions: Sequence[str],
    action: NDArray[np.str_],
    propensity: Vector,
) -> Rounds:
    """Rounds from columns of features, the candidates the same in every row."""
    known = CandidateSets().encode(list(actions), ()).actions

    def rounds() -> Iterator[Round | UnreadableRound]:
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        for values, drawn, p in zip(rows, action, propensity, strict=True):
            yield to_round(dict(zip(columns, values, strict=True)), known, str(drawn), float(p))

    return rounds


def from_matrix(contexts: NDArray[np.float64], actions: Actions, drawn: NDArray[np.str_], propensity: Vector) -> Rounds:
    """Rounds from contexts of shape (n, d), and the drawn action of each."""

    def rounds() -> Iterator[Round | UnreadableRound]:
        for context, id, p in zip(contexts, drawn, propensity, strict=True):
            yield to_round(context, actions, str(id), float(p))

    return rounds


class _Candidates:
    """Candidates from JSON, with a cache by text."""

    def __init__(self) -> None:
        self._sets, self._cache = CandidateSets(), dict[str, Actions]()

    def of(self, value: Any) -> Actions | UnreadableRound:
        """The candidates of one row."""
        text = value if isinstance(value, str) else ""
        if text and text in self._cache:
            return self._cache[text]
        try:
            actions = self._encode(parse_json(value))
        except (InputError, TypeError, ValueError) as error:
            return UnreadableRound(CANDIDATES, f"{error}: {str(value)[:80]}")
        if text:
            if len(self._cache) > 4096:
                self._cache.clear()
            self._cache[text] = actions
        return actions

    def _encode(self, found: Any) -> Actions:
        pairs = isinstance(found, list) and bool(found) and all(isinstance(e, list) and len(e) == 2 for e in found)
        if not pairs:
            return self._sets.encode(found, ()).actions
        return self._sets.encode({id: usable_features(row) for id, row in found}, ()).actions


def parse_json(value: Any) -> Any:
    """Parse JSON; what is an object or a list already is returned as it is. Raises orjson.JSONDecodeError."""
    return value if isinstance(value, Mapping | list) else orjson.loads(str(value))


def as_json(context: Row) -> str:
    """A context as the JSON that `from_json` reads; counts and texts have a mark, other objects are flattened there.

    >>> as_json({"basket": {"tea": 2.0}, "hour": 9.0, "tags": ["new"], "title": Text("Tea"), "v": np.array([0.5])})
    '{"basket":{"$counts":{"tea":2.0}},"hour":9.0,"tags":["new"],"title":{"$text":"Tea"},"v":[0.5]}'
    """
    return orjson.dumps(_as_json_value(context)).decode()


def actions_as_json(actions: Actions) -> str:
    """Candidates as the JSON that `from_json` reads.

    >>> actions_as_json(Actions(("a", "b"))), actions_as_json(Actions(("a",), ({"price": 2.0},)))
    ('["a","b"]', '[["a",{"price":2.0}]]')
    """
    if actions.rows is None:
        return orjson.dumps(actions.ids).decode()
    return orjson.dumps([[id, _as_json_value(row)] for id, row in zip(actions.ids, actions.rows, strict=True)]).decode()


def _as_json_value(row: Row) -> Any:
    return row.tolist() if isinstance(row, np.ndarray) else {name: _marked(value) for name, value in row.items()}


def _marked(value: Value) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Text):
        return {TEXT: str.__str__(value)}
    return {COUNTS: value} if isinstance(value, dict) else value
