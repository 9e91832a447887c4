"""What is remembered of one unit, and of one item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import orjson

from croupier.state.features.decay import DecayedCounts

RECENT = 64  # events of a unit at hand for its windows


class Unit:
    """A history, the current session, and the latest events; the session joins the history when it has ended."""

    __slots__ = ("history", "items", "recent", "session", "sessions")

    def __init__(self) -> None:
        self.history, self.session, self.sessions = DecayedCounts(), DecayedCounts(), 0
        self.recent: list[list[Any]] = []  # [at, kind]
        self.items: list[str] = []  # the last, the latest first

    def plain(self) -> bytes:
        """As JSON."""
        return orjson.dumps([self.history.plain(), self.session.plain(), self.sessions, self.recent, self.items])

    @classmethod
    def of(cls, plain: bytes) -> Self:
        """The unit of such JSON."""
        new = cls()
        history, session, new.sessions, new.recent, new.items = orjson.loads(plain)
        new.history, new.session = DecayedCounts.of(history), DecayedCounts.of(session)
        return new

    def turn(self, at: float, gap: float, half_lives: Sequence[float]) -> DecayedCounts:
        """The trace in which an event of this time belongs: the session's, a new one's, or, too late, the history's."""
        if self.over(at, gap):
            self.history.merge(self.session, half_lives)
            self.session, self.sessions = DecayedCounts(), self.sessions + 1
        late = self.session.n > 0 and at < self.session.first - gap
        return self.history if late else self.session

    def over(self, at: float, gap: float) -> bool:
        """Whether the session has ended by then."""
        return self.session.n > 0 and at > self.session.last + gap

    def apart(self, at: float, gap: float, half_lives: Sequence[float]) -> tuple[DecayedCounts, DecayedCounts]:
        """History h and session c as they stand at a time; nothing is changed."""
        if not self.over(at, gap):
            return self.history, self.session
        joined = self.history.copy()
        joined.merge(self.session, half_lives)
        return joined, DecayedCounts()

    def note(self, at: float, kind: str | None, item: str | None, items: int) -> None:
        """Keep the event among the latest."""
        if kind is not None:
            self.recent.append([at, kind])
            if len(self.recent) > RECENT:
                del self.recent[0]
        if item is not None and items:
            self.items = [item, *(other for other in self.items if other != item)][:items]

    def discount(self, keep: float) -> None:
        """Let what fades count for `keep` of what it did."""
        self.history.discount(keep)
        self.session.discount(keep)


class Item:
    """What was done to an item, and what is known of it."""

    __slots__ = ("known", "trace")

    def __init__(self) -> None:
        self.trace = DecayedCounts()
        self.known: Mapping[str, Any] = {}

    def plain(self) -> bytes:
        """As JSON."""
        return orjson.dumps([self.trace.plain(), self.known])

    @classmethod
    def of(cls, plain: bytes) -> Self:
        """The item of such JSON."""
        new = cls()
        trace, new.known = orjson.loads(plain)
        new.trace = DecayedCounts.of(trace)
        return new
