# ruff: noqa: D102  (the methods are documented in `Storage`)
"""The PostgreSQL back end: sessions, the lease, COPY, and commits whose outcome is unknown."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import repeat
from typing import Any

from sqlalchemy import Connection, Engine, Select, select, text
from sqlalchemy.exc import DBAPIError

from croupier_storage.encoding.rows import row
from croupier_storage.errors import CorruptStore, StorageError, StoreInUse, StoreUnavailable
from croupier_storage.facts import Fact
from croupier_storage.options import StorageOptions
from croupier_storage.sql import schema
from croupier_storage.sql.columns import FactColumns
from croupier_storage.sql.create import PreparedStorage
from croupier_storage.sql.errors import translate_errors
from croupier_storage.sql.postgres_bounds import bounded
from croupier_storage.sql.postgres_errors import explain
from croupier_storage.sql.reader import TOO_MUCH

_COLUMNS = schema.facts.c.keys()
_COPY = f"COPY facts ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
_NAMES = {"BIGINT": "int8", "TEXT": "text", "DOUBLE": "float8", "BLOB": "bytea"}
_TYPES = [_NAMES[str(column.type)] for column in schema.facts.c]

# One lock per store, not per database: the table's oid distinguishes stores in different schemas.
_LEASE = text("SELECT pg_try_advisory_lock((1668445296::bigint << 32) | 'head'::regclass::oid::bigint)")
_SCHEMA = text("SELECT pg_advisory_xact_lock(1668445297, hashtext(current_schema()))")
_PERSONAL = ("facts", "action_sets", "snapshots", "settings")  # the tables that can name a unit
_OWNS_DATABASE = text(
    "SELECT pg_has_role(current_user, datdba, 'USAGE') FROM pg_database WHERE datname = current_database()"
)
# Only appended facts may be lost with a killed server: whoever has them can append them again, if the rest is there.
_FLUSH = text("SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'")
_FLUSH_DELAY = text("SELECT setting::float8 / 1000 FROM pg_settings WHERE name = 'wal_writer_delay'")
_DELAYS = 3  # after which PostgreSQL has flushed an asynchronous commit, at the latest
_LOCKED_HEAD = text("SELECT position FROM head FOR UPDATE")

_LEASE_LOST = (
    "the session that held the store's lease was lost, and another writer may hold the lease now; nothing of this call "
    "was stored. Close this store and open it again"
)
_COMMIT_UNKNOWN = (
    "the connection broke during a commit, and the server could not be asked whether the facts were stored; "
    "read the head again before appending"
)
_NOT_SCRUBBED = (
    "the unit's rows are erased, but their bytes may still be in the tables' files ({}); end long transactions in the "
    "database, then erase the unit again"
)


class PostgresStorage(PreparedStorage):
    """A store in a PostgreSQL database. Opened by `open_storage`.

    Args:
        engine: Connects to the database.
        options: The options of opening it.
    """

    def __init__(self, engine: Engine, options: StorageOptions) -> None:
        super().__init__(engine, read_only=options.read_only)
        self._timeout, self._asynchronous = options.timeout, options.durability != "commit"
        # Single statements need no transaction: one round trip to the server instead of three.
        self._reader = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._lease: Connection | None = None
        self._committing = self._appending = False
        self._process = os.getpid()

    def acquire(self) -> None:
        self._check_writable()
        with translate_errors(self._explain), self._writing_lock:
            if self._lease is not None and not self._lease.invalidated:
                return
            self._release()
            connection = self._engine.connect()
            connection.detach()  # the lease belongs to the session, which must not return to the pool
            with connection.begin():
                held = connection.scalar(_LEASE)
            if not held:
                connection.close()
                raise StoreInUse(
                    "another writer holds the store's lease; two would use the same positions. Close it "
                    "first; what only reads the log needs no lease"
                )
            self._lease = connection

    def _release(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None and self._process == os.getpid():  # a forked child shares the parent's session
            lease.close()

    @property
    def loss_window(self) -> float:
        if not self._asynchronous:
            return 0.0
        with self._reading() as connection:
            return _DELAYS * float(connection.execute(_FLUSH_DELAY).scalar_one())

    @contextmanager
    def _session(self) -> Iterator[Connection]:
        """The connection for writing: that of the lease if it is held, so that losing the lease prevents commits."""
        if self._lease is None:
            with self._engine.connect() as connection:
                yield connection
            return
        if self._lease.invalidated:
            raise StoreUnavailable(_LEASE_LOST)
        try:
            yield self._lease
        finally:
            self._invalidate_if_closed(self._lease)

    def _invalidate_if_closed(self, lease: Connection) -> None:
        """Invalidate a broken lease session, which SQLAlchemy would otherwise replace silently."""
        if not lease.invalidated and lease.connection.dbapi_connection.closed:  # type: ignore[union-attr]  # psycopg's attribute
            lease.invalidate()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        self._check_writable()
        driver = self._engine.dialect.loaded_dbapi.Error  # COPY uses the driver directly
        with self._writing_lock, translate_errors(self._explain_writing, driver), self._session() as connection:
            transaction = connection.begin()
            try:
                if not self._appending:
                    connection.execute(_FLUSH)
                yield connection
                self._committing = True
                transaction.commit()
                self._committing = False
            except BaseException:
                with suppress(DBAPIError):  # the session may be gone already
                    transaction.rollback()
                raise

    def append(self, facts: Sequence[Fact], action_sets: Mapping[bytes, bytes]) -> None:
        with self._writing_lock:
            self._committing, self._appending = False, True
            try:
                super().append(facts, action_sets)
            except StoreUnavailable:
                if not (self._committing and facts and self._was_committed(facts[-1])):
                    raise
            finally:
                self._appending = False

    def _was_committed(self, last: Fact) -> bool:
        """Whether an interrupted commit took effect; retried until the server answers or the timeout is over."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return self._holds(last)
            except StoreUnavailable as error:
                if time.monotonic() > deadline:
                    raise StoreUnavailable(f"{_COMMIT_UNKNOWN} ({error})") from error
                time.sleep(0.05)

    def _holds(self, last: Fact) -> bool:
        digest = select(schema.facts.c.digest).where(schema.facts.c.position == last.position)
        with translate_errors(explain), self._engine.begin() as connection:
            # The lock waits until the broken session has ended, so that it cannot commit after this check.
            connection.execute(_LOCKED_HEAD)
            return bool(connection.scalar(digest) == row(last)[-1])

    def _begin(self, connection: Connection) -> None:
        """SQLAlchemy begins the transaction."""

    def _before_creating(self, timeout: float) -> None:
        with self._reading() as connection:
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
        if encoding != "UTF8":
            raise StorageError(
                f"the database's encoding is {encoding}, which cannot store every text; create it with ENCODING 'UTF8'"
            )

    def _lock_schema(self, connection: Connection) -> None:
        connection.execute(_SCHEMA)

    def _insert_facts(self, connection: Connection, groups: Sequence[FactColumns]) -> None:
        cursor: Any = connection.connection.cursor()
        with cursor, cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for names, values in groups:
                columns = dict(zip(names, values, strict=True))
                for fields in zip(*(columns.get(name, repeat(None)) for name in _COLUMNS), strict=False):
                    copy.write_row(fields)

    def scrub(self) -> None:
        self._check_writable()
        with (
            translate_errors(lambda error: StoreUnavailable(_NOT_SCRUBBED.format(error))),
            self._reader.connect() as connection,
        ):
            for table in _PERSONAL:
                connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {table}")
            # The planner's statistics hold frequent values, and analysing again leaves the old ones in dead rows.
            # Who does not own the database may not rewrite them; a store made by this release keeps none of a text.
            if connection.scalar(_OWNS_DATABASE):
                connection.exec_driver_sql("VACUUM FULL pg_catalog.pg_statistic")

    def _bounded(self, query: Select[Any], page: int | None) -> Select[Any]:
        return bounded(query, page)

    def _within_bounds(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        if any(row[-1] for row in rows):
            raise CorruptStore(TOO_MUCH)
        return [row[:-1] for row in rows]

    def _explain(self, error: BaseException) -> StorageError:
        return explain(error)

    def _explain_writing(self, error: BaseException) -> StorageError:
        if self._lease is not None and self._lease.invalidated:
            return StoreUnavailable(f"{_LEASE_LOST} ({error})")
        return explain(error)

    def close(self) -> None:
        if self._process != os.getpid():
            self._engine.dispose(close=False)  # the sessions belong to the parent process
        super().close()
