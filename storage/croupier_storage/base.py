"""The contract of a storage back end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeAlias

from croupier_storage.facts import Fact, PolicyRecord, Snapshot, SnapshotInfo

#: Settings to write with an erasure, computed from the positions of the erased facts.
Mark: TypeAlias = Callable[[Sequence[int]], Mapping[str, bytes]]


class Storage(ABC):
    """A log of facts, and snapshots of the state at some positions. Thread-safe; appends are serialised.

    Driver errors are translated to this package's own, raised `from` the driver's.
    """

    @abstractmethod
    def acquire(self) -> None:
        """Take the exclusive lease, held until `close` or until the process ends. Raises `StoreInUse`."""

    @property
    def loss_window(self) -> float:
        """Seconds for which appended facts may still be lost while this process lives, with a server that is killed."""
        return 0.0

    @abstractmethod
    def settings(self) -> dict[str, bytes]:
        """The named settings of the store (seed, configuration, …)."""

    @abstractmethod
    def save_settings(self, settings: Mapping[str, bytes]) -> None:
        """Write or overwrite named settings, in one transaction."""

    @abstractmethod
    def head(self) -> int:
        """The position of the last fact; 0 in an empty log."""

    @abstractmethod
    def append(self, facts: Sequence[Fact], action_sets: Mapping[bytes, bytes]) -> None:
        """Append facts that follow the head without a gap, and the bodies of action sets not yet stored, by digest.

        The call is atomic. Raises `PositionTaken` if the first position is not `head() + 1` (another writer has
        appended), and `InvalidFact` for a gap, a repeated id or key, or a value that would not be read back unchanged.
        """

    @abstractmethod
    def facts(self, after: int = 0, upto: int | None = None, *, kinds: Sequence[str] | None = None) -> Iterator[Fact]:
        """Facts with after < position ≤ upto, in order of position, read in bounded batches.

        Without `upto` it ends at the head at the time of the first read. No lock is held between batches. Raises
        `CorruptStore` if a position is missing, unless `kinds` selects some.
        """

    @abstractmethod
    def decisions_out_of_order(self, after: int = 0, upto: int | None = None) -> Iterator[Fact]:
        """Decisions with after < position ≤ upto whose `as_of` is not position - 1, ordered by (`as_of`, position).

        They were made in an earlier state than their position suggests, so a fold has to reorder them.
        """

    @abstractmethod
    def decisions_without(self, kinds: Sequence[str], after: int = 0, upto: int | None = None) -> Iterator[Fact]:
        """Decisions with after < position ≤ upto that no fact of these kinds refers to, in order, in bounded batches.

        A fact counts at any position, also beyond `upto`, if it exists when the batch is read.
        """

    @abstractmethod
    def damaged_positions(self, after: int = 0, upto: int | None = None) -> Iterator[int]:
        """Positions whose row is missing or does not match its checksum, in order."""

    @abstractmethod
    def units(self, upto: int) -> set[str]:
        """The units of the facts with position ≤ upto."""

    @abstractmethod
    def decision(self, id: str) -> Fact | None:
        """The decision with this id."""

    @abstractmethod
    def fact_with_key(self, key: str) -> Fact | None:
        """The fact with this key."""

    @abstractmethod
    def facts_with_keys(self, keys: Sequence[str]) -> dict[str, Fact]:
        """The facts with these keys, by key; missing ones are left out."""

    @abstractmethod
    def facts_at(self, positions: Sequence[int]) -> dict[int, Fact]:
        """The facts at these positions, by position; missing ones are left out."""

    @abstractmethod
    def facts_about(self, *decisions: int) -> list[Fact]:
        """The facts that refer to one of these decisions, in order of position."""

    @abstractmethod
    def action_sets(self, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        """The bodies of these action sets, by digest; missing ones are left out."""

    @abstractmethod
    def policies(self) -> list[PolicyRecord]:
        """All policy records, in order of id."""

    @abstractmethod
    def save_policy(self, record: PolicyRecord) -> None:
        """Add a policy record."""

    @abstractmethod
    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Store a snapshot, replacing one at the same position; whether it is pinned does not change."""

    @abstractmethod
    def snapshots(self) -> list[SnapshotInfo]:
        """Every snapshot without its body, in order of position."""

    @abstractmethod
    def snapshot(self, position: int) -> Snapshot | None:
        """The snapshot at this position. Raises `CorruptSnapshot` if its row is damaged."""

    @abstractmethod
    def pin(self, position: int, pinned: bool) -> None:
        """Set whether pruning must keep this snapshot. Raises `StorageError` if there is none."""

    @abstractmethod
    def delete_snapshot(self, position: int) -> None:
        """Delete the snapshot at this position, if there is one, pinned or not."""

    @abstractmethod
    def erase(self, unit: str, at: float, mark: Mark | None = None) -> list[int]:
        """Erase a unit permanently, and return the positions of its facts; the only deletion that a log allows.

        Every decision of the unit, every fact that refers to one of them, and every other fact of the unit becomes a
        tombstone: kind `erasure`, its position, its old `at`, and the time of erasure (`at`) in `body`. Action sets to
        which no remaining decision refers, directly or by a set that does (see `references`), are deleted, and so is
        every snapshot at or after the first of the positions, pinned or not. The settings that `mark` returns for the
        positions are written too: a caller who is interrupted finds in them what was erased. This is one transaction;
        then the bytes are removed with `scrub`.

        Raises `StoreUnavailable` if the bytes could not be removed; the message says whether the rows are already
        erased. In that case call `scrub`.
        """

    @abstractmethod
    def scrub(self) -> None:
        """Remove the bytes of deleted rows and of overwritten values from the back end's own files.

        SQLite removes them completely, PostgreSQL from its tables and indexes, but not from its write-ahead log until
        that is recycled. No back end reaches backups, replicas, or overwritten blocks of the file system. Raises
        `StoreUnavailable` if they could not be removed.
        """

    @abstractmethod
    def close(self) -> None:
        """Release the lease and close every connection. May be called twice; any other call after it raises."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
