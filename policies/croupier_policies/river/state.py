"""River models as plain data, for an exact allow-list of classes; no pickle. `restore_model` is the inverse.

The linear models of River and our own default model are on the allow-list. A model that contains anything else, such as
a tree or a window, raises `NotStorable`; the engine restores it by replaying the log.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable
from functools import lru_cache
from math import isfinite
from typing import Any, Final

import numpy as np

from croupier_policies.base import State
from croupier_policies.errors import NotStorable

SCALARS: Final = (type(None), bool, int, str)


def model_state(model: Any) -> State:
    """Everything a River model has learned, as plain data for JSON; equal models give equal data.

    The order of a mapping is preserved, because it is the order of summation. Exceptions are sets, and the running
    statistics of River's scalers: reading an unknown feature adds an entry to those, so entries equal to the default
    are left out, and the others are sorted.

    Args:
        model: A River model, trained or not.

    Returns:
        None, bool, int, finite floats, str, lists and dicts with string keys, sharing nothing with the model.

    Raises:
        NotStorable: The model contains something outside the allow-list, or the same object twice.

    >>> from croupier_policies.river.restore import restore_model
    >>> from river import linear_model
    >>> model = linear_model.LinearRegression()
    >>> model.learn_one({"x": 1.0}, 0.5)
    >>> restore_model(model_state(model)).predict_one({"x": 2.0}) == model.predict_one({"x": 2.0})
    True
    """
    state = _write(model, {})
    if not isinstance(state, dict) or "object" not in state:
        raise NotStorable(f"{type(model).__name__} is not a River model")
    return state


@lru_cache(maxsize=1)
def allowlist_module() -> Any:
    """The module `allowlist`, imported on first use."""
    from croupier_policies.river import allowlist  # importing River takes half a second

    return allowlist


def _write(value: Any, seen: dict[int, Any]) -> Any:
    """`value` as plain data; `seen` keeps every mutable object alive, so that no `id` is reused."""
    kind = type(value)
    if kind in SCALARS:
        return value
    if kind is float:
        return value if isfinite(value) else {"float": repr(value)}  # JSON has no infinity
    if kind is np.float64:  # distinct from float: powers and divisions by zero behave differently
        return {"float64": repr(float(value))}
    if kind is tuple:
        return {"tuple": [_write(item, seen) for item in value]}
    if isinstance(value, type):
        return {"type": _name(allowlist_module().TYPES, value)}
    if id(value) in seen:
        raise NotStorable(f"the same {kind.__name__} is referenced twice: two copies would diverge after restoring")
    seen[id(value)] = value
    return _write_mutable(value, kind, seen)


def _write_mutable(value: Any, kind: type, seen: dict[int, Any]) -> Any:
    if kind is list:
        return [_write(item, seen) for item in value]
    if kind is set:
        return {"set": [_write(item, seen) for item in _sorted(value)]}
    if kind is dict or kind is OrderedDict:
        return {kind.__name__: _entries(value.items(), seen)}
    if kind is Counter:
        return {"Counter": _entries(value.items(), seen)}
    if kind is defaultdict:
        return {
            "defaultdict": [_name(allowlist_module().FACTORIES, value.default_factory), *_entries(value.items(), seen)]
        }
    if kind is allowlist_module().VectorDict:
        return {"VectorDict": _entries(value.to_dict().items(), seen)}
    return {"object": _write_object(value, kind, seen)}


def _write_object(value: Any, kind: type, seen: dict[int, Any]) -> State:
    name = allowlist_module().stored_name(kind)
    known = allowlist_module().classes().get(name)
    if known is None or known.kind is not kind:
        raise NotStorable(f"{name} is not on the allow-list of classes that can be stored as data")
    attributes = {k: v for k, v in sorted(vars(value).items()) if k not in known.derived}
    if extra := set(attributes) - known.attributes:
        raise NotStorable(f"{name} has attributes that its class does not define: {sorted(extra)}")
    written = {k: _write(_informative_entries(v) if k in known.growing else v, seen) for k, v in attributes.items()}
    return {"class": name, "attributes": written}


def _entries(items: Iterable[tuple[Any, Any]], seen: dict[int, Any]) -> list[list[Any]]:
    """Keys and values as two lists: a dict of the codec preserves neither other keys than strings nor their order."""
    pairs = list(items)
    return [[_write(key, seen) for key, _ in pairs], [_write(value, seen) for _, value in pairs]]


def _informative_entries(mapping: defaultdict[Any, Any]) -> defaultdict[Any, Any]:
    """The entries that differ from the default, sorted."""
    factory = mapping.default_factory
    if factory is None or factory not in allowlist_module().FACTORIES.values():
        return mapping  # `_write` refuses it
    default = repr(_write(factory(), {}))  # repr distinguishes −0.0 from 0.0
    entries = (key for key in _sorted(mapping) if repr(_write(mapping[key], {})) != default)
    return defaultdict(factory, [(key, mapping[key]) for key in entries])


def _sorted(keys: Iterable[Any]) -> list[Any]:
    return sorted(keys, key=lambda key: (type(key).__name__, repr(key)))


def _name(names: dict[str, Any], value: Any) -> str:
    for name, known in names.items():
        if known is value:
            return name
    raise NotStorable(f"{value!r} is not on the allow-list")
