"""Observations of units, encoded for the log and decoded from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import orjson

from croupier.errors import CorruptStore, InputError
from croupier.log.canonical import canonical
from croupier.log.encoding import encode_json
from croupier.log.identifiers import required, shown, text
from croupier.log.private import PrivateFields

Attribute: TypeAlias = "float | str | list[float]"


class Observation(NamedTuple):
    """One event of a unit or an item.

    Attributes:
        kind: The kind of event, for example "view" or "purchase".
        item: The item it concerns, or None.
        attributes: Numbers, strings ("true" and "false" for booleans) and vectors as lists, by name.
    """

    kind: str
    item: str | None
    attributes: Mapping[str, Attribute]


def encode(kind: Any, item: Any, attributes: Mapping[str, Any], private: PrivateFields | None = None) -> bytes:
    """Check an observation and encode it as JSON, with private attributes hashed.

    Raises:
        InputError: The kind is missing, an attribute is not a finite number, a string or a vector of numbers, or the
            encoded observation is too large.

    >>> encode("rate", "film-1", {"stars": 4})
    b'{"kind":"rate","item":"film-1","attributes":{"stars":4.0}}'
    """
    if kind is None:
        raise InputError('kind is None; name the kind of event, for example "view"')
    payload: dict[str, Any] = {"kind": required(kind, "kind")}
    if item is not None:
        payload["item"] = text(item, "item")
    if attributes and (checked := _attributes(attributes)):
        payload["attributes"] = checked if private is None else private.hide_attributes(checked)
    return encode_json(payload, "the observation")


def _attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    scalars = {name: value for name, value in attributes.items() if not isinstance(value, np.ndarray | list | tuple)}
    checked: dict[str, Any] = dict(canonical(scalars, "attributes"))
    for name, value in checked.items():
        if type(value) is not float and type(value) is not str:
            raise InputError(
                f"attributes[{name!r}] is {shown(scalars[name])}, and features of units are computed from numbers, "
                "strings, booleans and vectors; give one of these, or several attributes"
            )
    for name, value in attributes.items():
        if name not in scalars:
            array = canonical(value, f"attributes[{name!r}]")
            checked[name] = array.tolist()  # type: ignore[union-attr] # a sequence becomes an array
    return checked


def decode(body: bytes | None) -> Observation:
    """Decode an observation. Raises CorruptStore.

    >>> decode(b'{"kind":"view","item":"a"}')
    Observation(kind='view', item='a', attributes={})
    """
    try:
        payload = orjson.loads(body or b"")
        kind, item, attributes = payload["kind"], payload.get("item"), payload.get("attributes", {})
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CorruptStore(f"an observation in the log has no readable kind, item and attributes: {error}") from error
    if type(kind) is not str or not isinstance(item, str | None) or type(attributes) is not dict:
        raise CorruptStore(f"an observation in the log has no readable kind, item and attributes: {payload!r}"[:200])
    return Observation(kind, item, attributes)
