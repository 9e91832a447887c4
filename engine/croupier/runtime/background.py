"""Threads for work beside the calls: one task at a time, and a task repeated at an interval."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from croupier.errors import CroupierError

_log = logging.getLogger("croupier")


class Background:
    """Runs one task at a time on a thread of its own; what it raises is logged."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def run(self, task: Callable[[], object]) -> None:
        """Start the task, unless the previous one is still running."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=_run_logged, args=(task,), name="croupier-background", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Wait for the task to end."""
        if self._thread is not None:
            self._thread.join()


class Ticker:
    """Calls a function every so many seconds on a thread of its own, until closed; what it raises is logged."""

    def __init__(self, every: float, call: Callable[[], object]) -> None:
        self._every, self._call = every, call
        self._ended: SimpleQueue[None] = SimpleQueue()  # unlike an event's, its lock is never left half-way
        self._thread = threading.Thread(target=self._run, name="croupier-ticker", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                self._ended.get(timeout=self._every)
            except Empty:
                _run_logged(self._call)
            else:
                return

    def close(self) -> None:
        """End the thread."""
        self._ended.put(None)
        self._thread.join()


def _run_logged(task: Callable[[], object]) -> None:
    try:
        task()
    except CroupierError:
        _log.exception("a background task failed; it will be retried when it is next due")
