"""Decisions that may still be rewarded: recent ones in memory, older ones read from the log."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from croupier.errors import CorruptStore
from croupier.log.cache import FIFOCache
from croupier.log.reader import DecodedDecision, Log
from croupier.log.rewards import Rewards, RewardState
from croupier_storage import Fact

CACHED_DECISIONS = 1 << 16


class DecisionRecord(NamedTuple):
    """A decision, and the state of its rewards at the position of the fold."""

    decided: DecodedDecision
    reward_state: RewardState


class PendingDecisions:
    """The decisions that a fold has passed, each with the state of its rewards at the fold's position.

    Args:
        log: Where decisions that are not in memory are read.
        rule: How rewards are aggregated.
    """

    def __init__(self, log: Log, rule: Rewards) -> None:
        self._log, self._rule = log, rule
        self._records: FIFOCache[int, DecisionRecord] = FIFOCache(CACHED_DECISIONS)
        self.in_memory = self._records.get  # bound once, because every reward calls it
        self.drop, self.clear = self._records.pop, self._records.clear

    def put(self, fact: Fact, decided: DecodedDecision) -> None:
        """Add a new decision."""
        self._records.put(fact.position, DecisionRecord(decided, RewardState.from_decision(fact)))

    def record(self, decision: int, upto: int) -> DecisionRecord:
        """The decision at a position, with the state of its rewards at `upto`. Raises CorruptStore if there is none."""
        record = self._records.get(decision)
        if record is None:
            self.read([decision], upto)
            record = self._records.get(decision)
        if record is None:
            raise CorruptStore(f"a fact refers to a decision at position {decision}, but there is none")
        return record

    def read(self, decisions: Collection[int], upto: int) -> None:
        """Load the decisions that are not in memory, with the state of their rewards at `upto`."""
        missing = {decision for decision in decisions if self._records.get(decision) is None}
        if not missing:
            return
        for fact, decided in self._log.decisions_at(missing):
            self.put(fact, decided)
        for fact in self._log.storage.facts_about(*missing):
            record = self._records.get(fact.decision or 0)
            if record is not None and fact.position <= upto:
                record.reward_state.apply(fact, self._rule)
