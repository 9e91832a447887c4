"""`engine.snapshots`: the states that a store keeps, and rolling back to them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from croupier.errors import InputError, storing
from croupier.log.arguments import flag, integer
from croupier.log.identifiers import is_storable, shown
from croupier.runtime.loop import Loop
from croupier.state.snapshots import check_position, export_snapshot, import_snapshot
from croupier_storage import SnapshotInfo, Storage

_POSITION = integer(0, (1 << 63) - 1)


@contextmanager
def _using(file: Any) -> Iterator[Path]:
    """The path of a file. Raises InputError where it is none, or where the file cannot be read or written."""
    if not isinstance(file, str | os.PathLike) or not is_storable(os.fspath(file)):
        raise InputError(f"file is {shown(file)}; give the path of a file")
    try:
        yield Path(file)
    except OSError as error:
        raise InputError(f"the file {shown(str(file))} cannot be read or written: {error}") from error


class Snapshots:
    """The snapshots of an engine's store.

    >>> from croupier import Engine
    >>> with Engine.open("sqlite://", seed=7, learner=None) as engine:
    ...     decision = engine.choose({"device": "mobile"}, ["sale", "new"])
    ...     engine.snapshots.take(), [info.position for info in engine.snapshots.list()]
    (1, [1])
    """

    def __init__(self, ready: Callable[[], Loop]) -> None:
        self._ready = ready

    def take(self) -> int:
        """Keep the present state as a snapshot, behind the facts that it contains; returns its position."""
        loop = self._ready()
        with loop.lock:
            loop.check()
            if not loop.forgetting:
                return loop.snapshot()
        with loop.exchange_lock, loop.lock:  # the state still contained a unit that is being erased
            loop.check()
            return loop.snapshot()

    def list(self) -> Sequence[SnapshotInfo]:
        """The snapshots in the store, by position."""
        with storing():
            return self._storage().snapshots()

    def pin(self, position: int, pinned: bool = True) -> None:
        """Protect the snapshot at a position from being deleted, or end its protection. Raises InputError."""
        position, pinned = _POSITION(position, "position"), flag(pinned, "pinned")
        with storing():
            storage = self._storage()
            check_position(storage, position)
            storage.pin(position, pinned)

    def export(self, position: int, file: Path) -> None:
        """Write the snapshot at a position to a file of plain data. Raises CorruptSnapshot, InputError."""
        position = _POSITION(position, "position")
        with storing(), _using(file) as path:
            export_snapshot(self._storage(), position, path)

    def import_(self, file: Path) -> int:
        """Add the snapshot in a file to the store that it came from; returns its position. Raises CorruptSnapshot.

        `verify` tells whether it is the state that the log gives there.
        """
        with storing(), _using(file) as path:
            return import_snapshot(self._storage(), path)

    def roll_back(self, position: int) -> int:
        """Continue with policy and learner as they were at an earlier position; returns the position of the fact.

        What came between stays in the log; a rebase learns it again.

        Raises:
            InputError: The log has no such position.
        """
        position, loop = _POSITION(position, "position"), self._ready()
        if position > loop.position:
            raise InputError(f"position {position} is not between 0 and the log's last, {loop.position}")
        return loop.roll_back(position)

    def _storage(self) -> Storage:
        """The store, once every snapshot taken so far is in it."""
        loop = self._ready()
        with loop.lock:
            loop.check()
        loop.writer.drain()
        return loop.storage
