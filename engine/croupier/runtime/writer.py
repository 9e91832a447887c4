"""The background writer: facts queued in order of position, committed in groups."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

from croupier.errors import StoreError, as_ours
from croupier_policies import State
from croupier_storage import Fact, Snapshot, Storage, StorageError, encode_state, hash_state

LINGER = 0.005  # seconds for which a group may wait for further facts; a crash in "group" mode loses about as much
GROUP = 1024  # facts in a transaction at most; more would not be faster, and a full queue should empty by and by


class PendingSnapshot(NamedTuple):
    """A state to be kept as a snapshot once everything up to its position is committed."""

    position: int
    at: float
    state: State


class Writer:
    """Commits queued facts on a thread of its own.

    `make_room` blocks while `capacity` facts are uncommitted (back-pressure). With `linger` every group waits a moment
    for further facts, unless a caller waits for it; without, it is committed at once. After a failure nothing more is
    written, and every call raises it.
    """

    def __init__(self, storage: Storage, *, linger: bool, capacity: int, snapshots_kept: int) -> None:
        self.committed = self._last = storage.head()
        self._storage, self._linger = storage, LINGER if linger else 0.0
        self._capacity, self._kept = capacity, snapshots_kept
        self._facts: deque[Fact] = deque()
        self._sets: dict[bytes, bytes] = {}
        self._pending_snapshots: deque[PendingSnapshot] = deque()
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._progress = threading.Condition()
        self._failure: StoreError | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="croupier-writer", daemon=True)
        self._thread.start()

    def put(self, fact: Fact, action_set: tuple[bytes, bytes] | None = None) -> None:
        """Queue a fact, with the digest and body of its action set where the store may not have it."""
        if action_set is not None:
            self._sets[action_set[0]] = action_set[1]  # before its fact: whoever takes the fact finds it
        self._facts.append(fact)
        self._last = fact.position
        if not self._wake.is_set():
            self._wake.set()

    def enqueue_snapshot(self, pending: PendingSnapshot) -> None:
        """Queue a snapshot; it is kept once the facts that it contains are."""
        self._pending_snapshots.append(pending)
        self._wake.set()

    def make_room(self) -> None:
        """Wait until fewer facts than the capacity are uncommitted."""
        if self._last - self.committed >= self._capacity:
            self._hurry.set()
            with self._progress:
                self._progress.wait_for(
                    lambda: self._failure is not None or self._last - self.committed < self._capacity
                )
        self.check()

    def wait(self, position: int) -> None:
        """Wait until everything up to this position is committed."""
        if self.committed < position:
            self._hurry.set()
            with self._progress:
                self._progress.wait_for(lambda: self._failure is not None or self.committed >= position)
        self.check()

    @property
    def failed(self) -> StoreError | None:
        """What stopped the writer, if anything did."""
        return self._failure

    def drain(self) -> None:
        """Wait until everything queued so far is in the store, snapshots too."""
        self._hurry.set()
        with self._progress:
            self._progress.wait_for(
                lambda: self._failure is not None or (self.committed >= self._last and not self._pending_snapshots)
            )
        self.check()

    def check(self) -> None:
        """Raises what stopped the writer, if anything did."""
        if self._failure is not None:
            raise type(self._failure)(
                f"{self._failure} -- the engine has learned facts that it could not write; close it and open it again "
                "to go on from what is in the store"
            ) from self._failure

    def close(self) -> None:
        """Write what is queued and end the thread."""
        self._closing = True
        self._hurry.set()
        self._wake.set()
        self._thread.join()
        self.check()

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
        with self._progress:
            self._failure = failure
            self._progress.notify_all()

    def _gather(self) -> bool:
        """Wait for something to write; False once there is nothing and there will be nothing."""
        while not (self._facts or self._pending_snapshots):
            if self._closing:
                return False
            self._wake.clear()
            if not (self._facts or self._pending_snapshots or self._closing):
                self._wake.wait()
        if self._linger:
            self._hurry.wait(self._linger)
            self._hurry.clear()
        return True

    def _write_group(self) -> None:
        facts = [self._facts.popleft() for _ in range(min(len(self._facts), GROUP))]
        sets = dict(self._sets.popitem() for _ in range(len(self._sets)))
        if facts:
            self._storage.append(facts, sets)
            with self._progress:
                self.committed = facts[-1].position
                self._progress.notify_all()
        while self._pending_snapshots and self._pending_snapshots[0].position <= self.committed:
            self._save(self._pending_snapshots[0])
            with self._progress:
                self._pending_snapshots.popleft()
                self._progress.notify_all()

    def _save(self, pending: PendingSnapshot) -> None:
        body = encode_state(pending.state)
        self._storage.save_snapshot(Snapshot(pending.position, pending.at, hash_state(pending.state), body))
        unpinned = [info.position for info in self._storage.snapshots() if not info.pinned]
        for position in unpinned[: -self._kept]:
            self._storage.delete_snapshot(position)
