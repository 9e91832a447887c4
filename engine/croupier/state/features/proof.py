"""Behaviour proved: what a decision was shown against what the observations before it give."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from croupier.state.features.state import FeatureState
from croupier_policies import Row
from croupier_storage import Fact


def featured(fact: Fact) -> bool:
    """Whether a decision says that features stand in its context."""
    return bool(fact.body is not None and orjson.loads(fact.body).get("features"))


def difference(behaviour: FeatureState, fact: Fact, logged: Row, tolerance: float) -> str | None:
    """The first feature of a decision that the state before it does not give, or None.

    Args:
        behaviour: At the decision's `as_of`.
        fact: The decision.
        logged: Its decoded context.
        tolerance: How far numbers may be apart, relative to the larger of them or 1.
    """
    if featured(fact) != (behaviour.features is not None):
        return "it was made without features, and the store has some, or the other way round"
    if not featured(fact):
        return None
    given = behaviour.context(behaviour.given(logged), fact.unit, fact.at)
    if not isinstance(logged, Mapping) or not isinstance(given, Mapping):
        return "its context is an array, and features have names"
    for name in {**logged, **given}:
        if not alike(logged.get(name), given.get(name), tolerance):
            return (
                f"it was shown {name!r} = {logged.get(name)!r}, and the observations before it give {given.get(name)!r}"
            )
    return None


def alike(one: float | str | None, other: float | str | None, tolerance: float) -> bool:
    """Whether two features are equal, or as close as the tolerance lets numbers be.

    >>> alike(1.0, 1.0 + 1e-12, 1e-9), alike("a", "a", 0.0), alike(1.0, None, 1e-9)
    (True, True, False)
    """
    if one == other or not isinstance(one, float) or not isinstance(other, float):
        return one == other
    return abs(one - other) <= tolerance * max(abs(one), abs(other), 1.0)
