"""What the log knows of earlier decisions and rewards: from memory where recent, from the store where not."""

from __future__ import annotations

from croupier.errors import Conflict, UnknownDecision, storing
from croupier.fold import REMEMBERED
from croupier.recent import Recent
from croupier.writer import Writer
from croupier_storage import Fact, Storage


class History:
    """Finds decisions by id and rewards by key.

    Memory holds more entries than the writer's queue does, so whatever has fallen out of memory is committed.
    """

    def __init__(self, storage: Storage, writer: Writer) -> None:
        self._storage, self._writer = storage, writer
        self._positions: Recent[str, int] = Recent(REMEMBERED)
        self._keyed: Recent[str, Fact] = Recent(REMEMBERED)
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
                f"no decision {id!r} is in the log, so this would teach nothing; pass the `id` of a decision that this "
                "store made"
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
        """Note the key of a reward."""
        if fact.key is not None:
            self._keyed.put(fact.key, fact)

    def keyed(self, key: str, decision: int, reward: float) -> Fact | None:
        """The reward that has used this key. Raises Conflict where it was of another decision or value."""
        fact = self._keyed.get(key)
        if fact is None:
            with storing():
                fact = self._storage.keyed(key)
        if fact is not None and (fact.decision, fact.reward) != (decision, reward):
            raise Conflict(
                f"the key {key!r} was used for reward {fact.reward} of the decision at position {fact.decision}; one "
                "key names one reward: give each its own"
            )
        return fact

    def forget(self) -> None:
        """Drop what is at hand; it will be looked up again."""
        self._positions.clear()
        self._keyed.clear()
