"""Reward windows: which decisions are still open, and when the next one closes."""

from __future__ import annotations

import heapq

from croupier.log.rewards import Rewards
from croupier_storage import Fact, Kind, Storage


class OpenWindows:
    """The open decisions, by the time at which their window closes; empty where windows never close."""

    def __init__(self, rule: Rewards) -> None:
        self._window = rule.window
        self._open: list[tuple[float, int]] = []

    def restore(self, storage: Storage, rule: Rewards) -> None:
        """Find the decisions of a store that are still open."""
        if self._window is not None:
            answers = [Kind.DEFAULT.value] + ([Kind.REWARD.value] if rule.aggregate == "first" else [])
            self._open = [(fact.at + self._window, fact.position) for fact in storage.decisions_without(answers)]
            heapq.heapify(self._open)

    def add(self, fact: Fact) -> None:
        """Add a new decision."""
        if self._window is not None:
            heapq.heappush(self._open, (fact.at + self._window, fact.position))

    def any_due(self, at: float) -> bool:
        """Whether a window has closed by then."""
        return bool(self._open) and self._open[0][0] <= at

    def due(self, at: float) -> list[int]:
        """Remove and return the decisions whose window has closed by then, in the order of closing."""
        closed = []
        while self._open and self._open[0][0] <= at:
            closed.append(heapq.heappop(self._open)[1])
        return closed
