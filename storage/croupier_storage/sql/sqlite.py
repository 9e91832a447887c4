# ruff: noqa: D102  (the contract of a method stands once, in `Storage`)
"""What is SQLite's own: files, its lock, its transactions, its fastest insert, its errors."""

from __future__ import annotations

import os
import sqlite3
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from typing import Any
from urllib.parse import quote

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, QueuePool, StaticPool, create_engine

from croupier_storage.errors import CorruptStore, InvalidFact, StorageError, StoreInUse, StoreUnavailable
from croupier_storage.options import StorageOptions
from croupier_storage.sql.columns import FactColumns
from croupier_storage.sql.create import PreparedStorage
from croupier_storage.sql.errors import translate_errors

# Rows per statement. The driver releases the interpreter's lock around every step, and beside a busy thread each
# release can cost 5 ms: so one step for all. Few sizes, so that the driver's cache of statements hits; what a statement
# has room for beyond the facts is filled with rows at position 0, which it leaves out. The largest stays below SQLite's
# limit of 32,766 parameters.
_MAX_ROWS = 1024
_SIZES = sorted({*(1 << power for power in range(11)), *(3 << power for power in range(9))})

_ADVICE: dict[int, tuple[type[StorageError], str]] = {
    sqlite3.SQLITE_BUSY: (StoreUnavailable, "another program holds the database locked; wait for it, then try again"),
    sqlite3.SQLITE_LOCKED: (StoreUnavailable, "the database is locked within this process; try again"),
    sqlite3.SQLITE_READONLY: (StoreUnavailable, "the database is read-only; check the file's owner and permissions"),
    sqlite3.SQLITE_FULL: (StoreUnavailable, "the disk is full; make room, then try again"),
    sqlite3.SQLITE_CANTOPEN: (StoreUnavailable, "the file cannot be opened; check the path and its permissions"),
    sqlite3.SQLITE_IOERR: (StoreUnavailable, "the disk failed to read or write; check it before going on"),
    sqlite3.SQLITE_NOTADB: (CorruptStore, "the file is not a SQLite database; check the URL, or restore a backup"),
    sqlite3.SQLITE_CORRUPT: (
        CorruptStore,
        "the database file is damaged; restore a backup, or salvage with `damaged_positions`",
    ),
    sqlite3.SQLITE_CONSTRAINT: (InvalidFact, "an id or key is already in the store; use one that is new"),
    sqlite3.SQLITE_TOOBIG: (InvalidFact, "a value is larger than SQLite can hold; make it smaller"),
}

_NOT_SCRUBBED = (
    "the unit's rows are erased, but its bytes may still be in the database's files ({}); make room or close other "
    "readers, then erase the unit again"
)


