"""Finding earlier decisions and rewards of a log: in memory if recent, in the store otherwise."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from croupier.errors import Conflict, UnknownDecision, storing
from croupier.log.cache import FIFOCache
from croupier.log.identifiers import shown
from croupier.runtime.writer import Writer
from croupier.state.decisions import CACHED_DECISIONS
from croupier_storage import Fact, Kind, Storage

#: The content that a key stands for: kind, decision, reward, unit, body.
KeyContent: TypeAlias = "tuple[str, int | None, float | None, str | None, bytes | None]"


class LogIndex:
    """Finds decisions by id, rewards and observations by key.

    Memory holds more entries than the writer's queue does, so whatever has fallen out of memory is committed.
    """

    def __init__(self, storage: Storage, writer: Writer) -> None:
        self._storage, self._writer = storage, writer
        self._positions: FIFOCache[str, int] = FIFOCache(CACHED_DECISIONS)
        self._keyed: FIFOCache[str, Fact] = FIFOCache(CACHED_DECISIONS)
        self._absent: set[str] = set()  # keys of the last look-up that no fact has used
        self.put = self._positions.put

    def find(self, id: str) -> int:
        """The position of a decision. Raises UnknownDecision."""
        position = self._positions.get(id)
        if position is not None:
            return position
        with storing():
            decision = self._storage.decision(id) if isinstance(id, str) else None
        if decision is None:
            raise UnknownDecision(
                f"no decision {shown(id)} is in the log, so nothing could be learned from this; pass the `id` of a "
                "decision that this store made"
            )
        return decision.position

    def decision(self, id: str) -> Fact | None:
        """The decision of this id, as the log has it."""
        position = self._positions.get(id)
        if position is not None:
            self._writer.wait(position)
        with storing():
            return self._storage.decision(id)

    def keep_key(self, fact: Fact) -> None:
        """Remember the key of a reward or observation."""
        if fact.key is not None:
            self._keyed.put(fact.key, fact)

    def look_up(self, keys: Collection[str]) -> set[str]:
        """Load the facts that have used these keys into memory, in one query; returns the keys that were used."""
        unknown = {key for key in keys if self._keyed.get(key) is None}
        with storing():
            found = self._storage.facts_with_keys(sorted(unknown))
        for fact in found.values():
            self.keep_key(fact)
        self._absent = unknown - set(found)
        return set(keys) - self._absent

    def keyed(self, key: str, content: KeyContent) -> Fact | None:
        """The fact that has used this key. Raises Conflict if its content differs."""
        fact = self._keyed.get(key)
        if fact is None and key not in self._absent:
            with storing():
                fact = self._storage.fact_with_key(key)
        if fact is not None and (fact.kind, fact.decision, fact.reward, fact.unit, fact.body) != content:
            of = f"reward {fact.reward}" if fact.kind == Kind.REWARD else f"the {fact.kind}"
            raise Conflict(
                f"the key {shown(key)} was used for {of} at position {fact.position}; one key names one reward or "
                "observation: give each its own"
            )
        return fact

    def forget(self) -> None:
        """Drop what is in memory; it will be looked up again."""
        self._positions.clear()
        self._keyed.clear()
        self._absent.clear()
