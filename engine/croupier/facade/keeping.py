"""Snapshots, and the way back to them."""

from __future__ import annotations

from pathlib import Path

from croupier import trials
from croupier.errors import InputError, storing
from croupier.facade.core import Core
from croupier.snapshots import export_snapshot, import_snapshot
from croupier_storage import SnapshotInfo, Storage


class Keeping(Core):
    """The part of the engine that keeps its state."""

    def snapshot(self) -> int:
        """Keep the present state as a snapshot, behind the facts it contains; returns its position."""
        live = self._ready()
        with live.lock:
            live.check()
            return live.snapshot()

    def snapshots(self) -> list[SnapshotInfo]:
        """The snapshots in the store, by position."""
        with storing():
            return self._kept().snapshots()

    def pin(self, position: int, pinned: bool = True) -> None:
        """Keep the snapshot at a position for good, or no longer."""
        with storing():
            self._kept().pin(position, pinned)

    def export_snapshot(self, position: int, file: Path) -> None:
        """Write the snapshot at a position to a file of plain data."""
        with storing():
            export_snapshot(self._kept(), position, file)

    def import_snapshot(self, file: Path) -> int:
        """Take the snapshot of a file into the store; returns its position. `verify` tells whether it is the log's."""
        with storing():
            return import_snapshot(self._kept(), file)

    def _kept(self) -> Storage:
        """The store, once every snapshot taken so far is in it."""
        self._live.check()
        self._live.writer.drain()
        return self._live.storage

    def roll_back(self, position: int | None = None) -> int:
        """Go on with policy and learner as they were at an earlier position; by default before the last promotion.

        What came between stays in the log; a rebase learns it again. Returns the position of the fact.

        Raises:
            NotNow: No position was given, and nothing was promoted.
        """
        live = self._ready()
        if position is None:
            position = trials.last_promotion(live)
        if not 0 <= position <= live.position:
            raise InputError(f"position {position} is not between 0 and the log's last, {live.position}")
        return live.roll_back(position)
