"""What the log knows of earlier decisions and rewards: from memory where recent, from the store where not."""

from __future__ import annotations

from typing import NamedTuple

from croupier.errors import Conflict, UnknownDecision, storing
from croupier.fold import REMEMBERED
from croupier.recent import Recent
from croupier.writer import Writer
from croupier_storage import Fact, Kind, Storage


class Made(NamedTuple):
    """A decision that was made: its position, and its reward's."""

    position: int
    reward: int | None = None


class History:
    """Looks up decisions by id and rewards by key.

    Memory holds more entries than the writer's queue does, so whatever has fallen out of memory is committed.
    """

    def __init__(self, storage: Storage, writer: Writer) -> None:
        self._storage, self._writer = storage, writer
        self._made: Recent[str, Made] = Recent(REMEMBERED)
        self._keyed: Recent[str, Fact] = Recent(REMEMBERED)
        self.put = self._made.put

    def rewarded(self, id: str, fact: Fact, made: Made) -> None:
        """Note a reward."""
        self._made.put(id, Made(made.position, fact.position))
        if fact.key is not None:
            self._keyed.put(fact.key, fact)

    def find(self, id: str) -> Made:
        """Position and reward of a decision. Raises UnknownDecision."""
        made = self._made.get(id)
        if made is not None:
            return made
        with storing():
            decision = self._storage.decision(id) if isinstance(id, str) else None
            if decision is None:
                raise UnknownDecision(
                    f"no decision {id!r} is in the log, so this reward would teach nothing; pass the `id` of a "
                    "decision that this store made"
                )
            about = self._storage.about(decision.position)
        reward = next((fact.position for fact in about if fact.kind == Kind.REWARD), None)
        return Made(decision.position, reward)

    def decision(self, id: str) -> Fact | None:
        """The decision of this id, as the log has it."""
        made = self._made.get(id)
        if made is not None:
            self._writer.wait(made.position)
        with storing():
            return self._storage.decision(id)

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
