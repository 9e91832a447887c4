"""Comparison of the features in a logged context with those computed from the observations before the decision."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from croupier.state.features.state import FeatureState
from croupier_policies import Row, Value
from croupier_storage import Fact


def has_features(fact: Fact) -> bool:
    """Whether the context of a decision contains features of its unit."""
    return bool(fact.body is not None and orjson.loads(fact.body).get("features"))


def first_difference(state: FeatureState, fact: Fact, logged: Row, tolerance: float) -> str | None:
    """The first feature of a decision that differs from the computed one, as a phrase; None if all agree.

    Args:
        state: The feature state at the decision's `as_of`.
        fact: The decision.
        logged: Its decoded context.
        tolerance: The largest difference allowed, relative to the larger of the two numbers or 1.
    """
    if has_features(fact) != (state.features is not None):
        return "its context has features but the store computes none, or the reverse"
    if not has_features(fact):
        return None
    computed = state.context(state.application_context(logged), fact.unit, fact.at)
    if not isinstance(logged, Mapping) or not isinstance(computed, Mapping):
        return "its context is an array, but features are named"
    for name in filter(state.features.owns, {**logged, **computed}) if state.features else ():
        if not nearly_equal(logged.get(name), computed.get(name), tolerance):
            return (
                f"its context has {name!r} = {logged.get(name)!r}, but the observations before it give "
                f"{computed.get(name)!r}"
            )
    return None


def nearly_equal(one: Value | None, other: Value | None, tolerance: float) -> bool:
    """Whether two features are equal, numbers up to a relative tolerance.

    >>> nearly_equal(1.0, 1.0 + 1e-12, 1e-9), nearly_equal("a", "a", 0.0), nearly_equal(1.0, None, 1e-9)
    (True, True, False)
    """
    if one == other or not isinstance(one, float) or not isinstance(other, float):
        return one == other
    return abs(one - other) <= tolerance * max(abs(one), abs(other), 1.0)
