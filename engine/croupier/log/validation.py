"""The arguments of the live loop, checked before anything is logged or learned."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from croupier.errors import InputError
from croupier.log import encoding
from croupier.log.cache import FIFOCache
from croupier.log.catalogue import Catalogue
from croupier.log.encoding import EncodedActions
from croupier_policies import Vector

Context = Mapping[str, Any] | Sequence[float] | Vector
Candidates = Sequence[str] | Mapping[str, Any] | Catalogue


class CandidateSets:
    """Checks and encodes candidates; sets without features only once."""

    def __init__(self) -> None:
        self._plain: FIFOCache[tuple[str, ...], EncodedActions] = FIFOCache(1024)

    def encoded(self, actions: Candidates, exclude: Collection[str]) -> EncodedActions:
        """The candidates that are not excluded. Raises InputError."""
        if isinstance(actions, str) or isinstance(exclude, str):
            raise InputError("actions and exclude are collections of ids, not one string; wrap a single id in a list")
        if isinstance(actions, Catalogue):
            return actions.encoded(exclude)
        if not isinstance(actions, Mapping):
            return self._without_features(tuple(a for a in actions if a not in exclude) if exclude else tuple(actions))
        kept = {a: features for a, features in actions.items() if a not in exclude}
        if all(features is None for features in kept.values()):
            return self._without_features(tuple(kept))
        rows = tuple(encoding.canonical({} if f is None else f, f"actions[{a!r}]") for a, f in kept.items())
        return encoding.encode_actions(tuple(kept), rows)

    def _without_features(self, ids: tuple[str, ...]) -> EncodedActions:
        try:
            held = self._plain.get(ids)
        except TypeError as error:
            raise InputError(f"actions holds what cannot be an id ({error}); name actions by strings") from error
        if held is None:
            held = encoding.encode_actions(ids, None)
            self._plain.put(ids, held)
        return held


def with_unit_field(context: Context, unit: str | None, field: str | None) -> Context:
    """The context with the unit in this field, if the policy needs it and the application did not set it."""
    if field is None or unit is None or not isinstance(context, Mapping) or field in context:
        return context
    return {**context, field: unit}


def reward_value(value: Any, low: float, high: float) -> float:
    """The reward as a float. Raises InputError for what is no finite number of the range."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise InputError(f"the reward {value!r} is a {type(value).__name__}; give a number, for example float(clicked)")
    reward = float(value)
    if not math.isfinite(reward) or not low <= reward <= high:
        raise InputError(
            f"the reward {reward} is not between {low} and {high}: learned, it would spoil every later estimate; "
            "declare the range of your rewards when opening a new store (reward_range)"
        )
    return reward + 0.0


def text(value: Any, what: str) -> str | None:
    """A non-empty string without NUL, or None. Raises InputError."""
    if value is None:
        return None
    if not isinstance(value, str) or not value or "\0" in value:
        raise InputError(f"{what} is {value!r}; give a non-empty string without NUL")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{what} is {value!r}, half of a surrogate pair, which is no text; leave it out") from error
    return value


def timestamp(at: Any, clock: Callable[[], float]) -> float:
    """Seconds since 1970; the clock's time by default. Raises InputError."""
    if at is None:
        return clock()
    if isinstance(at, bool) or not isinstance(at, int | float) or not math.isfinite(at):
        raise InputError(f"at is {at!r}; give seconds since 1970 as a finite number, for example datetime.timestamp()")
    return float(at) + 0.0
