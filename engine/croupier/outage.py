"""Choosing on while the store cannot be written, and taking the log up again afterwards."""

from __future__ import annotations

import logging
import time

import orjson

from croupier.decision import Decision
from croupier.errors import EngineClosed, StoreError, storing
from croupier.live import Live
from croupier.loop import Asked, Options
from croupier.opening import Settings, restore
from croupier.recent import Recent
from croupier_storage import Kind, Storage, StorageError

RETRY = 1.0  # seconds between two attempts to take the log up again
_log = logging.getLogger("croupier")


def begin(storage: Storage, settings: Settings, options: Options) -> Live:
    """A live loop on a store that was just opened; the store is closed where none can be had."""
    try:
        with storing():
            storage.acquire()
            opened = restore(storage, settings)
            live = Live(storage, opened, options)
    except BaseException:
        storage.close()
        raise
    try:
        with storing():
            unfinished = orjson.loads(storage.settings().get("forgetting", b"null"))
        if unfinished is not None:
            live.forget(unfinished)
        if opened.changed:
            live.rebase(
                Kind.CONFIGURATION,
                settings.parts.fresh(),
                None,
                settings.progress,
                opened.fold.behaviour.having(settings.behaviour),
            )
    except BaseException:
        live.close()
        raise
    return live


class Outage:
    """What `on_store_failure="serve"` does: an outage is a crash during which choosing goes on.

    Facts that had not reached the store are lost, as in a crash. Decisions are then drawn from the state in memory;
    they are marked, and nothing is learned. Now and then the log is taken up again, from what is in it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: Recent[str, bool] = Recent(1 << 16)
        self._retry_at = 0.0
        self._down = False

    def made(self, id: str) -> bool:
        """Whether this decision was made while the store was away."""
        return self._made.get(id) is not None

    def serve(self, live: Live, asked: Asked, error: StoreError) -> Decision:
        """A decision from memory, marked as not logged."""
        if live.closed:
            raise EngineClosed("the engine is closed; open the store again") from error
        if not self._down:
            _log.warning("the store has failed; choosing goes on from memory: %s", error)
        self._down = True
        with live.lock:
            made = live.drawn(live.featured(asked))
        self._made.put(asked.name, True)
        return Decision(made.fact, asked.candidates.actions.ids, made.vector, logged=False)

    def resumed(self, live: Live) -> Live:
        """The live loop, begun anew from the log if the store has come back."""
        if live.closed or live.writer.failed is None or time.monotonic() < self._retry_at:
            return live
        with live.lock:
            try:
                live.storage.acquire()
                live.resume(restore(live.storage, self._settings._replace(others=live.fold.given.others)))
            except StorageError as error:
                _log.debug("the store is still away: %s", error)
            else:
                self._down = False
                _log.warning("the store is back; the log goes on at position %d", live.position)
            self._retry_at = time.monotonic() + RETRY
        return live
