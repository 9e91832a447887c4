"""Choosing on while the store cannot be written, and resuming the log afterwards."""

from __future__ import annotations

import logging
import time

import orjson

from croupier.errors import EngineClosed, StoreError, storing
from croupier.log.cache import FIFOCache
from croupier.log.decision import Decision
from croupier.runtime.loop import Loop
from croupier.runtime.opening import Settings, restore
from croupier.runtime.request import DecisionRequest, LoopOptions
from croupier_storage import Kind, Storage, StorageError

RETRY = 1.0  # seconds between two attempts to resume the log
_log = logging.getLogger("croupier")


def open_loop(storage: Storage, settings: Settings, options: LoopOptions) -> Loop:
    """The loop of a store that was just opened; the store is closed where there can be none."""
    try:
        with storing():
            storage.acquire()
            opened = restore(storage, settings)
            loop = Loop(storage, opened, options)
    except BaseException:
        storage.close()
        raise
    try:
        with storing():
            unfinished = orjson.loads(storage.settings().get("forgetting", b"null"))
        if unfinished is not None:
            loop.forget(unfinished)
        if opened.changed:
            loop.rebase(
                Kind.CONFIGURATION,
                settings.components.fresh(),
                progress=settings.progress,
                features=opened.fold.feature_state.updated_with(settings.feature_state),
            )
    except BaseException:
        loop.close()
        raise
    return loop


class Outage:
    """What `on_store_failure="serve"` does: an outage is a crash during which choosing continues.

    Facts that had not reached the store are lost, as in a crash. Decisions are then drawn from the state in memory;
    they are marked, and nothing is learned. At intervals the log is resumed from what is in it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._served: FIFOCache[str, bool] = FIFOCache(1 << 16)
        self._retry_at = 0.0
        self._down = False

    def served(self, id: str) -> bool:
        """Whether this decision was made while the store was unavailable."""
        return self._served.get(id) is not None

    def serve(self, loop: Loop, request: DecisionRequest, error: StoreError) -> Decision:
        """A decision from memory, marked as not logged."""
        if loop.closed:
            raise EngineClosed("the engine is closed; open the store again") from error
        if not self._down:
            _log.warning("the store has failed; decisions are served from memory: %s", error)
        self._down = True
        with loop.lock:
            drawn = loop.draw(loop.with_features(request))
        self._served.put(request.id, True)
        return Decision(drawn.fact, request.candidates.actions.ids, drawn.vector, logged=False)

    def resume(self, loop: Loop) -> None:
        """Start the loop anew from the log, if the store is available again."""
        if loop.closed or loop.writer.failed is None or time.monotonic() < self._retry_at:
            return
        with loop.lock:
            try:
                loop.storage.acquire()
                loop.resume(restore(loop.storage, self._settings._replace(others=loop.fold.pool.others)))
            except StorageError as error:
                _log.debug("the store is still unavailable: %s", error)
            else:
                self._down = False
                _log.warning("the store is available again; the log continues at position %d", loop.position)
            self._retry_at = time.monotonic() + RETRY
