"""Behaviour: what units do between decisions."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from croupier.behaviour import observation
from croupier.facade.core import Core
from croupier.inputs import moment, text
from croupier_storage import Kind


class Observing(Core):
    """The part of the engine that is told what units do."""

    def observe(
        self,
        unit: str | None,
        kind: str,
        item: str | None = None,
        *,
        key: str | None = None,
        at: float | None = None,
        **attributes: Any,
    ) -> int:
        """Log what a unit did: a view, a click, a cart, a purchase, a rating. Returns the position of the fact.

        Args:
            unit: Who did it; None for what is said of an item alone.
            kind: What was done.
            item: To what.
            key: Makes the call idempotent: one key, one observation.
            at: When, in seconds since 1970; the clock's time by default. It may come late, and out of order.
            attributes: What else is known: numbers, strings, booleans, 1-D arrays (None is left out).

        Raises:
            InputError: The input cannot be what was meant.
            Conflict: The key was used for something else.
            StoreError: The store has failed. What is observed during an outage is not kept.

        >>> from croupier import Engine
        >>> with Engine.open("sqlite://", seed=7, learner=None) as engine:
        ...     engine.observe("user-17", "rate", "film-3", stars=4, at=1.7e9)
        1
        """
        body = observation.encode(kind, item, attributes)
        unit, key, when = text(unit, "unit"), text(key, "key"), moment(at, self._clock)
        live = self._ready()
        with live.lock:
            live.check()
            live.fold.behaviour.check(body)
            if key is not None and (earlier := live.history.keyed(key, (Kind.OBSERVATION, None, None, unit, body))):
                return earlier.position
            fact = live.say(Kind.OBSERVATION, when, unit=unit, key=key, body=body)
            live.history.keep_key(fact)
        live.settle(fact.position)
        return fact.position

    def used_keys(self, keys: Collection[str]) -> set[str]:
        """Those of these keys that rewards or observations in the log have; looked up at once, for who has many."""
        live = self._ready()
        with live.lock:
            live.check()
            return live.history.look_up(keys)

    def unit_features(self, unit: str | None, *, at: float | None = None) -> dict[str, float | str]:
        """What a policy is shown of a unit at a time, φ(h, c); of one never seen where it is None.

        Raises:
            NotNow: The store has no features.
        """
        when, live = moment(at, self._clock), self._ready()
        with live.lock:
            return live.fold.behaviour.known.unit(unit, when)

    def item_features(self, items: Collection[str], *, at: float | None = None) -> dict[str, dict[str, float | str]]:
        """What is known of items at a time: candidates with features, for `choose`.

        Raises:
            NotNow: The store has no features.
        """
        when, live = moment(at, self._clock), self._ready()
        with live.lock:
            known = live.fold.behaviour.known
            return {item: known.item(item, when) for item in items}