class SQLiteStorage(PreparedStorage):
    """A store in a SQLite file or in memory. Made by `open_storage`.

    Args:
        engine: connects to the database.
        path: the file, None for memory.
        read_only: refuse to write.
    """

    def __init__(self, engine: Engine, path: str | None, *, read_only: bool = False) -> None:
        super().__init__(engine, alone=path is None, read_only=read_only)
        # The lock belongs to the store, not to the thread that happened to open it.
        self._lock = None if path is None else FileLock(f"{path}.lock", mode=0o600, thread_local=False)
        self._holder: int | None = None

    def _before_creating(self, timeout: float) -> None:
        # The write-ahead log lets readers go on beside a writer; SQLite does not wait for others who switch to it too.
        deadline = time.monotonic() + timeout
        while True:
            try:
                with self._reading() as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                return
            except StoreUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def acquire(self) -> None:
        self._check_writable()
        if self._lock is None or self._holder is not None:
            return  # nobody else can see a database in memory
        with translate_errors(self._explain):
            try:
                self._lock.acquire(timeout=0)
            except Timeout as error:
                raise StoreInUse(
                    f"another writer has {self._lock.lock_file} locked; two would overwrite each other's positions. "
                    "Close it, or open this one read-only"
                ) from error
        self._holder = os.getpid()

    def _release(self) -> None:
        # A forked child shares the parent's lock, and by unlocking it would take it from the parent.
        if self._lock is not None and self._holder == os.getpid():
            self._lock.release()
        self._holder = None

    def _begin(self, connection: Connection) -> None:
        # A plain BEGIN would take the write lock only at the first write, and could then fail without waiting.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _lock_schema(self, connection: Connection) -> None:
        """Nothing to do: a transaction that writes is alone already."""

    def _insert_facts(self, connection: Connection, groups: Sequence[FactColumns]) -> None:
        for facts in groups:
            self._insert(connection, facts)

    def _insert(self, connection: Connection, facts: FactColumns) -> None:
        # The driver takes a bytearray as it is, and looks for an adapter of every other blob: three times the price.
        values: list[Any] = [
            map(bytearray, column) if isinstance(column[0], bytes) else column  # type: ignore[arg-type]  # all alike
            for column in facts.values
        ]
        flat, width = list(chain.from_iterable(zip(*values, strict=True))), len(facts.names)
        for start in range(0, len(flat), _MAX_ROWS * width):
            some = flat[start : start + _MAX_ROWS * width]
            size = _SIZES[bisect_left(_SIZES, len(some) // width)]
            some += [0] * (size * width - len(some))
            connection.exec_driver_sql(_insert_sql(facts.names, size), tuple(some))

    def _scrub(self) -> None:
        # Zeroing what is deleted is not enough: pages that were split or freed before hold copies nobody remembers.
        if self._lock is None:
            return
        with translate_errors(self._explain_scrub), self._writing_lock, self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
            connection.exec_driver_sql("VACUUM")
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
        if busy:
            raise StoreUnavailable(_NOT_SCRUBBED.format("another program is reading the database"))

    def _explain_scrub(self, error: BaseException) -> StorageError:
        return StoreUnavailable(_NOT_SCRUBBED.format(error))

    def _explain(self, error: BaseException) -> StorageError:
        code = getattr(error, "sqlite_errorcode", None)  # absent where the driver itself, not SQLite, assert_raises
        kind, advice = _ADVICE.get((code or 0) & 0xFF, (StorageError, "the database refused"))
        if "Could not decode" in str(error):
            kind, advice = CorruptStore, "a text in the database is damaged; `damaged_positions` names its position"
        return kind(f"{advice} ({error}). Nothing of this call was kept")


@lru_cache(maxsize=256)
def _insert_sql(names: tuple[str, ...], rows: int) -> str:
    marks = f"({', '.join('?' * len(names))})"
    # The names are this package's own.
    return (
        f"INSERT INTO facts ({', '.join(names)}) "  # noqa: S608
        f"SELECT * FROM (VALUES {', '.join([marks] * rows)}) WHERE column1 > 0"
    )


def open_memory() -> SQLiteStorage:
    """A new, empty store that lives in memory and dies with its last reference."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)

    storage = SQLiteStorage(create_engine("sqlite://", creator=connect, poolclass=StaticPool), None)
    storage.prepare(StorageOptions())
    return storage


def open_file(path: str, options: StorageOptions) -> SQLiteStorage:
    """The store in this file."""
    path = os.path.realpath(path)  # two names of one file must share one lock
    if options.create and not options.read_only:
        _make_private(path)
    elif not os.path.exists(path):
        raise StoreUnavailable(f"there is no store at {path}; check the path, or open it with create=True")
    engine = create_engine(
        "sqlite://", creator=_connector(path, options), poolclass=QueuePool, pool_size=8, max_overflow=56
    )
    storage = SQLiteStorage(engine, path, read_only=options.read_only)
    try:
        storage.prepare(options)
    except BaseException:
        storage.close()
        raise
    return storage


def _make_private(path: str) -> None:
    """Create the file for its owner alone, before SQLite would create it for everyone the umask allows."""
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"cannot create {path} ({error}); check that its folder exists and is yours") from error


def _connector(path: str, options: StorageOptions) -> Callable[[], sqlite3.Connection]:
    uri, wait = f"file:{quote(path)}?mode={'ro' if options.read_only else 'rw'}", options.timeout
    synchronous = "FULL" if options.durability == "commit" else "NORMAL"

    def connect() -> sqlite3.Connection:
        # isolation_level=None: the driver would otherwise begin transactions of its own, later than they must.
        connection = sqlite3.connect(uri, uri=True, timeout=wait, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA trusted_schema=OFF")  # a forged schema must not call functions
        return connection

    return connect
