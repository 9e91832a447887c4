"""Decisions whose rewards may still come: kept in memory while recent, read from the log afterwards."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from croupier.errors import CorruptStore
from croupier.log.cache import FIFOCache
from croupier.log.reader import DecodedDecision, Log
from croupier.log.rewards import Rewards, RewardState
from croupier_storage import Fact

REMEMBERED = 1 << 16  # decisions kept in memory


class DecisionRecord(NamedTuple):
    """A decision and the state of its rewards so far."""

    decided: DecodedDecision
    reward_state: RewardState


class PendingDecisions:
    """The decisions that a fold has passed, each with the state of its rewards at the fold's position.

    Args:
        log: Read for decisions that are no longer in memory.
        rule: How rewards become outcomes.
    """

    def __init__(self, log: Log, rule: Rewards) -> None:
        self._log, self._rule = log, rule
        self._records: FIFOCache[int, DecisionRecord] = FIFOCache(REMEMBERED)
        self.in_memory = self._records.get  # bound once: it is on the way of every reward
        self.drop, self.clear = self._records.pop, self._records.clear

    def put(self, fact: Fact, decided: DecodedDecision) -> None:
        """Remember a new decision."""
        self._records.put(fact.position, DecisionRecord(decided, RewardState.of(fact)))

    def record(self, decision: int, upto: int) -> DecisionRecord:
        """The decision at a position, with the state of its rewards at `upto`. Raises CorruptStore if there is none."""
        record = self._records.get(decision)
        if record is None:
            self.read([decision], upto)
            record = self._records.get(decision)
        if record is None:
            raise CorruptStore(f"a fact names position {decision} as its decision, and no decision is there")
        return record

    def read(self, decisions: Collection[int], upto: int) -> None:
        """Load decisions into memory, with the state of their rewards at `upto`; those in memory stay as they are."""
        missing = {decision for decision in decisions if self._records.get(decision) is None}
        if not missing:
            return
        for fact, decided in self._log.decisions_at(missing):
            self.put(fact, decided)
        for about in self._log.storage.facts_about(*missing):
            record = self._records.get(about.decision or 0)
            if record is not None and about.position <= upto:
                record.reward_state.apply(about, self._rule)
