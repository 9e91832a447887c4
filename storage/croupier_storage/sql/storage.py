# ruff: noqa: D102  (the contract of a method stands once, in `Storage`)
"""Writing a store in SQL, the same for every dialect; what differs is left to a few hooks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, bindparam, delete, insert, text, update

from croupier_storage.encoding.checksums import snapshot_digest
from croupier_storage.encoding.rows import plain_bytes, plain_float, plain_int, plain_policy, plain_snapshot, plain_text
from croupier_storage.errors import InvalidFact, PositionTaken, StorageError, StoreUnavailable
from croupier_storage.facts import Fact, PolicyRecord, Snapshot
from croupier_storage.sql import schema
from croupier_storage.sql.checking import SQLChecker
from croupier_storage.sql.columns import FactColumns, group_columns
from croupier_storage.sql.erase import erase_unit
from croupier_storage.sql.errors import translate_errors

# Both dialects know this clause, and SQLAlchemy Core has no common word for it.
_INSERT_ACTION_SET = text("INSERT INTO action_sets (digest, body) VALUES (:digest, :body) ON CONFLICT DO NOTHING")

_head = schema.head.c.position
_ADVANCE = update(schema.head).where(_head == bindparam("expected")).values(position=_head + bindparam("count"))


class SQLStorage(SQLChecker):
    """The half of `Storage` that writes. A dialect adds `acquire` and the hooks.

    Args:
        engine: connects to the database.
        alone: its connections are one and the same (a database in memory).
        read_only: refuse to write, before the database is asked.
    """

    def __init__(self, engine: Engine, *, alone: bool = False, read_only: bool = False) -> None:
        super().__init__(engine, alone=alone)
        self._read_only = read_only

    @abstractmethod
    def _begin(self, connection: Connection) -> None:
        """Start a transaction that will write, if the driver does not."""

    @abstractmethod
    def _insert_facts(self, connection: Connection, groups: Sequence[FactColumns]) -> None:
        """Add facts, in groups that have the same fields, in the dialect's fastest way."""

    @abstractmethod
    def _scrub(self) -> None:
        """Drop the bytes of rows that are gone from the database's own files."""

    @abstractmethod
    def _release(self) -> None:
        """Give the exclusive lease back, if it is held."""

    def _check_writable(self) -> None:
        self._check_open()
        if self._read_only:
            raise StoreUnavailable("the store was opened read-only, nothing was written; open it without `read_only`")

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """One transaction, committed at the end of the block and rolled back where it raises."""
        self._check_writable()
        with translate_errors(self._explain), self._writing_lock, self._engine.begin() as connection:
            self._begin(connection)
            yield connection

    def append(self, facts: Sequence[Fact], action_sets: Mapping[bytes, bytes]) -> None:
        self._check_writable()
        groups = group_columns(facts)
        _check_consecutive(facts)
        sets = [{"digest": plain_bytes(key), "body": plain_bytes(body)} for key, body in action_sets.items()]
        if not groups and not sets:
            return
        with self._writing() as connection:
            if groups:
                self._advance(connection, plain_int(facts[0].position) - 1, len(facts))
                self._insert_facts(connection, groups)
            if sets:
                connection.execute(_INSERT_ACTION_SET, sets)

    def _advance(self, connection: Connection, expected: int, count: int) -> None:
        moved = connection.execute(_ADVANCE, {"expected": expected, "count": count})
        if moved.rowcount != 1:
            raise PositionTaken(
                f"the log's head is no longer {expected}: someone else has written. Nothing was appended, for two "
                "facts would share a position. Read the facts after yours, then append again"
            )

    def save_settings(self, settings: Mapping[str, bytes]) -> None:
        values = {plain_text(name): plain_bytes(value) for name, value in settings.items()}
        with self._writing() as connection:
            for name, value in values.items():
                self._put(connection, schema.settings, schema.settings.c.name == name, {"name": name, "value": value})

    def save_policy(self, record: PolicyRecord) -> None:
        values = plain_policy(record)._asdict()
        with self._writing() as connection:
            connection.execute(insert(schema.policies), values)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        kept = plain_snapshot(snapshot)
        values = {**kept._asdict(), "digest": snapshot_digest(*kept)}
        with self._writing() as connection:
            self._put(connection, schema.snapshots, schema.snapshots.c.position == kept.position, values)

    def _put(self, connection: Connection, table: Table, which: ColumnElement[bool], values: Mapping[str, Any]) -> None:
        """Overwrite a row's values, or add the row; other columns of a row that is there (`pinned`) keep theirs."""
        if connection.execute(update(table).where(which).values(values)).rowcount == 0:
            connection.execute(insert(table).values(values))

    def delete_snapshot(self, position: int) -> None:
        with self._writing() as connection:
            connection.execute(delete(schema.snapshots).where(schema.snapshots.c.position == position))

    def pin(self, position: int, pinned: bool) -> None:
        which = update(schema.snapshots).where(schema.snapshots.c.position == position)
        with self._writing() as connection:
            if connection.execute(which.values(pinned=bool(pinned))).rowcount == 0:
                raise StorageError(f"there is no snapshot at position {position} to pin; `snapshots` names them")

    def erase(self, unit: str, at: float) -> list[int]:
        unit, at = plain_text(unit), plain_float(at)
        with self._writing() as connection:
            erased = erase_unit(connection, unit, at)
        self._scrub()  # even if nothing was found: an earlier call may have been cut short before this
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
    """Refuse facts whose own positions leave a gap, which the head could not see."""
    if facts and [fact[0] for fact in facts] != list(range(facts[0][0], facts[0][0] + len(facts))):
        raise InvalidFact("the facts' positions are not consecutive; nothing was appended. Number them without a gap")
