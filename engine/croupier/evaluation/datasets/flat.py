"""Features of Vowpal Wabbit's JSON, nested in namespaces, as the flat rows of a policy, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from croupier.errors import EvidenceError
from croupier_policies import Row


def flat(features: Mapping[str, Any]) -> dict[str, Any]:
    """Nested features by their paths; what begins with an underscore is none, as in Vowpal Wabbit.

    >>> flat({"User": {"age": 7, "_id": 3}, "tags": [{"hot": 1}, {"new": True}], "hour": 14, "x": [0.5, 2]})
    {'User.age': 7, 'tags.hot': 1, 'tags.new': True, 'hour': 14, 'x.0': 0.5, 'x.1': 2}
    """
    return dict(_walked(features, ""))


def _walked(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not name.startswith("_"):
                yield from _walked(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for k, inner in enumerate(value):
            yield from _walked(inner, path if isinstance(inner, Mapping) else f"{path}.{k}")
    else:
        yield path, value


def nested(row: Row) -> dict[str, Any]:
    """The features of a row as Vowpal Wabbit's JSON has them; an array becomes the namespace `x`.

    Raises:
        EvidenceError: A name begins with an underscore, and would be read as none.

    >>> nested({"hour": 14.0}), nested(np.array([0.5]))
    ({'hour': 14.0}, {'x': [0.5]})
    """
    if isinstance(row, np.ndarray):
        return {"x": row.tolist()}
    hidden = [name for name in row if name.startswith("_")]
    if hidden:
        raise EvidenceError(f"the feature {hidden[0]!r} would be lost: a name with an underscore in front is none")
    return dict(row)
