"""What a unit did, in the form the log keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import orjson

from croupier.errors import CorruptStore, InputError
from croupier.log import encoding
from croupier.log.validation import text

Attribute: TypeAlias = "float | str | list[float]"


class Observation(NamedTuple):
    """One piece of behaviour: its kind ("view", "purchase", …), the item it was about, and what else is known of it.

    Attributes hold numbers, strings ("true" and "false" for booleans) and vectors, as lists.
    """

    kind: str
    item: str | None
    attributes: Mapping[str, Attribute]


def encode(kind: Any, item: Any, attributes: Mapping[str, Any]) -> bytes:
    """The bytes of an observation, everything in it checked.

    Raises:
        InputError: No kind, a value that is neither a finite number, nor text, nor a vector of numbers, or too much.

    >>> encode("rate", "film-1", {"stars": 4})
    b'{"kind":"rate","item":"film-1","attributes":{"stars":4.0}}'
    """
    said: dict[str, Any] = {"kind": text(kind, "kind")}
    if said["kind"] is None:
        raise InputError('kind is None; say what was done, for example "view"')
    if item is not None:
        said["item"] = text(item, "item")
    if attributes and (known := _attributes(attributes)):
        said["attributes"] = known
    return encoding.encode_json(said, "the observation")


def _attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in given.items() if not isinstance(value, np.ndarray | list | tuple)}
    known: dict[str, Any] = dict(encoding.canonical(plain, "attributes"))
    for name, value in given.items():
        if name not in plain:
            known[name] = encoding.canonical(value, f"attributes[{name!r}]").tolist()  # type: ignore[union-attr] # an array
    return known


def decode(body: bytes | None) -> Observation:
    """The observation of these bytes. Raises CorruptStore.

    >>> decode(b'{"kind":"view","item":"a"}')
    Observation(kind='view', item='a', attributes={})
    """
    try:
        said = orjson.loads(body or b"")
        kind, item, attributes = said["kind"], said.get("item"), said.get("attributes", {})
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CorruptStore(f"an observation in the log does not say what was done: {error}") from error
    if type(kind) is not str or not isinstance(item, str | None) or type(attributes) is not dict:
        raise CorruptStore(f"an observation in the log does not say what was done: {said!r}"[:200])
    return Observation(kind, item, attributes)
