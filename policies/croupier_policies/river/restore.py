"""Restores River models from plain data: names are looked up in the allow-list, attributes are assigned.

The data may be forged. Nothing in it is imported or called; its size is limited by the snapshot codec.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from croupier_policies.base import State
from croupier_policies.errors import ForgedState
from croupier_policies.river.state import SCALARS, allowlist_module

DEPTH: Final = 32  # a pipeline of unions nests about ten deep; deeper data is meant to overflow the stack


def restore_model(state: State) -> Any:
    """The model that `model_state` described; it predicts and learns like the original, bit for bit.

    Args:
        state: The result of `model_state`, or a forgery of it.

    Returns:
        A new model that shares nothing with `state`.

    Raises:
        ForgedState: An unknown class or attribute, or data of another structure.

    >>> restore_model({"object": {"class": "os.system", "attributes": {}}})
    Traceback (most recent call last):
    ...
    croupier_policies.errors.ForgedState: not a class of the allow-list: 'os.system'
    """
    if not isinstance(state, dict) or set(state) != {"object"}:
        raise ForgedState("a model's state is {'object': ...}")
    return _read(state, 0)


def _read(data: Any, depth: int) -> Any:
    if depth > DEPTH:
        raise ForgedState(f"the data is nested more than {DEPTH} levels deep")
    if type(data) in SCALARS or type(data) is float:
        return data
    if type(data) is list:
        return [_read(item, depth + 1) for item in data]
    if type(data) is not dict or len(data) != 1:
        raise ForgedState(f"not plain data: {type(data).__name__}")
    ((tag, body),) = data.items()
    return _look_up(_READERS, tag, "kind of value")(body, depth + 1)


def _look_up(names: Any, name: Any, what: str) -> Any:
    if not isinstance(name, str) or name not in names:
        raise ForgedState(f"not a {what} of the allow-list: {name!r}")
    return names[name]


def _read_float(body: Any, depth: int) -> float:
    try:
        return float(body if type(body) is str else "")
    except ValueError as error:
        raise ForgedState(f"not a float: {body!r}") from error


def _read_list(body: Any, depth: int) -> list[Any]:
    if type(body) is not list:
        raise ForgedState(f"a list was expected, not {type(body).__name__}")
    return [_read(item, depth) for item in body]


def _read_keys(body: Any, depth: int) -> list[Any]:
    keys = _read_list(body, depth)
    parts = [part for key in keys for part in (key if type(key) is tuple else (key,))]
    if not all(type(part) in SCALARS or isinstance(part, float) for part in parts):
        raise ForgedState("a key must be a scalar or a tuple of scalars")
    return keys


def _read_entries(body: Any, depth: int) -> list[tuple[Any, Any]]:
    if type(body) is not list or len(body) != 2:
        raise ForgedState("a mapping is [keys, values]")
    keys, values = _read_keys(body[0], depth), _read_list(body[1], depth)
    if len(keys) != len(values) or len(set(keys)) != len(keys):
        raise ForgedState("a mapping needs as many values as keys, and no key twice")
    return list(zip(keys, values, strict=True))


def _read_defaultdict(body: Any, depth: int) -> defaultdict[Any, Any]:
    if type(body) is not list or len(body) != 3:
        raise ForgedState("a defaultdict is [factory, keys, values]")
    return defaultdict(_look_up(allowlist_module().FACTORIES, body[0], "factory"), _read_entries(body[1:], depth))


def _read_object(body: Any, depth: int) -> Any:
    if type(body) is not dict or set(body) != {"class", "attributes"} or type(body["attributes"]) is not dict:
        raise ForgedState("an object is {'class': ..., 'attributes': {...}}")
    known = _look_up(allowlist_module().classes(), body["class"], "class")
    if not known.required <= set(body["attributes"]) <= known.attributes:
        raise ForgedState(f"{body['class']} cannot have the attributes {sorted(map(str, body['attributes']))}")
    attributes = {name: _read(value, depth) for name, value in body["attributes"].items()}
    value = object.__new__(known.kind)
    vars(value).update(attributes)
    vars(value).update({name: derive(value) for name, derive in known.derived.items() if derive})
    return value


_READERS: Final[dict[str, Callable[[Any, int], Any]]] = {
    "Counter": lambda body, depth: Counter(dict(_read_entries(body, depth))),
    "OrderedDict": lambda body, depth: OrderedDict(_read_entries(body, depth)),
    "VectorDict": lambda body, depth: allowlist_module().VectorDict(dict(_read_entries(body, depth))),
    "defaultdict": _read_defaultdict,
    "dict": lambda body, depth: dict(_read_entries(body, depth)),
    "float": _read_float,
    "float64": lambda body, depth: np.float64(_read_float(body, depth)),
    "object": _read_object,
    "set": lambda body, depth: set(_read_keys(body, depth)),
    "tuple": lambda body, depth: tuple(_read_list(body, depth)),
    "type": lambda body, depth: _look_up(allowlist_module().TYPES, body, "type"),
}
