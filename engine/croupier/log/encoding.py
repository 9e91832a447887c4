"""From what an application passes to what the log keeps, and back: the form that policies see.

A policy is shown the decoded form at choose time too, so that a reader of the log sees just what the policy saw.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numba
import numpy as np
import orjson

from croupier.errors import CorruptStore, InputError
from croupier_policies import Actions, Row, Vector
from croupier_policies.base import RemainingActions

MAX_BYTES = 1 << 20  # of one encoded context or one set of actions
MAX_CATALOGUE_BYTES = 1 << 26  # of one catalogue, which is stored once
_ARRAY = b"\x01"  # the first byte of an array's encoding; an object of JSON begins with {
_MATRIX = b"\x02"  # of a catalogue's whose features are arrays: length of the ids as JSON, the ids, then the floats


class EncodedActions(NamedTuple):
    """Candidates as policies see them, as the log keeps them, and the digest under which it does.

    Of a catalogue the log keeps the whole; `without` names the items of it that are no candidates.
    """

    actions: Actions
    body: bytes
    digest: bytes
    without: tuple[str, ...] = ()

    def remaining(self, out: Iterable[int]) -> EncodedActions:
        """The same set without the candidates at these places of the whole, beside those that were left out before."""
        whole = self.actions.full_set
        places = sorted({*self.actions.excluded, *out})
        if len(places) == len(whole):
            raise InputError("every candidate is excluded: there is nothing to choose from")
        if not places:
            return self
        actions = RemainingActions(whole, places)
        return self._replace(actions=actions, without=tuple(whole.ids[place] for place in places))


def canonical(row: Any, what: str) -> Row:
    """The form in which the log keeps a context or an action's features.

    Mappings get sorted keys; numbers become 64-bit floats (-0.0 becomes 0.0, an integer must fit exactly), booleans the
    strings "true" and "false"; a field that is None is left out. Anything else 1-D becomes a float64 array.

    Raises:
        InputError: NaN, infinity, a value of another kind, or a name that is no string; `what` says of which input.
    """
    if isinstance(row, np.ndarray):
        return _array(row, what)
    if isinstance(row, Mapping):
        return _fields(row, what)
    if isinstance(row, Sequence) and not isinstance(row, str | bytes):
        return _array(row, what)
    raise InputError(f"{what} is a {type(row).__name__}; give a mapping of named features or a 1-D array of numbers")


def _array(values: Any, what: str) -> Vector:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} is not an array of numbers: {error}") from error
    if array.ndim != 1:
        raise InputError(f"{what} has {array.ndim} dimensions; give one row, a 1-D array")
    clean = np.empty(array.shape[0])
    if not _copy(array, clean):
        places = np.flatnonzero(~np.isfinite(array)).tolist()
        raise InputError(f"{what} is not finite at {places[:5]}: it would poison what is learned; leave such rows out")
    return clean


@numba.njit(cache=True)
def _copy(array: Vector, out: Vector) -> bool:
    """Copy, -0.0 as 0.0; whether all of it is finite."""
    finite = True
    for i in range(array.shape[0]):
        out[i] = array[i] + 0.0
        finite = finite and np.isfinite(array[i])
    return finite


def _fields(row: Mapping[Any, Any], what: str) -> dict[str, float | str]:
    fields: dict[str, float | str] = {}
    try:
        names = sorted(row)
    except TypeError as error:
        raise InputError(f"{what} has names that are not strings") from error
    for name in names:
        value = row[name]
        if value is not None:
            if not isinstance(name, str):
                raise InputError(f"{what} has the name {name!r}, a {type(name).__name__}; names are strings")
            fields[name] = _value(value, name, what)
    return fields


def _value(value: Any, name: str, what: str) -> float | str:
    if isinstance(value, np.generic):
        value = value.item()
    convert = _CONVERSIONS.get(type(value))
    if convert is None:
        raise InputError(f"{what}[{name!r}] is a {type(value).__name__}; give a number, a string, a boolean or None")
    converted = convert(value)
    if converted is None:
        raise InputError(
            f"{what}[{name!r}] = {value!r} is not a finite number that a 64-bit float holds exactly: leave it out, "
            "or give an identifier as a string"
        )
    return converted


def _integer(value: int) -> float | None:
    return float(value) if abs(value) <= 1 << 53 else None


_CONVERSIONS: dict[type, Callable[[Any], float | str | None]] = {
    float: lambda value: value + 0.0 if math.isfinite(value) else None,
    int: _integer,
    bool: lambda value: "true" if value else "false",
    str: lambda value: value,
}


def encode_row(row: Row, what: str) -> bytes:
    """The bytes of a canonical row: JSON for a mapping, the floats themselves for an array."""
    body = _ARRAY + row.tobytes() if isinstance(row, np.ndarray) else _json(row, what)
    return _within_limit(body, what)


def decode_row(body: bytes) -> Row:
    """The row of these bytes.

    >>> decode_row(encode_row(canonical({"hour": 14, "new": True}, "context"), "context"))
    {'hour': 14.0, 'new': 'true'}
    """
    if body[:1] == _ARRAY:
        return np.frombuffer(body, dtype=np.float64, offset=1)
    row: dict[str, float | str] = orjson.loads(body)
    return row


def encode_actions(ids: tuple[str, ...], rows: tuple[Row, ...] | None, limit: int = MAX_BYTES) -> EncodedActions:
    """Checked candidates with their encoding.

    Raises:
        InputError: None at all, an id twice, an id that is not a non-empty string, or features of several kinds.
    """
    _check_actions(ids, rows)
    plain = ids if rows is None else [[id, _plain(row)] for id, row in zip(ids, rows, strict=True)]
    body = _within_limit(_json(plain, "actions"), "actions", limit)
    return EncodedActions(Actions(ids, rows), body, _digest(body))


def encode_matrix(ids: tuple[str, ...], rows: tuple[Row, ...]) -> EncodedActions:
    """Checked candidates whose features are arrays, the floats encoded as they are. Raises InputError."""
    _check_actions(ids, rows)
    names = _json(ids, "actions")
    floats = b"".join(row.tobytes() for row in rows if isinstance(row, np.ndarray))
    body = _MATRIX + len(names).to_bytes(8, "little") + names + floats
    return EncodedActions(Actions(ids, rows), _within_limit(body, "actions", MAX_CATALOGUE_BYTES), _digest(body))


def _decode_matrix(body: bytes) -> Actions:
    split = 9 + int.from_bytes(body[1:9], "little")
    ids = orjson.loads(body[9:split])
    floats = np.frombuffer(body, dtype=np.float64, offset=split)
    return Actions(tuple(ids), tuple(floats.reshape(len(ids), floats.shape[0] // len(ids))))


def _check_actions(ids: tuple[str, ...], rows: tuple[Row, ...] | None) -> None:
    if not ids:
        raise InputError(
            "actions is empty: there is nothing to choose from; give at least one action that is not excluded"
        )
    for id in ids:
        if not isinstance(id, str) or not id or "\0" in id:
            raise InputError(f"the action id {id!r} is not a non-empty string without NUL; name actions by strings")
    if len(set(ids)) != len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise InputError(f"the action {twice!r} is given twice: its probability would be ambiguous; give every id once")
    if rows is not None and len({row.shape if isinstance(row, np.ndarray) else None for row in rows}) > 1:
        raise InputError("some actions have arrays and others not, or of other lengths; describe all in one way")


def decode_actions(body: bytes, digest: bytes) -> Actions:
    """The candidates of these bytes, if they are those of the digest. Raises CorruptStore.

    >>> encoded = encode_actions(("a", "b"), None)
    >>> decode_actions(encoded.body, encoded.digest).ids
    ('a', 'b')
    """
    if _digest(body) != digest:
        raise CorruptStore(f"the action set {digest.hex()} in the store was changed after it was written")
    if body[:1] == _MATRIX:
        return _decode_matrix(body)
    items = orjson.loads(body)
    if isinstance(items[0], str):
        return Actions(tuple(items))
    rows = tuple(np.array(row) if isinstance(row, list) else row for _, row in items)
    return Actions(tuple(id for id, _ in items), rows)


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=16).digest()


def _plain(row: Row) -> Any:
    return row.tolist() if isinstance(row, np.ndarray) else row


def encode_json(value: Any, what: str) -> bytes:
    """Checked plain data as JSON. Raises InputError for text that is none, and for too much of it."""
    return _within_limit(_json(value, what), what)


def _json(value: Any, what: str) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:  # lone surrogates; NaN was refused before, since orjson would write null
        raise InputError(f"{what} cannot be written as text: {error}") from error


def _within_limit(body: bytes, what: str, limit: int = MAX_BYTES) -> bytes:
    if len(body) > limit:
        raise InputError(f"{what} takes {len(body)} bytes encoded, over the limit of {limit}; give fewer features")
    return body
