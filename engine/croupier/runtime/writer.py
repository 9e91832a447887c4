"""The background writer: facts queued in order of position, committed in groups."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import NamedTuple

from croupier.errors import StoreError, StoreUnavailable, as_ours
from croupier.runtime.unflushed import UnflushedGroups
from croupier_policies import State
from croupier_storage import (
    Fact,
    PositionTaken,
    Snapshot,
    Storage,
    StorageError,
    encode_state,
    hash_state,
)
from croupier_storage import StoreInUse as StorageInUse
from croupier_storage import StoreUnavailable as StorageUnavailable

LINGER = 0.005  # seconds for which a group may wait for further facts; a kill in "group" mode loses about as much
GROUP = 1024  # facts in a transaction at most; more would not be faster, and a full queue should empty by and by
RETRY = 0.5  # seconds between two attempts to write to a store that is unavailable
_log = logging.getLogger("croupier")


class PendingSnapshot(NamedTuple):
    """A state to be saved as a snapshot once everything up to its position is committed."""

    position: int
    at: float
    state: State


class Writer:
    """Commits queued facts on a thread of its own.

    `make_room` blocks while `capacity` facts are uncommitted (back-pressure). With `linger` every group waits a moment
    for further facts, unless a caller waits for it; without, it is committed at once.

    An unavailable store (locked, full, away) suspends the writer: the queue is kept, calls raise at once, and the group
    is tried again every `RETRY` seconds until it is committed. What a server that was killed has lost of the groups
    before it is written again first. Any other failure ends the writer: nothing more is
    written, every call raises, and `lost` holds the facts that did not reach the store.

    A caller may be interrupted anywhere (Ctrl-C, a timeout that raises). So callers use only operations that the
    interpreter runs as one: a condition of `threading` that is left half-way would stop this thread for good.

    Args:
        storage: Where the facts go.
        linger: Whether groups wait for further facts.
        capacity: Facts that may be uncommitted.
        snapshots_kept: How many snapshots stay, besides pinned ones.
        patience: Seconds after which a waiting caller is told that the store is unavailable; None for as long as the
            store takes to say so.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        linger: bool,
        capacity: int,
        snapshots_kept: int,
        patience: float | None = None,
    ) -> None:
        self.committed = self._last = storage.head()
        self.suspended: StoreUnavailable | None = None
        self.failure: StoreError | None = None
        self.lost: tuple[Fact, ...] = ()
        self.snapshots_dropped = 0
        self._unflushed = UnflushedGroups(storage)
        self._storage, self._linger = storage, LINGER if linger else 0.0
        self._capacity, self._kept, self._patience = capacity, snapshots_kept, patience
        self._facts: deque[Fact] = deque()
        self._group: list[Fact] = []
        self._sets: dict[bytes, bytes] = {}
        self._pending_snapshots: deque[PendingSnapshot] = deque()
        self._waiting: deque[threading.Lock] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()  # rung when there is work for an idle thread
        self._hurry: SimpleQueue[None] = SimpleQueue()  # rung when a caller waits
        self._idle = self._closing = False
        self._thread = threading.Thread(target=self._run, name="croupier-writer", daemon=True)
        self._thread.start()

    def put(self, fact: Fact, action_sets: Mapping[bytes, bytes] = MappingProxyType({})) -> None:
        """Queue a fact, with the bodies of action sets that the store may not have, by digest."""
        self._sets.update(action_sets)  # before their fact: whoever takes the fact finds them
        self._facts.append(fact)
        self._last = fact.position
        if self._idle:
            self._wake()

    def enqueue_snapshot(self, pending: PendingSnapshot) -> None:
        """Queue a snapshot; it is saved once the facts that it contains are committed."""
        self._pending_snapshots.append(pending)
        self._wake()

    def make_room(self) -> None:
        """Wait until fewer facts than the capacity are uncommitted. Raises what keeps the writer from writing."""
        if self._last - self.committed >= self._capacity:
            self._wait(lambda: self._last - self.committed < self._capacity)
        self.check()

    def wait(self, position: int) -> None:
        """Wait until everything up to this position is committed. Raises what keeps the writer from writing."""
        if self.committed < position:
            self._wait(lambda: self.committed >= position)

    def drain(self) -> None:
        """Wait until everything queued so far is in the store, snapshots too."""
        self._wait(lambda: self.committed >= self._last and not self._pending_snapshots)

    def check(self) -> None:
        """Raise what keeps the writer from writing, if anything does."""
        if self.failure is not None:
            raise type(self.failure)(
                f"{self.failure} -- {len(self.lost)} facts had been answered and did not reach the store; close the "
                "engine and open it again to continue from what is in the store"
            ) from self.failure
        if self.suspended is not None:
            raise StoreUnavailable(
                f"{self.suspended} -- {self._last - self.committed} facts wait in memory and are written when the "
                "store is back; this call was not logged, try it again then"
            ) from self.suspended

    def close(self) -> None:
        """Write what is queued and end the thread. Raises what kept it from being written. May be called twice."""
        self._closing = True
        self._wake()
        self._hurry.put(None)
        self._thread.join()
        if self.failure is not None:
            self.check()

    def _wait(self, done: Callable[[], bool]) -> None:
        """Block until `done`, or until the writer cannot write; then raise why."""
        deadline = None if self._patience is None else time.monotonic() + self._patience
        while not done():
            if self.suspended is not None:
                raise StoreUnavailable(
                    f"{self.suspended} -- the facts of this call wait in memory and are written when the store is "
                    "back; repeat it then with the same id or key, and it is not logged twice"
                ) from self.suspended
            self.check()
            ticket = threading.Lock()
            ticket.acquire()
            self._waiting.append(ticket)
            self._hurry.put(None)
            self._wake()
            if done() or self.suspended is not None or self.failure is not None:
                continue  # it happened between the first look and the ticket
            if deadline is None:
                ticket.acquire()
            elif not ticket.acquire(timeout=max(deadline - time.monotonic(), 0.0)):
                raise StoreUnavailable(
                    f"the store did not commit within {self._patience} s; the facts wait in memory and are written "
                    "when it does"
                )

    def _wake(self) -> None:
        self._idle = False
        self._bell.put(None)

    def _release(self) -> None:
        """Let every waiting caller look again."""
        while self._waiting:
            self._waiting.popleft().release()

    # -- on the thread

    def _run(self) -> None:
        try:
            while self._gather():
                self._write_group()
        except StorageError as error:
            self._fail(as_ours(error))
        except BaseException as error:
            self._fail(StoreError(f"the writer stopped: {error!r}"))
            raise

    def _fail(self, failure: StoreError) -> None:
        self.lost = (*self._group, *self._facts)
        if self.lost:
            _log.error("%d facts that had been answered did not reach the store: %s", len(self.lost), failure)
        self.failure = failure
        self._release()

    def _gather(self) -> bool:
        """Wait for something to write; False once there is nothing and there will be nothing."""
        while not (self._facts or self._pending_snapshots):
            if self._closing:
                return False
            self._idle = True
            if not (self._facts or self._pending_snapshots or self._closing):
                self._bell.get()
            self._idle = False
        if self._linger:
            with suppress(Empty):
                self._hurry.get(timeout=self._linger)
            while not self._hurry.empty():
                self._hurry.get()
        return True

    def _write_group(self) -> None:
        self._group = [self._facts.popleft() for _ in range(min(len(self._facts), GROUP))]
        if self._group:
            sets = dict(self._sets.popitem() for _ in range(len(self._sets)))
            self._commit(self._group, sets)
            self._unflushed.retain(self._group, sets)
            self.committed, self._group = self._group[-1].position, []
            self._release()
        while self._pending_snapshots and self._pending_snapshots[0].position <= self.committed:
            self._save(self._pending_snapshots[0])
            self._pending_snapshots.popleft()
            self._release()

    def _commit(self, group: list[Fact], sets: dict[bytes, bytes]) -> None:
        """Append a group, trying again while the store is unavailable."""
        while True:
            try:
                if self.suspended is not None:
                    self._storage.acquire()  # a session that broke held the lease
                    self._unflushed.restore(self.committed)
                self._storage.append(group, sets)
                break
            except (StorageUnavailable, StorageInUse) as error:
                if isinstance(error, StorageInUse) and self.suspended is None:
                    raise
                if self._closing and self.suspended is not None:  # a broken session deserves a second attempt
                    raise
                self._suspend(error)
            except PositionTaken:
                if self.suspended is None or not self._landed(group[-1]):
                    raise
                break  # the attempt before had been committed, and only its answer was lost
        if self.suspended is not None:
            _log.warning("the store is available again; %d facts that waited in memory are written", len(group))
            self.suspended = None

    def _landed(self, last: Fact) -> bool:
        return self._storage.facts_at([last.position]).get(last.position) == last

    def _suspend(self, error: StorageError) -> None:
        """Tell callers that the store is unavailable, and pause before the next attempt."""
        if self.suspended is None:
            _log.warning("the store is unavailable, facts wait in memory: %s", error)
        self.suspended = StoreUnavailable(str(error))
        self._release()
        deadline = time.monotonic() + RETRY
        while not self._closing and time.monotonic() < deadline:
            time.sleep(RETRY / 10)

    def _save(self, pending: PendingSnapshot) -> None:
        """Save a snapshot. The log is complete without it, so a store that refuses it costs a slower opening only."""
        body = encode_state(pending.state)
        try:
            self._storage.save_snapshot(Snapshot(pending.position, pending.at, hash_state(pending.state), body))
            unpinned = [info.position for info in self._storage.snapshots() if not info.pinned]
            for position in unpinned[: -self._kept]:
                self._storage.delete_snapshot(position)
        except StorageUnavailable as error:
            self.snapshots_dropped += 1
            _log.warning("the snapshot at position %d could not be saved: %s", pending.position, error)
