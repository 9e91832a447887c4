"""The contract of a back end: facts and snapshots in, facts and snapshots out, in order of position."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from croupier_storage.facts import Fact, PolicyRecord, Snapshot, SnapshotInfo


class Storage(ABC):
    """A log of facts with snapshots beside it. Safe under threads; one `append` at a time.

    Errors of a driver never leave this class: they are raised as this package's own, `from` the driver's.
    """

    @abstractmethod
    def acquire(self) -> None:
        """Take the exclusive lease, held until `close` or the death of the process. Raises `StoreInUse`."""

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
        """Commit facts that follow the head without a gap, and the bodies of action sets not yet stored, by digest.

        All or nothing. Raises `PositionTaken` if the first position is not `head() + 1` (someone else has written),
        `InvalidFact` for a gap between them, a repeated id or key, or a value that would not come back unchanged.
        """

    @abstractmethod
    def facts(self, after: int = 0, upto: int | None = None, *, kinds: Sequence[str] | None = None) -> Iterator[Fact]:
        """Facts with after < position ≤ upto, in order of position, read in bounded batches.

        Without `upto` it ends at the head of the moment when the first fact is asked for. No lock is held between
        batches. Raises `CorruptStore` where a position is missing, unless `kinds` leaves some out.
        """

    @abstractmethod
    def decisions_out_of_order(self, after: int = 0, upto: int | None = None) -> Iterator[Fact]:
        """Decisions with after < position ≤ upto that saw less than all before them, ordered by (`as_of`, position).

        Those, that is, whose `as_of` is not the position before their own: what a fold must put in another place.
        """

    @abstractmethod
    def decisions_without(self, kinds: Sequence[str], after: int = 0, upto: int | None = None) -> Iterator[Fact]:
        """Decisions with after < position ≤ upto that no fact of these kinds names, in order, in bounded batches.

        A fact that names one counts wherever it stands, beyond `upto` too, if it is there when the batch is read.
        """

    @abstractmethod
    def damaged_positions(self, after: int = 0, upto: int | None = None) -> Iterator[int]:
        """Positions whose row no longer matches the checksum written with it, or is missing, in order."""

    @abstractmethod
    def decision(self, id: str) -> Fact | None:
        """The decision of this id."""

    @abstractmethod
    def fact_with_key(self, key: str) -> Fact | None:
        """The fact that carries this key."""

    @abstractmethod
    def facts_with_keys(self, keys: Sequence[str]) -> dict[str, Fact]:
        """The facts that carry these keys, by key; absent ones are left out."""

    @abstractmethod
    def facts_at(self, positions: Sequence[int]) -> dict[int, Fact]:
        """The facts at these positions, by position; absent ones are left out."""

    @abstractmethod
    def facts_about(self, *decisions: int) -> list[Fact]:
        """The facts that name one of these decisions' positions, in order of their own."""

    @abstractmethod
    def action_sets(self, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        """The bodies of these action sets, by digest; absent ones are left out."""

    @abstractmethod
    def policies(self) -> list[PolicyRecord]:
        """Every policy record, by id."""

    @abstractmethod
    def save_policy(self, record: PolicyRecord) -> None:
        """Add a policy record."""

    @abstractmethod
    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot, replacing one at the same position, which stays pinned if it was."""

    @abstractmethod
    def snapshots(self) -> list[SnapshotInfo]:
        """What is known of every snapshot without its body, by position."""

    @abstractmethod
    def snapshot(self, position: int) -> Snapshot | None:
        """The snapshot at this position. Raises `CorruptSnapshot` where its row is damaged."""

    @abstractmethod
    def pin(self, position: int, pinned: bool) -> None:
        """Say whether whoever prunes snapshots must leave this one. Raises `StorageError` where there is none."""

    @abstractmethod
    def delete_snapshot(self, position: int) -> None:
        """Remove the snapshot at this position, if there is one, pinned or not."""

    @abstractmethod
    def erase(self, unit: str, at: float) -> list[int]:
        """Forget a unit for good, and return the positions where it stood; the one deletion that a log allows.

        Every decision of the unit, every fact that names one of these, and every other fact of the unit becomes a
        tombstone in its place: kind `erasure`, the position, its old `at`, and in `body` when it was erased (`at`).
        Action sets that no remaining decision refers to go, and so does every snapshot at or after the first of the
        positions, pinned or not. All of it in one transaction. Then the back end drops the bytes from its own files
        as far as it can: SQLite wholly, PostgreSQL from its tables, but not from its write-ahead log before it is
        recycled. No back end reaches backups, replicas, or what the file system keeps of overwritten blocks.

        Raises `StoreUnavailable` where the bytes could not be dropped; the message says if the rows are gone
        already. Call it again then: it takes up where it left off, although it returns no positions.
        """

    @abstractmethod
    def close(self) -> None:
        """Release the lease and every connection. May be called twice; any other call after it raises."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
