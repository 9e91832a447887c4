"""Conversion between the nested namespaces of Vowpal Wabbit's JSON and flat rows of features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from croupier.errors import EvidenceError
from croupier_policies import Row, flat_row

MAX_DEPTH = 20


def flatten(
    features: Mapping[str, Any], hidden: bool = True, whole: Callable[[Any], bool] = lambda value: False
) -> dict[str, Any]:
    """Nested features by their paths; what is nested more than 20 deep is left out.

    Args:
        features: Nested features.
        hidden: Whether names with a leading underscore are not features, as in Vowpal Wabbit.
        whole: Whether an object or a list is a value as it is.

    >>> flatten({"User": {"age": 7, "_id": 3}, "tags": [{"hot": 1}, {"new": True}], "hour": 14, "x": [0.5, 2]})
    {'User.age': 7, 'tags.hot': 1, 'tags.new': True, 'hour': 14, 'x.0': 0.5, 'x.1': 2}
    """
    return dict(_leaves(features, "", hidden, whole, MAX_DEPTH))


def _leaves(value: Any, path: str, hidden: bool, whole: Callable[[Any], bool], depth: int) -> Iterator[tuple[str, Any]]:
    if not depth:
        return
    if path and whole(value):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if not (hidden and str(name).startswith("_")):
                yield from _leaves(inner, f"{path}.{name}" if path else str(name), hidden, whole, depth - 1)
    elif isinstance(value, list | tuple):
        for k, inner in enumerate(value):
            yield from _leaves(inner, path if isinstance(inner, Mapping) else f"{path}.{k}", hidden, whole, depth - 1)
    else:
        yield path, value


def to_namespaces(row: Row) -> dict[str, Any]:
    """The features of a row in the form of Vowpal Wabbit's JSON; an array becomes the namespace `x`.

    Several values under a name become flat features of their own, as policies that read flat rows get them.

    Raises:
        EvidenceError: A name has a leading underscore, so it would not be read as a feature.

    >>> to_namespaces({"hour": 14.0, "tags": ["new"]}), to_namespaces(np.array([0.5]))
    ({'hour': 14.0, 'tags=new': 'true'}, {'x': [0.5]})
    """
    flat = flat_row(row)
    if isinstance(flat, np.ndarray):
        return {"x": flat.tolist()}
    hidden = [name for name in flat if name.startswith("_")]
    if hidden:
        raise EvidenceError(
            f"the feature {hidden[0]!r} would be lost, because a name with a leading underscore is not a feature; "
            "rename it"
        )
    return dict(flat)
