"""Choosing on while the store cannot be written, and resuming the log afterwards."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from croupier.errors import EngineClosed, StoreError, storing
from croupier.log.cache import FIFOCache
from croupier.log.configuration import canonical_json
from croupier.log.decision import Decision
from croupier.runtime.loop import Loop
from croupier.runtime.opening import Settings, restore
from croupier.runtime.request import DecisionRequest, LoopOptions
from croupier.state import erasure
from croupier_storage import Fact, Kind, Storage, StorageError

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
            unfinished = erasure.unfinished(storage)
        if unfinished is not None:
            loop.forget()
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
    """What `on_store_failure="serve"` does while the store is unavailable: decisions are drawn from memory.

    They are marked as not logged, and nothing is learned from them. Facts enqueued before wait in memory and are
    written when the store is back. Where they cannot be written (the file is gone, another writer has the store), they
    are counted as lost, their decisions' rewards are answered `unlogged`, and the log is resumed from what is in it.
    Either way the outage becomes a fact of the log once it can be written; only a write proves that the store is back.
    """

    def __init__(self) -> None:
        self._unlogged: FIFOCache[str, str] = FIFOCache(1 << 16)
        self._retry_at = 0.0
        self._since: float | None = None
        self._served = self._lost_decisions = self._lost_facts = 0

    def unlogged(self, loop: Loop, id: str) -> bool:
        """Whether a reward of this decision cannot be logged: it is not in the log, or only waits for the store."""
        kind = self._unlogged.get(id)
        return kind is not None and (kind == "never" or loop.writer.suspended is not None)

    def mark_waiting(self, decision: Decision) -> None:
        """Mark a decision that waits in memory: it must not count as logged before the store is back."""
        decision.logged = False
        self._unlogged.put(decision.id, "waits")

    def serve(self, loop: Loop, request: DecisionRequest, error: StoreError) -> Decision:
        """A decision from memory, marked as not logged."""
        if loop.closed:
            raise EngineClosed("the engine is closed; open the store again") from error
        if self._since is None:
            self._since = loop.options.clock()
            _log.warning("the store has failed; decisions are served from memory: %s", error)
        with loop.lock:
            drawn = loop.draw(loop.with_features(request))
        self._unlogged.put(request.id, "never")
        self._served += 1
        loop.counters["decisions served while the store was unavailable"] += 1
        return Decision(drawn.fact, request.candidates.actions.ids, drawn.vector, logged=False)

    def resume(self, loop: Loop) -> None:
        """Resume the log if the store is available again; otherwise at most one attempt every `RETRY` seconds."""
        writer = loop.writer
        if loop.closed or (writer.failure is None and self._since is None):
            return
        if writer.suspended is not None or time.monotonic() < self._retry_at:
            return
        self._retry_at = time.monotonic() + RETRY
        with loop.lock:
            if writer.failure is not None and writer is loop.writer:
                self._count_lost(loop, writer.lost)
                try:
                    loop.storage.acquire()
                    loop.restart()
                except (StorageError, StoreError) as error:
                    _log.debug("the store is still unavailable: %s", error)
                    return
            self._record(loop)

    def _count_lost(self, loop: Loop, lost: Sequence[Fact]) -> None:
        """Note the facts of a failed writer, once."""
        for fact in lost:
            if fact.kind == Kind.DECISION and fact.id is not None:
                self._unlogged.put(fact.id, "never")
                self._lost_decisions += 1
        self._lost_facts += len(lost)
        loop.counters["facts lost"] += len(lost)
        loop.writer.lost = ()

    def _record(self, loop: Loop) -> None:
        """Append the outage as a fact; it is over when that is committed."""
        now = loop.options.clock()
        body = canonical_json(
            {
                "since": now if self._since is None else self._since,
                "served": self._served,
                "lost_decisions": self._lost_decisions,
                "lost_facts": self._lost_facts,
            }
        )
        fact = loop.append(Kind.OUTAGE, now, body=body)
        loop.writer.wait(fact.position)
        if self._lost_facts:
            _log.warning("%d facts that had been answered were lost with the store", self._lost_facts)
        _log.warning("the store is available again; %d decisions were served meanwhile", self._served)
        self._since, self._served, self._lost_decisions, self._lost_facts = None, 0, 0, 0
