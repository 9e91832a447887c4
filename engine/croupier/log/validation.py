"""Checks of the arguments of the live loop, before anything is logged or learned."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier.errors import InputError, UnknownDecision
from croupier.log import encoding
from croupier.log.arguments import real
from croupier.log.cache import FIFOCache
from croupier.log.canonical import canonical
from croupier.log.catalogue import Catalogue
from croupier.log.encoding import EncodedActions
from croupier.log.identifiers import action_id, action_ids, exclusions, is_storable, shown
from croupier.log.limits import ACTIONS, CLOCK_SKEW, TIME
from croupier_policies import Actions, Row
from croupier_storage import references

Context = Mapping[str, Any] | Sequence[float] | NDArray[Any]
Candidates = Sequence[str] | Set[str] | Iterable[str] | Mapping[str, Any] | Catalogue

Time = float | datetime | np.integer[Any]  # seconds since 1970, or a time with a zone


class CandidateSets:
    """Checks and encodes candidates; sets of ids without features are cached.

    Args:
        hide: Replaces the private fields of an action's features; None where no field is private.
    """

    def __init__(self, hide: Callable[[Row], Row] | None = None) -> None:
        self._encoded_ids: FIFOCache[tuple[str, ...], EncodedActions] = FIFOCache(1024)
        self._features: FIFOCache[bytes, Row] = FIFOCache(4096)
        self._hidden: FIFOCache[str, Catalogue] = FIFOCache(16)
        self._hide = hide

    def encode(self, actions: Candidates, exclude: Iterable[str]) -> EncodedActions:
        """Check and encode the candidates that are not excluded. Raises InputError."""
        if isinstance(actions, Catalogue):
            return self._without_private(actions).encode(exclude)
        excluded = exclusions(exclude)
        if not isinstance(actions, Mapping):
            ids = action_ids(actions)
            return self._without_features(
                tuple(a for a in map(action_id, ids) if a not in excluded) if excluded else ids
            )
        pairs = list(islice(actions.items(), ACTIONS.maximum + 1))
        if len(pairs) > ACTIONS.maximum:
            raise InputError(f"actions has more than {ACTIONS.maximum:,} {ACTIONS.unit}: {ACTIONS.reason}")
        if excluded:
            pairs = [(id, features) for a, features in pairs if (id := action_id(a)) not in excluded]
        ids = tuple(a for a, _ in pairs)
        if all(features is None for _, features in pairs):
            return self._without_features(ids)
        rows = tuple(canonical({} if f is None else f, f"actions[{shown(a)}]") for a, f in pairs)
        if self._hide is not None:
            rows = tuple(map(self._hide, rows))
        return self._with_shared_features(encoding.encode_actions(ids, rows))

    def _with_shared_features(self, encoded: EncodedActions) -> EncodedActions:
        """The candidates, with rows in memory once that earlier sets have too."""
        actions, (digests, _) = encoded.actions, references(encoded.body)
        if not digests or actions.rows is None:
            return encoded
        rows = []
        for digest, row in zip(digests, actions.rows, strict=True):
            if (shared := self._features.get(digest)) is None:
                self._features.put(digest, shared := row)
            rows.append(shared)
        return encoded._replace(actions=Actions(actions.ids, tuple(rows)))

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
            self._encoded_ids.put(encoded.actions.ids, encoded)
        return encoded


def add_unit_field(context: Context, unit: str | None, field: str | None) -> Context:
    """The context with the unit in the field in which the policy expects it, unless the application set that field."""
    if field is None or unit is None or not isinstance(context, Mapping) or field in context:
        return context
    return {**context, field: unit}


def decision_reference(id: Any) -> str:
    """The id by which a decision is looked up. Raises UnknownDecision for what cannot be one."""
    if not is_storable(id):
        raise UnknownDecision(
            f"no decision {shown(id)} is in the log, so nothing could be learned from this; pass the `id` of a "
            "decision that this store made"
        )
    return str.__str__(id)


def reward_value(value: Any, low: float, high: float) -> float:
    """The reward as a float. Raises InputError unless it is a finite number between `low` and `high`."""
    reward = value if type(value) is float and math.isfinite(value) else real(value)
    if reward is None:
        if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
            raise InputError(
                f"the reward is {shown(value)}, a {type(value).__name__}; give a number, for example float(clicked)"
            )
    elif low <= reward <= high:
        return reward + 0.0
    raise InputError(
        f"the reward {shown(value)} is not between {low} and {high}: learning it would distort every later estimate; "
        "set reward_range to the range of your rewards when you create a store"
    )


def timestamp(at: Any, clock: Callable[[], float]) -> float:
    """The time `at` in seconds since 1970, by default the time of the clock.

    Args:
        at: Seconds since 1970 as a number of Python or numpy, or a `datetime` with a zone, such as pandas' `Timestamp`.
        clock: The default; `checked_clock` has made sure that it returns seconds.

    Raises:
        InputError: Another type, a time without a zone, or a number that cannot be in seconds.
    """
    if at is None:
        return clock()
    return at + 0.0 if type(at) is float and -TIME.maximum < at < TIME.maximum else _seconds(at, "at")


def checked_clock(clock: Callable[[], Any]) -> Callable[[], float]:
    """The clock, whose result is checked at every call, unless it is the system's own."""
    if clock is time.time:
        return clock
    return lambda: _seconds(clock(), "clock()")


def _seconds(at: Any, argument: str) -> float:
    if isinstance(at, datetime):
        if at.tzinfo is None or at.utcoffset() is None:
            raise InputError(
                f"{argument} is {shown(at)} without a time zone, and would mean another time on every machine; give it "
                "one, for example datetime.now(UTC)"
            )
        return at.timestamp() + 0.0
    seconds = real(at)
    if seconds is None:
        raise InputError(
            f"{argument} is {shown(at)}; give seconds since 1970 as a finite number, for example "
            "datetime.timestamp(), or a datetime with a zone"
        )
    if abs(seconds) >= TIME.maximum:
        unit, factor = next(
            ((unit, factor) for unit, factor in _FRACTIONS if abs(seconds) < TIME.maximum * factor), _FRACTIONS[-1]
        )
        raise InputError(
            f"{argument} is {shown(at)}, which is not in seconds since 1970 but probably in {unit}: every reward "
            f"window would close at once; divide it by {factor:g}"
        )
    return seconds


_FRACTIONS = (("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9))


def not_before(at: float, decided_at: float, given: bool) -> float:
    """The time of what follows a decision, not before the decision itself.

    Clocks of two machines differ, and a clock may be set back: a time of the engine's own clock, or one within
    `CLOCK_SKEW` before the decision, becomes the decision's.

    Args:
        at: Seconds since 1970.
        decided_at: Of the decision.
        given: Whether the application gave the time.

    Raises:
        InputError: The application dated it further back.
    """
    if at >= decided_at:
        return at
    if given and at < decided_at - CLOCK_SKEW:
        raise InputError(
            f"at is {at:.3f}, {decided_at - at:,.3f} seconds before the decision ({decided_at:.3f}): it would count in "
            "the wrong window. Give the time at which it happened, in seconds since 1970, or none"
        )
    return decided_at
