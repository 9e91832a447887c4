"""The contract of a back end: facts and snapshots in, facts and snapshots out, in order of position."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from croupier_storage.facts import Fact, PolicyRecord, Snapshot


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
    def decisions_by_as_of(self, after: int = 0, upto: int | None = None) -> Iterator[Fact]:
        """Decisions with after < position ≤ upto, ordered by (`as_of`, position)."""

    @abstractmethod
    def damaged(self, after: int = 0, upto: int | None = None) -> Iterator[int]:
        """Positions whose row no longer matches the checksum written with it, or is missing, in order."""

    @abstractmethod
    def decision(self, id: str) -> Fact | None:
        """The decision of this id."""

    @abstractmethod
    def keyed(self, key: str) -> Fact | None:
        """The fact that carries this key."""

    @abstractmethod
    def at(self, positions: Sequence[int]) -> dict[int, Fact]:
        """The facts at these positions, by position; absent ones are left out."""

    @abstractmethod
    def about(self, decision: int) -> list[Fact]:
        """The facts that name this decision's position, in order."""

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
        """Keep a snapshot, replacing one at the same position."""

    @abstractmethod
    def snapshots(self) -> list[tuple[int, float, str, int]]:
        """(position, at, hash, size in bytes) of every snapshot, by position, without their bodies."""

    @abstractmethod
    def snapshot(self, position: int) -> Snapshot | None:
        """The snapshot at this position. Raises `CorruptSnapshot` where its row is damaged."""

    @abstractmethod
    def delete_snapshot(self, position: int) -> None:
        """Remove the snapshot at this position, if there is one."""

    @abstractmethod
    def close(self) -> None:
        """Release the lease and every connection. May be called twice; any other call after it raises."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
