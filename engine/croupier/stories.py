"""Decisions about which more may be said: at hand where they are recent, read from the log where not."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from croupier.errors import CorruptStore
from croupier.log import Decided, Log
from croupier.recent import Recent
from croupier.rewards import Rewards, Standing
from croupier_storage import Fact

REMEMBERED = 1 << 16  # decisions at hand


class Known(NamedTuple):
    """A decision and its story so far."""

    decided: Decided
    standing: Standing


class Stories:
    """The decisions that a fold has met, each with what has been said of it up to the fold's position.

    Args:
        log: From which those are read that are no longer at hand.
        rule: What becomes of rewards.
    """

    def __init__(self, log: Log, rule: Rewards) -> None:
        self._log, self._rule = log, rule
        self._held: Recent[int, Known] = Recent(REMEMBERED)
        self.at_hand = self._held.get  # bound once: it is on the way of every reward
        self.drop, self.clear = self._held.pop, self._held.clear

    def put(self, fact: Fact, decided: Decided) -> None:
        """Remember a decision of which nothing has been said."""
        self._held.put(fact.position, Known(decided, Standing.of(fact)))

    def known(self, decision: int, upto: int) -> Known:
        """The decision at a position, with its story up to another. Raises CorruptStore where there is none."""
        held = self._held.get(decision)
        if held is None:
            self.read([decision], upto)
            held = self._held.get(decision)
        if held is None:
            raise CorruptStore(f"a fact names position {decision} as its decision, and no decision is there")
        return held

    def read(self, decisions: Collection[int], upto: int) -> None:
        """Bring decisions to hand, with their stories up to a position; those at hand already stay as they are."""
        away = {decision for decision in decisions if self._held.get(decision) is None}
        if not away:
            return
        for fact, decided in self._log.decisions_at(away):
            self.put(fact, decided)
        for about in self._log.storage.about(*away):
            known = self._held.get(about.decision or 0)
            if known is not None and about.position <= upto:
                known.standing.apply(about, self._rule)
