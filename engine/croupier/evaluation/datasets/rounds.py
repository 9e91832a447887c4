"""Contexts and candidates of a table, in the form that policies use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from croupier.errors import EvidenceError, InputError
from croupier.evaluation.datasets.base import Round
from croupier.log.encoding import canonical
from croupier.log.reader import DecodedDecision
from croupier.log.validation import CandidateSets
from croupier_policies import Actions, Row, Vector

Rounds = Callable[[], Iterator[Round]]


def to_decision(context: Any, actions: Actions, drawn: str, propensity: float) -> DecodedDecision:
    """One decision in the form that policies use. Raises EvidenceError where the action is not a candidate."""
    if drawn not in actions.ids:
        some = ", ".join(map(repr, actions.ids[:5])) + (" …" if len(actions) > 5 else "")
        raise EvidenceError(
            f"a row has the action {drawn!r}, which is not among its {len(actions)} candidates ({some}); correct either"
        )
    return DecodedDecision(canonical(context, "a context of the log"), actions, actions.ids.index(drawn), propensity)


def from_json(
    contexts: NDArray[np.generic],
    candidates: NDArray[np.generic],
    action: NDArray[np.str_],
    propensity: Vector,
) -> Rounds:
    """Rounds from a column of contexts and one of candidates, both JSON, as in the export of a store.

    A context is an object of named features or a list of numbers; candidates are a list of ids, or of pairs of an id
    and its features. Shape (n,) each.
    """

    def rounds() -> Iterator[Round]:
        parsed = _Candidates()
        for text, candidate_text, drawn, p in zip(contexts, candidates, action, propensity, strict=True):
            context = parse_json(str(text), "a context")
            yield Round(to_decision(context, parsed.of(str(candidate_text)), str(drawn), float(p)))

    return rounds


def from_features(
    columns: Mapping[str, NDArray[np.generic]],
    actions: Sequence[str],
    action: NDArray[np.str_],
    propensity: Vector,
) -> Rounds:
    """Rounds from columns of features, the candidates the same in every row."""
    known = CandidateSets().encode(list(actions), ()).actions

    def rounds() -> Iterator[Round]:
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        for values, drawn, p in zip(rows, action, propensity, strict=True):
            context = {name: value for name, value in zip(columns, values, strict=True) if not _absent(value)}
            yield Round(to_decision(context, known, str(drawn), float(p)))

    return rounds


def from_matrix(
    contexts: NDArray[np.float64], actions: Actions, drawn: NDArray[np.int64], propensity: Vector
) -> Rounds:
    """Rounds from contexts of shape (n, d), and the index of the drawn action among the candidates."""

    def rounds() -> Iterator[Round]:
        for context, index, p in zip(contexts, drawn, propensity, strict=True):
            yield Round(DecodedDecision(canonical(context, "a context of the log"), actions, int(index), float(p)))

    return rounds


def _absent(value: object) -> bool:
    return value is None or value != value


class _Candidates:
    """Candidates from JSON, with a cache by text."""

    def __init__(self) -> None:
        self._sets, self._cache = CandidateSets(), dict[str, Actions]()

    def of(self, text: str) -> Actions:
        """The candidates of one row. Raises EvidenceError."""
        if text not in self._cache:
            if len(self._cache) > 4096:
                self._cache.clear()
            found = parse_json(text, "a set of candidates")
            pairs = isinstance(found, list) and all(isinstance(each, list) and len(each) == 2 for each in found)
            try:
                self._cache[text] = self._sets.encode(dict(found) if pairs else found, ()).actions
            except (InputError, TypeError) as error:
                raise EvidenceError(f"a row has invalid candidates ({error}): {text[:80]}") from error
        return self._cache[text]


def parse_json(text: str, what: str) -> Any:
    """Parse JSON. Raises EvidenceError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise EvidenceError(f"{what} of the log is not JSON ({error}): {text[:80]}") from error


def as_json(context: Row) -> str:
    """A context as the JSON that `from_json` reads."""
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
    return row.tolist() if isinstance(row, np.ndarray) else row
