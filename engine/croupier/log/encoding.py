"""Encoding of contexts and actions for the log, and decoding.

A policy gets the decoded form at choose time too, so that a reader of the log has exactly what the policy had.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import orjson

from croupier.errors import CorruptStore, InputError
from croupier.log import packing
from croupier.log.canonical import canonical
from croupier.log.identifiers import action_id
from croupier.log.limits import CATALOGUE, ENCODED, Limit
from croupier_policies import Actions, Row, Vector
from croupier_policies.base import RemainingActions
from croupier_storage import encode_references, references

_FLAT = frozenset({float, str})
_WIDTHS = {b"\x01": 8, b"\x04": 4}  # the bytes of a number, by the first byte of an array; JSON begins with {
_ARRAYS = {width: first for first, width in _WIDTHS.items()}
_MATRIX = b"\x02"  # the first byte of a catalogue of arrays: then the length of the ids as JSON, ids, floats


class EncodedActions(NamedTuple):
    """Candidates in the form that policies get, and in the form that the log has.

    Attributes:
        actions: The candidates as policies get them.
        body: Their encoding; of a catalogue, that of all its items.
        digest: The digest of the body, under which the store has it.
        without: The ids of the items of the catalogue that are not candidates.
        items: The features to which the body refers, encoded, by their digests.
    """

    actions: Actions
    body: bytes
    digest: bytes
    without: tuple[str, ...] = ()
    items: Mapping[bytes, bytes] = MappingProxyType({})

    def bodies(self) -> dict[bytes, bytes]:
        """All that the store has of them, by digest."""
        return {**self.items, self.digest: self.body}

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


def encode_row(row: Row, argument: str) -> bytes:
    """Encode a canonical row: a mapping as JSON, an array as its numbers. Raises InputError if it is too large."""
    body = _encode_array(row) if isinstance(row, np.ndarray) else packing.pack(row, argument)
    return _within_limit(body, argument)


def _encode_array(array: Vector) -> bytes:
    width = packing.width_of(array)
    return _ARRAYS[width] + packing.encode_numbers(array, width)


def decode_row(body: bytes) -> Row:
    """Decode a row. Raises CorruptStore for one that `encode_row` cannot have written.

    >>> decode_row(encode_row(canonical({"hour": 14, "new": True}, "context"), "context"))
    {'hour': 14.0, 'new': 'true'}
    """
    if len(body) > ENCODED.maximum:
        raise CorruptStore(f"a context in the store has {len(body)} bytes, more than the limit of {ENCODED.maximum}")
    try:
        return _check_row(_decode(body))
    except ValueError as error:
        raise CorruptStore(f"a context in the store cannot be read: {error}") from error


def _decode(body: bytes) -> Any:
    first = body[:1]
    if (width := _WIDTHS.get(first)) is not None:
        return packing.decode_numbers(body, width, 1)
    return packing.unpack(body) if first == packing.PACKED else orjson.loads(body)


def _check_row(row: Any) -> Row:
    """The row, its texts restored. Raises CorruptStore for what `canonical` never returns."""
    if isinstance(row, np.ndarray):
        sound = row.ndim == 1 and row.dtype == np.float64 and bool(np.isfinite(row).all())
    else:
        sound = type(row) is dict
        if sound and not _FLAT.issuperset(map(type, row.values())):
            row = packing.texts(row)
            sound = _is_canonical(row)
    if not sound:
        raise CorruptStore("features in the store are neither named values nor a row of finite numbers")
    checked: Row = row
    return checked


def _is_canonical(row: dict[str, Any]) -> bool:
    """Whether a row is its own canonical form, bit for bit."""
    try:
        return packing.pack(canonical(row, "features"), "features") == packing.pack(row, "features")
    except InputError:
        return False


def encode_actions(ids: tuple[str, ...], rows: tuple[Row, ...] | None, limit: Limit = ENCODED) -> EncodedActions:
    """Check and encode candidates; if their features contain arrays, each item's once, by content.

    Args:
        ids: The ids of the K candidates.
        rows: Canonical features of each, or None.
        limit: Of the number of bytes.

    Raises:
        InputError: There are no candidates, an id occurs twice or is not a non-empty string, features have different
            forms, or the encoding is too large.
    """
    ids = _check_actions(ids, rows)
    if rows is not None and any(map(_has_array, rows)):
        return _encode_references(ids, rows, limit)
    content = ids if rows is None else list(zip(ids, rows, strict=True))
    body = _within_limit(packing.pack(content, "actions"), "actions", limit)
    return EncodedActions(Actions(ids, rows), body, _digest(body))


def _has_array(row: Row) -> bool:
    return isinstance(row, np.ndarray) or any(isinstance(value, np.ndarray) for value in row.values())


def _encode_references(ids: tuple[str, ...], rows: tuple[Row, ...], limit: Limit) -> EncodedActions:
    """The set as ids and the digests of their features, so that another set with the same items is small."""
    bodies = [encode_row(row, f"actions[{id!r}]") for id, row in zip(ids, rows, strict=True)]
    digests = [*map(_digest, bodies)]
    body = _within_limit(encode_references(digests, _json(ids, "actions")), "actions", limit)
    size = sum(map(len, bodies))
    if size > CATALOGUE.maximum:
        raise InputError(
            f"the features of actions have {size:,} bytes when encoded, more than the limit of {CATALOGUE.maximum:,} "
            f"({CATALOGUE.reason}); give fewer actions"
        )
    return EncodedActions(Actions(ids, rows), body, _digest(body), items=dict(zip(digests, bodies, strict=True)))


def former_digest(actions: Actions) -> bytes | None:
    """The digest of candidates whose features are arrays, as they were encoded before each array was stored once."""
    rows = actions.rows
    if rows is None or not isinstance(rows[0], np.ndarray):
        return None
    return _digest(_json([[id, row.tolist()] for id, row in zip(actions.ids, rows, strict=True)], "actions"))  # type: ignore[union-attr] # rows have one form


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


def decode_actions(body: bytes, digest: bytes, features: Mapping[bytes, Row] = MappingProxyType({})) -> Actions:
    """Decode candidates. Raises CorruptStore if they do not have this digest.

    Args:
        body: The encoded set.
        digest: Its digest.
        features: The rows to which it refers (see `croupier_storage.references`), by digest.

    >>> encoded = encode_actions(("a", "b"), None)
    >>> decode_actions(encoded.body, encoded.digest).ids
    ('a', 'b')
    """
    if _digest(body) != digest:
        raise CorruptStore(f"the action set {digest.hex()} in the store was changed after it was written")
    try:
        actions = _decode_actions(body, features)
        _check_actions(actions.ids, actions.rows)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise CorruptStore(f"the action set {digest.hex()} in the store cannot be read: {error}") from error
    return actions


def _decode_actions(body: bytes, features: Mapping[bytes, Row]) -> Actions:
    if body[:1] == _MATRIX:
        return _decode_matrix(body)
    digests, rest = references(body)
    if not digests:
        return _decode_items(orjson.loads(body))
    ids = orjson.loads(rest)
    if type(ids) is not list or len(ids) != len(digests):
        raise ValueError(f"it has the features of {len(digests)} actions, and not as many ids")
    return Actions(tuple(ids), tuple(features[digest] for digest in digests))


def decode_features(body: bytes, digest: bytes) -> Row:
    """Decode the features of one action. Raises CorruptStore if they do not have this digest."""
    if _digest(body) != digest:
        raise CorruptStore(
            f"the features {digest.hex()} of an action in the store were changed after they were written"
        )
    return decode_row(body)


def _decode_items(items: Any) -> Actions:
    if isinstance(items[0], str):
        return Actions(tuple(items))
    rows = tuple(_check_row(np.array(row) if isinstance(row, list) else row) for _, row in items)
    return Actions(tuple(id for id, _ in items), rows)


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=16).digest()


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
