"""Reward windows: which decisions are still open, and when the next one closes."""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable

from croupier.errors import CroupierError
from croupier.rewards import Rewards
from croupier_storage import Fact, Kind, Storage

_log = logging.getLogger("croupier")


class Windows:
    """The open decisions, by the moment at which their window closes; empty where windows never close."""

    def __init__(self, rule: Rewards) -> None:
        self._window = rule.window
        self._open: list[tuple[float, int]] = []

    def restore(self, storage: Storage, rule: Rewards) -> None:
        """Find the decisions of a store that are still open."""
        if self._window is not None:
            answers = [Kind.DEFAULT.value] + ([Kind.REWARD.value] if rule.aggregate == "first" else [])
            self._open = [(fact.at + self._window, fact.position) for fact in storage.unanswered(answers)]
            heapq.heapify(self._open)

    def opened(self, fact: Fact) -> None:
        """A decision was made."""
        if self._window is not None:
            heapq.heappush(self._open, (fact.at + self._window, fact.position))

    def due(self, at: float) -> list[int]:
        """Take out the decisions whose window has closed by then, in the order of closing."""
        closed = []
        while self._open and self._open[0][0] <= at:
            closed.append(heapq.heappop(self._open)[1])
        return closed


class Background:
    """Runs one piece of work at a time on a thread of its own; what it raises is logged."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], object]) -> None:
        """Begin the work, unless the last piece is still running."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=_logged, args=(work,), name="croupier-background", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Wait for the work to end."""
        if self._thread is not None:
            self._thread.join()


def _logged(work: Callable[[], object]) -> None:
    try:
        work()
    except CroupierError:
        _log.exception("work in the background failed; it will be tried again when there is reason to")


class Ticker:
    """Calls something again and again on a thread of its own, until closed."""

    def __init__(self, every: float, call: Callable[[], object]) -> None:
        self._every, self._call = every, call
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="croupier-ticker", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            _logged(self._call)

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()
