# ruff: noqa: D102  (the methods are documented in `Storage`)
"""Writing to a store in SQL, the same for every dialect except for a few hooks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, bindparam, delete, insert, select, text, update

from croupier_storage.base import Mark
from croupier_storage.encoding.checksums import snapshot_digest
from croupier_storage.encoding.rows import (
    exact_bytes,
    exact_float,
    exact_int,
    exact_policy,
    exact_snapshot,
    exact_text,
    indexed_text,
)
from croupier_storage.errors import InvalidFact, PositionTaken, StorageError, StoreUnavailable
from croupier_storage.facts import Fact, PolicyRecord, Snapshot
from croupier_storage.sql import schema
from croupier_storage.sql.checking import SQLChecker
from croupier_storage.sql.columns import FactColumns, group_columns
from croupier_storage.sql.erase import erase_unit
from croupier_storage.sql.errors import translate_errors

# Both dialects have this clause, but SQLAlchemy Core has no common construct for it.
_INSERT_ACTION_SET = text("INSERT INTO action_sets (digest, body) VALUES (:digest, :body) ON CONFLICT DO NOTHING")

_head = schema.head.c.position
_ADVANCE = update(schema.head).where(_head == bindparam("expected")).values(position=_head + bindparam("count"))


class SQLStorage(SQLChecker):
    """The part of `Storage` that writes. A dialect adds `acquire` and the hooks.

    Args:
        engine: Connects to the database.
        alone: Whether all its connections are the same one (a database in memory).
        read_only: Refuse to write without accessing the database.
    """

    def __init__(self, engine: Engine, *, alone: bool = False, read_only: bool = False) -> None:
        super().__init__(engine, alone=alone)
        self._read_only = read_only

    @abstractmethod
    def _begin(self, connection: Connection) -> None:
        """Begin a write transaction, if the driver does not."""

    @abstractmethod
    def _insert_facts(self, connection: Connection, groups: Sequence[FactColumns]) -> None:
        """Insert facts, in groups with the same fields, in the dialect's fastest way."""

    @abstractmethod
    def _release(self) -> None:
        """Release the exclusive lease, if it is held."""

    def _check_writable(self) -> None:
        self._check_open()
        if self._read_only:
            raise StoreUnavailable("the store was opened read-only; nothing was written. Open it without `read_only`")

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """One transaction, committed at the end of the block and rolled back if it raises."""
        self._check_writable()
        with translate_errors(self._explain), self._writing_lock, self._engine.begin() as connection:
            self._begin(connection)
            yield connection

    def append(self, facts: Sequence[Fact], action_sets: Mapping[bytes, bytes]) -> None:
        self._check_writable()
        groups = group_columns(facts)
        _check_consecutive(facts)
        sets = [{"digest": exact_bytes(key), "body": exact_bytes(body)} for key, body in action_sets.items()]
        if not groups and not sets:
            return
        with self._writing() as connection:
            if groups:
                self._advance(connection, exact_int(facts[0].position) - 1, len(facts))
                self._insert_facts(connection, groups)
            if sets:
                connection.execute(_INSERT_ACTION_SET, sets)

    def _advance(self, connection: Connection, expected: int, count: int) -> None:
        moved = connection.execute(_ADVANCE, {"expected": expected, "count": count})
        if moved.rowcount != 1:
            if (head := connection.scalar(select(_head)) or 0) < expected:
                raise PositionTaken(
                    f"the log ends at position {head}, before {expected}: the database has lost what was appended "
                    "since, or a backup was restored. Nothing was stored. Read the head, then append after it"
                )
            raise PositionTaken(
                f"the log's head is no longer {expected}: another writer has appended. Nothing was stored, since two "
                "facts would share a position. Read the facts after yours, then append again"
            )

    def save_settings(self, settings: Mapping[str, bytes]) -> None:
        with self._writing() as connection:
            self._put_settings(connection, settings)

    def _put_settings(self, connection: Connection, settings: Mapping[str, bytes]) -> None:
        values = {indexed_text(name): exact_bytes(value) for name, value in settings.items()}
        for name, value in values.items():
            self._put(connection, schema.settings, schema.settings.c.name == name, {"name": name, "value": value})

    def save_policy(self, record: PolicyRecord) -> None:
        values = exact_policy(record)._asdict()
        with self._writing() as connection:
            connection.execute(insert(schema.policies), values)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        row = exact_snapshot(snapshot)
        values = {**row._asdict(), "digest": snapshot_digest(*row)}
        with self._writing() as connection:
            self._put(connection, schema.snapshots, schema.snapshots.c.position == row.position, values)

    def _put(self, connection: Connection, table: Table, which: ColumnElement[bool], values: Mapping[str, Any]) -> None:
        """Update a row, or insert it; other columns of an existing row (`pinned`) do not change."""
        if connection.execute(update(table).where(which).values(values)).rowcount == 0:
            connection.execute(insert(table).values(values))

    def delete_snapshot(self, position: int) -> None:
        with self._writing() as connection:
            connection.execute(delete(schema.snapshots).where(schema.snapshots.c.position == position))

    def pin(self, position: int, pinned: bool) -> None:
        which = update(schema.snapshots).where(schema.snapshots.c.position == position)
        with self._writing() as connection:
            if connection.execute(which.values(pinned=bool(pinned))).rowcount == 0:
                raise StorageError(f"there is no snapshot at position {position} to pin; `snapshots` lists them")

    def erase(self, unit: str, at: float, mark: Mark | None = None) -> list[int]:
        unit, at = exact_text(unit), exact_float(at)
        with self._writing() as connection:
            erased = erase_unit(connection, unit, at)
            if mark is not None:
                self._put_settings(connection, mark(erased))
        self.scrub()  # even if nothing was found: an earlier call may have been interrupted here
        return erased

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with translate_errors(self._explain), self._writing_lock:
            try:
                self._engine.dispose()
            finally:
                self._release()


def _check_consecutive(facts: Sequence[Fact]) -> None:
    """Refuse facts with a gap between their positions, which the check of the head does not find."""
    if facts and [fact[0] for fact in facts] != list(range(facts[0][0], facts[0][0] + len(facts))):
        raise InvalidFact("the facts' positions are not consecutive; nothing was appended. Number them without a gap")
