"""Checks of the arguments of the live loop, before anything is logged or learned."""

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
from croupier_policies import Row, Vector

Context = Mapping[str, Any] | Sequence[float] | Vector
Candidates = Sequence[str] | Mapping[str, Any] | Catalogue


class CandidateSets:
    """Checks and encodes candidates; sets of ids without features are cached.

    Args:
        hide: Replaces the private fields of an action's features; None where no field is private.
    """

    def __init__(self, hide: Callable[[Row], Row] | None = None) -> None:
        self._encoded_ids: FIFOCache[tuple[str, ...], EncodedActions] = FIFOCache(1024)
        self._hidden: FIFOCache[str, Catalogue] = FIFOCache(16)
        self._hide = hide

    def encode(self, actions: Candidates, exclude: Collection[str]) -> EncodedActions:
        """Check and encode the candidates that are not excluded. Raises InputError."""
        if isinstance(actions, str) or isinstance(exclude, str):
            raise InputError("actions or exclude is a string; give a collection of ids, a single id in a list")
        if isinstance(actions, Catalogue):
            return self._without_private(actions).encode(exclude)
        if not isinstance(actions, Mapping):
            return self._without_features(tuple(a for a in actions if a not in exclude) if exclude else tuple(actions))
        kept = {a: features for a, features in actions.items() if a not in exclude}
        if all(features is None for features in kept.values()):
            return self._without_features(tuple(kept))
        rows = tuple(encoding.canonical({} if f is None else f, f"actions[{a!r}]") for a, f in kept.items())
        if self._hide is not None:
            rows = tuple(map(self._hide, rows))
        return encoding.encode_actions(tuple(kept), rows)

    def _without_private(self, catalogue: Catalogue) -> Catalogue:
        rows = catalogue.actions.rows
        if self._hide is None or rows is None or isinstance(rows[0], np.ndarray):
            return catalogue
        hidden = self._hidden.get(catalogue.version)
        if hidden is None:
            hidden = Catalogue(catalogue.ids, tuple(map(self._hide, rows)))
            self._hidden.put(catalogue.version, hidden)
        return hidden

    def _without_features(self, ids: tuple[str, ...]) -> EncodedActions:
        try:
            encoded = self._encoded_ids.get(ids)
        except TypeError as error:
            raise InputError(
                f"actions contains a value that is not an id ({error}); name actions by strings"
            ) from error
        if encoded is None:
            encoded = encoding.encode_actions(ids, None)
            self._encoded_ids.put(ids, encoded)
        return encoded


def add_unit_field(context: Context, unit: str | None, field: str | None) -> Context:
    """The context with the unit in the field in which the policy expects it, unless the application set that field."""
    if field is None or unit is None or not isinstance(context, Mapping) or field in context:
        return context
    return {**context, field: unit}


def reward_value(value: Any, low: float, high: float) -> float:
    """The reward as a float. Raises InputError unless it is a finite number between `low` and `high`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise InputError(f"the reward {value!r} is a {type(value).__name__}; give a number, for example float(clicked)")
    reward = float(value)
    if not math.isfinite(reward) or not low <= reward <= high:
        raise InputError(
            f"the reward {reward} is not between {low} and {high}: learning it would distort every later estimate; "
            "set reward_range to the range of your rewards when you create a store"
        )
    return reward + 0.0


def text(value: Any, argument: str) -> str | None:
    """A non-empty string without NUL, or None. Raises InputError."""
    if value is None:
        return None
    if not isinstance(value, str) or not value or "\0" in value:
        raise InputError(f"{argument} is {value!r}; give a non-empty string without NUL")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{argument} is {value!r}, which contains half of a surrogate pair; give valid Unicode"
        ) from error
    return value


def timestamp(at: Any, clock: Callable[[], float]) -> float:
    """The time `at` in seconds since 1970, by default the time of the clock. Raises InputError."""
    if at is None:
        return clock()
    if isinstance(at, bool) or not isinstance(at, int | float) or not math.isfinite(at):
        raise InputError(f"at is {at!r}; give seconds since 1970 as a finite number, for example datetime.timestamp()")
    return float(at) + 0.0
