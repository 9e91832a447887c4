"""Encoding of contexts and actions for the log, and decoding.

A policy gets the decoded form at choose time too, so that a reader of the log has exactly what the policy had.
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
from numpy.typing import NDArray

from croupier.errors import CorruptStore, InputError
from croupier.log.arguments import real
from croupier.log.identifiers import action_id, shown
from croupier.log.limits import CATALOGUE, DEPTH, ENCODED, FEATURES, NAME, Limit
from croupier_policies import Actions, Row, Vector
from croupier_policies.base import RemainingActions

_FIELD_TYPES = frozenset({float, str})
_ARRAY = b"\x01"  # the first byte of an encoded array; a JSON object begins with {
_MATRIX = b"\x02"  # the first byte of actions with array features: then the length of the ids as JSON, ids, floats


class EncodedActions(NamedTuple):
    """Candidates in the form that policies get, and in the form that the log has.

    Attributes:
        actions: The candidates as policies get them.
        body: Their encoding; of a catalogue, that of all its items.
        digest: The digest of the body, under which the store has it.
        without: The ids of the items of the catalogue that are not candidates.
    """

    actions: Actions
    body: bytes
    digest: bytes
    without: tuple[str, ...] = ()

    def excluding(self, indices: Iterable[int]) -> EncodedActions:
        """The candidates without those at these indices of the whole set; those excluded before stay excluded."""
        whole = self.actions.full_set
        excluded = sorted({*self.actions.excluded, *indices})
        if len(excluded) == len(whole):
            raise InputError("every candidate is excluded: there is no action to choose; exclude fewer")
        if not excluded:
            return self
        return self._replace(
            actions=RemainingActions(whole, excluded), without=tuple(whole.ids[index] for index in excluded)
        )


def canonical(row: Any, argument: str) -> Row:
    """The canonical form of a context or of an action's features, which the log has and policies get.

    The keys of a mapping are sorted. Numbers become 64-bit floats; -0.0 becomes 0.0, and an integer must be represented
    exactly. Booleans become the strings "true" and "false". Fields that are None are left out. A 1-D array or sequence
    of numbers becomes a float64 array.

    Args:
        row: A mapping from names to values, or a 1-D array or sequence of numbers.
        argument: The name of the input in error messages.

    Raises:
        InputError: A number is not finite, a value has another type, or a name is not a string.
    """
    if isinstance(row, np.ndarray):
        return _array(row, argument)
    if isinstance(row, Mapping):
        return _fields(row, argument)
    if isinstance(row, Sequence) and not isinstance(row, str | bytes | bytearray | memoryview):
        return _array(row, argument)
    raise InputError(
        f"{argument} is a {type(row).__name__}; give a mapping of named features or a 1-D array of numbers"
    )


def _array(values: Any, argument: str) -> Vector:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"{argument} is not an array of numbers: {error}") from error
    if array.ndim != 1:
        raise InputError(f"{argument} has {array.ndim} dimensions; give one row, a 1-D array")
    _check_count(array.shape[0], argument)
    if array.dtype != np.float64:
        array = _as_floats(array, argument)
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise InputError(f"{argument} has masked values, which would be read as numbers; fill them or leave them out")
    clean = np.empty(array.shape[0])
    if not _copy(array, clean):
        indices = np.flatnonzero(~np.isfinite(array)).tolist()
        raise InputError(
            f"{argument} is not finite at the indices {indices[:5]}: learning it would make every later estimate NaN; "
            "leave such rows out"
        )
    return clean


def _as_floats(array: NDArray[Any], argument: str) -> Vector:
    """The numbers of an array of another type. Raises InputError where text, dates or objects are among them."""
    if array.dtype.kind in "biu" or array.shape[0] == 0:
        return array.astype(np.float64)
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as such
            return array.astype(np.float64)
    if array.dtype.kind == "O":
        numbers = [real(value) for value in array]
        if None not in numbers:
            return np.array(numbers, dtype=np.float64)
        array = array[[number is None for number in numbers]]
    raise InputError(
        f"{argument} is not an array of numbers: it contains {shown(array.tolist()[0])}; give numbers, or a mapping "
        "of named features"
    )


def _check_count(count: int, argument: str) -> None:
    if count > FEATURES.maximum:
        raise InputError(
            f"{argument} has {count:,} features, more than the limit of {FEATURES.maximum:,} ({FEATURES.reason}); give "
            "fewer, or an embedding of them"
        )


@numba.njit(cache=True)
def _copy(array: Vector, out: Vector) -> bool:
    """Copy an array, -0.0 as 0.0; returns whether all values are finite."""
    finite = True
    for i in range(array.shape[0]):
        out[i] = array[i] + 0.0
        finite = finite and np.isfinite(array[i])
    return finite


def _fields(row: Mapping[Any, Any], argument: str) -> dict[str, float | str]:
    fields: dict[str, float | str] = {}
    _check_count(len(row), argument)
    try:
        names = sorted(row)
    except TypeError as error:
        raise InputError(f"{argument} has a name that is not a string; names are strings") from error
    for name in names:
        value = row[name]
        if value is not None:
            if type(name) is not str or len(name) * 4 > NAME.maximum:
                exact = _name(name, argument)
                if exact in fields:
                    raise InputError(f"{argument} has the name {exact!r} twice; give every name once")
                fields[exact] = _value(value, exact, argument)
            else:
                fields[name] = _value(value, name, argument)
    return fields


def _name(name: Any, argument: str) -> str:
    """The name of a feature as a plain string. Raises InputError."""
    if not isinstance(name, str):
        raise InputError(f"{argument} has the name {shown(name)}, a {type(name).__name__}; names are strings")
    exact = str.__str__(name)
    if (size := len(exact.encode(errors="replace"))) > NAME.maximum:
        raise InputError(
            f"{argument} has a name of {size:,} {NAME.unit}, more than the limit of {NAME.maximum:,}: {exact[:60]!r}…; "
            "give a shorter name, and what varies as its value"
        )
    return exact


def _value(value: Any, name: str, argument: str) -> float | str:
    if isinstance(value, np.generic):
        value = value.item()
    convert = _CONVERSIONS.get(type(value))
    if convert is None:
        nested = isinstance(value, Mapping | Sequence)
        raise InputError(
            f"{argument}[{name!r}] is a {type(value).__name__}; give a number, a string, a boolean or None"
            + (f", because {DEPTH.reason}" if nested else "")
        )
    converted = convert(value)
    if converted is None:
        raise InputError(
            f"{argument}[{name!r}] = {shown(value)} is not a finite number that a 64-bit float represents "
            "exactly; leave it out, or give an identifier as a string"
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


def encode_row(row: Row, argument: str) -> bytes:
    """Encode a canonical row: a mapping as JSON, an array as its floats. Raises InputError if it is too large."""
    body = _ARRAY + row.tobytes() if isinstance(row, np.ndarray) else _json(row, argument)
    return _within_limit(body, argument)


def decode_row(body: bytes) -> Row:
    """Decode a row. Raises CorruptStore for one that `encode_row` cannot have written.

    >>> decode_row(encode_row(canonical({"hour": 14, "new": True}, "context"), "context"))
    {'hour': 14.0, 'new': 'true'}
    """
    if len(body) > ENCODED.maximum:
        raise CorruptStore(f"a context in the store has {len(body)} bytes, more than the limit of {ENCODED.maximum}")
    try:
        row = np.frombuffer(body, dtype=np.float64, offset=1) if body[:1] == _ARRAY else orjson.loads(body)
    except ValueError as error:
        raise CorruptStore(f"a context in the store cannot be read: {error}") from error
    return _check_row(row)


def _check_row(row: Any) -> Row:
    """Refuse what `canonical` never returns. Raises CorruptStore."""
    if isinstance(row, np.ndarray):
        sound = row.ndim == 1 and row.dtype == np.float64 and bool(np.isfinite(row).all())
    else:
        sound = type(row) is dict and _FIELD_TYPES.issuperset(map(type, row.values()))
    if not sound:
        raise CorruptStore("features in the store are neither named numbers and strings nor a row of finite numbers")
    checked: Row = row
    return checked


def encode_actions(ids: tuple[str, ...], rows: tuple[Row, ...] | None, limit: Limit = ENCODED) -> EncodedActions:
    """Check and encode candidates.

    Args:
        ids: The ids of the K candidates.
        rows: Canonical features of each, or None.
        limit: Of the number of bytes.

    Raises:
        InputError: There are no candidates, an id occurs twice or is not a non-empty string, features have different
            forms, or the encoding is too large.
    """
    ids = _check_actions(ids, rows)
    content = ids if rows is None else [[id, _as_json(row)] for id, row in zip(ids, rows, strict=True)]
    body = _within_limit(_json(content, "actions"), "actions", limit)
    return EncodedActions(Actions(ids, rows), body, _digest(body))


def encode_matrix(ids: tuple[str, ...], rows: tuple[Row, ...]) -> EncodedActions:
    """Check candidates whose features are arrays, and encode the arrays as floats. Raises InputError."""
    ids = _check_actions(ids, rows)
    names = _json(ids, "actions")
    floats = b"".join(row.tobytes() for row in rows if isinstance(row, np.ndarray))
    body = _MATRIX + len(names).to_bytes(8, "little") + names + floats
    return EncodedActions(Actions(ids, rows), _within_limit(body, "actions", CATALOGUE), _digest(body))


def _decode_matrix(body: bytes) -> Actions:
    split = 9 + int.from_bytes(body[1:9], "little")
    ids = orjson.loads(body[9:split])
    floats = np.frombuffer(body, dtype=np.float64, offset=split)
    return Actions(tuple(ids), tuple(map(_check_row, floats.reshape(len(ids), floats.shape[0] // len(ids)))))


def _check_actions(ids: Sequence[Any], rows: tuple[Row, ...] | None) -> tuple[str, ...]:
    """The ids as plain strings."""
    if not ids:
        raise InputError(
            "actions is empty: there is no action to choose; give at least one action that is not excluded"
        )
    ids = tuple(map(action_id, ids))
    if len(set(ids)) != len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise InputError(f"the action {twice!r} occurs twice: its probability would be ambiguous; give every id once")
    if rows is not None and len({row.shape if isinstance(row, np.ndarray) else None for row in rows}) > 1:
        raise InputError(
            "the features of actions have different forms or lengths, which one model cannot use together; give "
            "mappings for all actions, or arrays of one length"
        )
    return ids


def decode_actions(body: bytes, digest: bytes) -> Actions:
    """Decode candidates. Raises CorruptStore if they do not have this digest.

    >>> encoded = encode_actions(("a", "b"), None)
    >>> decode_actions(encoded.body, encoded.digest).ids
    ('a', 'b')
    """
    if _digest(body) != digest:
        raise CorruptStore(f"the action set {digest.hex()} in the store was changed after it was written")
    try:
        actions = _decode_matrix(body) if body[:1] == _MATRIX else _decode_items(orjson.loads(body))
        _check_actions(actions.ids, actions.rows)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise CorruptStore(f"the action set {digest.hex()} in the store cannot be read: {error}") from error
    return actions


def _decode_items(items: Any) -> Actions:
    if isinstance(items[0], str):
        return Actions(tuple(items))
    rows = tuple(_check_row(np.array(row) if isinstance(row, list) else row) for _, row in items)
    return Actions(tuple(id for id, _ in items), rows)


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=16).digest()


def _as_json(row: Row) -> Any:
    return row.tolist() if isinstance(row, np.ndarray) else row


def encode_json(value: Any, argument: str) -> bytes:
    """Encode checked data as JSON. Raises InputError for text that is not valid Unicode, and for too many bytes."""
    return _within_limit(_json(value, argument), argument)


def _json(value: Any, argument: str) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:  # lone surrogates; NaN was rejected before, because orjson would write null
        raise InputError(f"{argument} contains text that is not valid Unicode: {error}") from error


def _within_limit(body: bytes, argument: str, limit: Limit = ENCODED) -> bytes:
    if len(body) > limit.maximum:
        raise InputError(
            f"{argument} has {len(body):,} bytes when encoded, more than the limit of {limit.maximum:,} "
            f"({limit.reason}); give fewer features, or shorter values"
        )
    return body
