# ruff: noqa: D102  (the methods are documented in `Storage`)
"""A back end of Python lists and dicts, which ends with its process.

It is the reference that the SQL back ends are tested against, so it is simple rather than fast: most queries scan the
log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock

from croupier_storage.base import Mark, Storage
from croupier_storage.encoding.references import references
from croupier_storage.encoding.rows import (
    exact_bytes,
    exact_float,
    exact_policy,
    exact_snapshot,
    exact_text,
    exact_values,
    indexed_text,
)
from croupier_storage.errors import InvalidFact, PositionTaken, StorageError
from croupier_storage.facts import Fact, Kind, PolicyRecord, Snapshot, SnapshotInfo, tombstone


class MemoryStorage(Storage):
    """A store in this process's memory. Opened by `open_storage`."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._closed = False
        self._log: list[Fact] = []
        self._settings: dict[str, bytes] = {}
        self._sets: dict[bytes, bytes] = {}
        self._policies: dict[int, PolicyRecord] = {}
        self._snapshots: dict[int, Snapshot] = {}
        self._pinned: set[int] = set()

    @contextmanager
    def _while_open(self) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise StorageError("the store is closed and its content is gone; open a new one")
            yield

    def _window(self, after: int, upto: int | None) -> list[Fact]:
        with self._while_open():
            return self._log[max(after, 0) : len(self._log) if upto is None else max(upto, 0)]

    def acquire(self) -> None:
        with self._while_open():
            pass  # no other process can see it

    def settings(self) -> dict[str, bytes]:
        with self._while_open():
            return dict(self._settings)

    def save_settings(self, settings: Mapping[str, bytes]) -> None:
        with self._while_open():
            self._settings |= {indexed_text(name): exact_bytes(value) for name, value in settings.items()}

    def head(self) -> int:
        with self._while_open():
            return len(self._log)

    def append(self, facts: Sequence[Fact], action_sets: Mapping[bytes, bytes]) -> None:
        with self._while_open():
            added = [Fact._make(exact_values(fact)) for fact in facts]
            sets = {exact_bytes(digest): exact_bytes(body) for digest, body in action_sets.items()}
            self._check(added)
            self._log += added
            self._sets = sets | self._sets

    def _check(self, added: Sequence[Fact]) -> None:
        """Refuse facts that do not follow the head, or that repeat an id or a key."""
        if not added:
            return
        first = added[0].position
        if [fact.position for fact in added] != list(range(first, first + len(added))):
            raise InvalidFact("the facts' positions are not consecutive; nothing was appended. Renumber them")
        if first != len(self._log) + 1:
            raise PositionTaken(f"the log's head is {len(self._log)}; read the facts after yours, then append again")
        for name in ("id", "key"):
            values = [getattr(fact, name) for fact in (*self._log, *added) if getattr(fact, name) is not None]
            if len(set(values)) < len(values):
                raise InvalidFact(f"a fact's {name} is already in the log; nothing was appended. Use a new one")

    def facts(self, after: int = 0, upto: int | None = None, *, kinds: Sequence[str] | None = None) -> Iterator[Fact]:
        yield from (fact for fact in self._window(after, upto) if kinds is None or fact.kind in kinds)

    def decisions_out_of_order(self, after: int = 0, upto: int | None = None) -> Iterator[Fact]:
        decisions = [(fact.as_of, fact.position, fact) for fact in self.facts(after, upto, kinds=[Kind.DECISION])]
        earlier = [(as_of, position, fact) for as_of, position, fact in decisions if as_of not in (None, position - 1)]
        yield from (fact for *_, fact in sorted(earlier))

    def decisions_without(self, kinds: Sequence[str], after: int = 0, upto: int | None = None) -> Iterator[Fact]:
        answered = {fact.decision for fact in self.facts(kinds=kinds)}
        yield from (fact for fact in self.facts(after, upto, kinds=[Kind.DECISION]) if fact.position not in answered)

    def damaged_positions(self, after: int = 0, upto: int | None = None) -> Iterator[int]:
        with self._while_open():
            yield from ()  # no other process can damage it

    def units(self, upto: int) -> set[str]:
        return {fact.unit for fact in self._window(0, upto) if fact.unit is not None}

    def decision(self, id: str) -> Fact | None:
        return next((fact for fact in self.facts(kinds=[Kind.DECISION]) if fact.id == id), None)

    def fact_with_key(self, key: str) -> Fact | None:
        return next((fact for fact in self.facts() if fact.key == key), None)

    def facts_with_keys(self, keys: Sequence[str]) -> dict[str, Fact]:
        wanted = set(keys)
        return {fact.key: fact for fact in self.facts() if fact.key is not None and fact.key in wanted}

    def facts_at(self, positions: Sequence[int]) -> dict[int, Fact]:
        wanted = set(positions)
        return {fact.position: fact for fact in self.facts() if fact.position in wanted}

    def facts_about(self, *decisions: int) -> list[Fact]:
        return [fact for fact in self.facts() if fact.decision in decisions]

    def action_sets(self, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        with self._while_open():
            return {digest: self._sets[digest] for digest in digests if digest in self._sets}

    def policies(self) -> list[PolicyRecord]:
        with self._while_open():
            return [self._policies[id] for id in sorted(self._policies)]

    def save_policy(self, record: PolicyRecord) -> None:
        with self._while_open():
            record = exact_policy(record)
            if record.id in self._policies:
                raise InvalidFact(f"policy {record.id} is already in the store; nothing was saved. Use a new id")
            self._policies[record.id] = record

    def save_snapshot(self, snapshot: Snapshot) -> None:
        with self._while_open():
            snapshot = exact_snapshot(snapshot)
            self._snapshots[snapshot.position] = snapshot

    def snapshots(self) -> list[SnapshotInfo]:
        with self._while_open():
            return [
                SnapshotInfo(position, snapshot.at, snapshot.hash, len(snapshot.body), position in self._pinned)
                for position, snapshot in sorted(self._snapshots.items())
            ]

    def snapshot(self, position: int) -> Snapshot | None:
        with self._while_open():
            return self._snapshots.get(position)

    def pin(self, position: int, pinned: bool) -> None:
        with self._while_open():
            if position not in self._snapshots:
                raise StorageError(f"there is no snapshot at position {position} to pin; `snapshots` lists them")
            (self._pinned.add if pinned else self._pinned.discard)(position)

    def delete_snapshot(self, position: int) -> None:
        with self._while_open():
            self._snapshots.pop(position, None)
            self._pinned.discard(position)

    def erase(self, unit: str, at: float, mark: Mark | None = None) -> list[int]:
        with self._while_open():
            unit, at = exact_text(unit), exact_float(at)
            decisions = {fact.position for fact in self._log if fact.unit == unit and fact.kind == Kind.DECISION}
            erased = [fact.position for fact in self._log if fact.unit == unit or fact.decision in decisions]
            for position in erased:
                self._log[position - 1] = tombstone(position, self._log[position - 1].at, at)
            if erased:
                referred = {fact.actions for fact in self._log}
                referred |= {item for of in referred for item in references(self._sets.get(of or b"", b""))[0]}
                self._sets = {digest: body for digest, body in self._sets.items() if digest in referred}
            for position in [p for p in self._snapshots if erased and p >= erased[0]]:
                self.delete_snapshot(position)
            if mark is not None:
                self.save_settings(mark(erased))
            return erased

    def scrub(self) -> None:
        with self._while_open():
            pass  # there are no files

    def close(self) -> None:
        with self._lock:
            self._closed = True
