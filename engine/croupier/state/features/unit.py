"""What the fold remembers of one unit and of one item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import orjson

from croupier.state.features.decay import DecayedCounts

MAX_RECENT_EVENTS = 64  # of a unit, from which events within windows are counted


class Unit:
    """The history of a unit, its current session and its latest events.

    A session is merged into the history once it has ended.

    Attributes:
        history: Events of the sessions that have ended.
        session: Events of the current session.
        sessions: Number of sessions that have ended.
        recent: [time, kind] of the latest events, the oldest first.
        items: The latest items, the most recent first.
    """

    __slots__ = ("history", "items", "recent", "session", "sessions")

    def __init__(self) -> None:
        self.history, self.session, self.sessions = DecayedCounts(), DecayedCounts(), 0
        self.recent: list[list[Any]] = []
        self.items: list[str] = []

    def to_json(self) -> bytes:
        """The content as JSON."""
        return orjson.dumps([self.history.as_list(), self.session.as_list(), self.sessions, self.recent, self.items])

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """The unit that `to_json` wrote."""
        new = cls()
        history, session, new.sessions, new.recent, new.items = orjson.loads(body)
        new.history, new.session = DecayedCounts.from_list(history), DecayedCounts.from_list(session)
        return new

    def counts_for(self, at: float, gap: float, half_lives: Sequence[float]) -> DecayedCounts:
        """The counts to which an event at this time belongs, after closing a session that has ended.

        They are those of the session, or those of the history if the event is older than the session by more than
        `gap` seconds.
        """
        if self.session_ended(at, gap):
            self.history.merge(self.session, half_lives)
            self.session, self.sessions = DecayedCounts(), self.sessions + 1
        late = self.session.events > 0 and at < self.session.first_at - gap
        return self.history if late else self.session

    def session_ended(self, at: float, gap: float) -> bool:
        """Whether the session has had no event for more than `gap` seconds at this time."""
        return self.session.events > 0 and at > self.session.last_at + gap

    def history_and_session(
        self, at: float, gap: float, half_lives: Sequence[float]
    ) -> tuple[DecayedCounts, DecayedCounts]:
        """History h and session c as of a time; the unit is not changed."""
        if not self.session_ended(at, gap):
            return self.history, self.session
        joined = self.history.copy()
        joined.merge(self.session, half_lives)
        return joined, DecayedCounts()

    def remember(self, at: float, kind: str | None, item: str | None, items: int) -> None:
        """Add an event to the latest ones, and its item to the latest `items`."""
        if kind is not None:
            self.recent.append([at, kind])
            if len(self.recent) > MAX_RECENT_EVENTS:
                del self.recent[0]
        if item is not None and items:
            self.items = [item, *(other for other in self.items if other != item)][:items]

    def discount(self, retain: float) -> None:
        """Multiply the decayed values of history and session by `retain`."""
        self.history.discount(retain)
        self.session.discount(retain)


class Item:
    """The events of an item and its latest attributes.

    Attributes:
        activity: Counts of the events in which a unit acted on the item.
        attributes: The latest value of each attribute.
    """

    __slots__ = ("activity", "attributes")

    def __init__(self) -> None:
        self.activity = DecayedCounts()
        self.attributes: Mapping[str, Any] = {}

    def to_json(self) -> bytes:
        """The content as JSON."""
        return orjson.dumps([self.activity.as_list(), self.attributes])

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """The item that `to_json` wrote."""
        new = cls()
        activity, new.attributes = orjson.loads(body)
        new.activity = DecayedCounts.from_list(activity)
        return new
