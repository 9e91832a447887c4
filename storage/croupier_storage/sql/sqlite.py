# ruff: noqa: D102  (the methods are documented in `Storage`)
"""The SQLite back end: files, the lock, transactions, inserts, errors."""

from __future__ import annotations

import os
import sqlite3
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from typing import Any, cast
from urllib.parse import quote

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, StaticPool, create_engine
from sqlalchemy.event import listen
from sqlalchemy.pool import PoolProxiedConnection

from croupier_storage.errors import CorruptStore, InvalidFact, StorageError, StoreInUse, StoreUnavailable
from croupier_storage.facts import Fact
from croupier_storage.options import StorageOptions
from croupier_storage.sql.columns import FactColumns
from croupier_storage.sql.create import PreparedStorage
from croupier_storage.sql.errors import translate_errors
from croupier_storage.sql.pool import AtomicPool
from croupier_storage.sql.presence import FilePresence
from croupier_storage.sql.reader import READ_FLOOR
from croupier_storage.sql.sqlite_schema import check_tables

# Rows per statement. The driver releases the GIL around every step, and beside a busy thread each release can cost 5
# ms: so there is one step for many rows. There are few sizes, so that the driver's statement cache hits; unused places
# are filled with rows at position 0, which the statement skips. The largest size stays below SQLite's limit of 32,766
# parameters.
_MAX_ROWS = 1024
_SIZES = sorted({*(1 << power for power in range(11)), *(3 << power for power in range(9))})

_ADVICE: dict[int, tuple[type[StorageError], str]] = {
    sqlite3.SQLITE_BUSY: (StoreUnavailable, "another program has locked the database; wait for it, then try again"),
    sqlite3.SQLITE_LOCKED: (StoreUnavailable, "the database is locked within this process; try again"),
    sqlite3.SQLITE_READONLY: (StoreUnavailable, "the database is read-only; check the file's owner and permissions"),
    sqlite3.SQLITE_FULL: (StoreUnavailable, "the disk is full; free some space, then try again"),
    sqlite3.SQLITE_CANTOPEN: (StoreUnavailable, "the file cannot be opened; check the path and its permissions"),
    sqlite3.SQLITE_IOERR: (StoreUnavailable, "the disk failed to read or write; check it before continuing"),
    sqlite3.SQLITE_NOTADB: (CorruptStore, "the file is not a SQLite database; check its path, or restore a backup"),
    sqlite3.SQLITE_CORRUPT: (
        CorruptStore,
        "the database file is damaged; restore a backup, or salvage with `damaged_positions`",
    ),
    sqlite3.SQLITE_INTERRUPT: (
        CorruptStore,
        "reading took more steps than a file of this size can need; it is damaged or forged, restore a backup",
    ),
    sqlite3.SQLITE_CONSTRAINT: (InvalidFact, "an id or key is already in the store; use a new one"),
    sqlite3.SQLITE_TOOBIG: (InvalidFact, "a value is larger than SQLite can store; use a smaller one"),
}

_STEPS = 2_000_000  # of SQLite's machine between two looks at the clock of steps
_STEPS_FLOOR = 10  # times so many are always allowed
_STEPS_PER_BYTE = 20  # reading a whole file, each fact with a look into an index, takes about one for a byte

_NOT_SCRUBBED = (
    "the unit's rows are erased, but its bytes may still be in the database's files ({}); free some space or close "
    "other readers, then erase the unit again"
)


class SQLiteStorage(PreparedStorage):
    """A store in a SQLite file or in memory. Opened by `open_storage`.

    Args:
        engine: Connects to the database.
        path: The file; None for memory.
        read_only: Refuse to write.
    """

    def __init__(self, engine: Engine, path: str | None, *, read_only: bool = False) -> None:
        super().__init__(engine, alone=path is None, read_only=read_only)
        self._path = path
        # The lock belongs to the store, not to the thread that opened it.
        self._lock = None if path is None else FileLock(f"{path}.lock", mode=0o600, thread_local=False)
        self._holder: int | None = None
        self._anchor: PoolProxiedConnection | None = None
        self._presence = None if path is None else FilePresence(path)

    def append(self, facts: Sequence[Fact], action_sets: Mapping[bytes, bytes]) -> None:
        self._check_presence()
        super().append(facts, action_sets)
        self._check_presence()  # before anyone is told that the facts are kept

    def _check_presence(self) -> None:
        if self._presence is not None and self._anchor is not None:
            with translate_errors(self._explain):
                self._presence.check()

    def _check_schema(self, connection: Connection) -> None:
        check_tables(cast(sqlite3.Connection, connection.connection.dbapi_connection))

    def _ceiling(self) -> int:
        return READ_FLOOR + self._size()

    def _size(self) -> int:
        """Bytes in the database and its write-ahead log; what is in memory is trusted."""
        return 1 << 62 if self._path is None else _size_of(self._path)

    def head(self) -> int:
        head = super().head()
        if head and head > (size := self._size()):  # no fact fits into a byte
            raise CorruptStore(
                f"the store claims {head} facts, and its file has {size} bytes; it is damaged or forged. Restore a "
                "backup"
            )
        return head

    def _before_creating(self, timeout: float) -> None:
        # The write-ahead log allows reads during a write. SQLite does not wait if another process switches to it too.
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
            return  # no other process can see a database in memory
        with translate_errors(self._explain):
            try:
                self._lock.acquire(timeout=0)
            except Timeout as error:
                raise StoreInUse(
                    f"another writer has {self._lock.lock_file} locked; two would use the same positions. "
                    "Close it first; what only reads the log needs no lease"
                ) from error
        self._holder = os.getpid()
        with translate_errors(self._explain):
            # Held for as long as the lease: with its last connection SQLite removes the write-ahead log, and another
            # file of that name would look like one that somebody has put there.
            self._anchor = self._engine.raw_connection()
            self._anchor.detach()
            self._anchor.cursor().execute("SELECT position FROM head").fetchall()

    def _release(self) -> None:
        # A forked child shares the parent's lock, and unlocking it would release the parent's.
        if self._lock is not None and self._holder == os.getpid():
            if self._anchor is not None:
                self._anchor.close()
            self._lock.release()
        self._holder = self._anchor = None

    def _begin(self, connection: Connection) -> None:
        # A plain BEGIN takes the write lock only at the first write, and can then fail without waiting.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _lock_schema(self, connection: Connection) -> None:
        """Nothing to do: a write transaction is exclusive."""

    def _insert_facts(self, connection: Connection, groups: Sequence[FactColumns]) -> None:
        for facts in groups:
            self._insert(connection, facts)

    def _insert(self, connection: Connection, facts: FactColumns) -> None:
        # The driver accepts a bytearray directly, but looks up an adapter for bytes, which takes three times as long.
        values: list[Any] = [
            map(bytearray, column) if isinstance(column[0], bytes) else column  # type: ignore[arg-type]  # one type per column
            for column in facts.values
        ]
        flat, width = list(chain.from_iterable(zip(*values, strict=True))), len(facts.names)
        for start in range(0, len(flat), _MAX_ROWS * width):
            some = flat[start : start + _MAX_ROWS * width]
            size = _SIZES[bisect_left(_SIZES, len(some) // width)]
            some += [0] * (size * width - len(some))
            connection.exec_driver_sql(_insert_sql(facts.names, size), tuple(some))

    def scrub(self) -> None:
        # Zeroing deleted rows is not enough: pages that were split or freed before contain stale copies.
        self._check_writable()
        if self._lock is None:
            return
        with translate_errors(self._explain_scrub), self._writing_lock, self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
            connection.exec_driver_sql("VACUUM")
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
            if self._presence is not None:
                self._presence.reset()
        if busy:
            raise StoreUnavailable(_NOT_SCRUBBED.format("another program is reading the database"))

    def _explain_scrub(self, error: BaseException) -> StorageError:
        return StoreUnavailable(_NOT_SCRUBBED.format(error))

    def _explain(self, error: BaseException) -> StorageError:
        code = getattr(error, "sqlite_errorcode", None)  # missing if the driver, not SQLite, raised the error
        kind, advice = _ADVICE.get((code or 0) & 0xFF, (StorageError, "the database refused"))
        if "Could not decode" in str(error):
            kind, advice = CorruptStore, "a text in the database is damaged; `damaged_positions` lists its position"
        return kind(f"{advice} ({error}). Nothing of this call was stored")


@lru_cache(maxsize=256)
def _insert_sql(names: tuple[str, ...], rows: int) -> str:
    marks = f"({', '.join('?' * len(names))})"
    # The names are constants of this package.
    return (
        f"INSERT INTO facts ({', '.join(names)}) "  # noqa: S608
        f"SELECT * FROM (VALUES {', '.join([marks] * rows)}) WHERE column1 > 0"
    )


def open_memory() -> SQLiteStorage:
    """A new, empty store in memory."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)

    storage = SQLiteStorage(create_engine("sqlite://", creator=connect, poolclass=StaticPool), None)
    storage.prepare(StorageOptions())
    return storage


def open_file(path: str, options: StorageOptions) -> SQLiteStorage:
    """The store in this file."""
    path = os.path.realpath(path)  # all paths of one file must share one lock
    if options.create and not options.read_only:
        _make_private(path)
    elif not os.path.exists(path):
        raise StoreUnavailable(f"there is no store at {path}; check the path")
    if not os.path.isfile(path):  # SQLite would take it for a broken disk, or wait for ever
        raise StoreUnavailable(f"{path} is a folder or a device, and a store is a file; check the path")
    engine = create_engine("sqlite://", creator=_connector(path, options), poolclass=AtomicPool)
    listen(engine, "checkout", _renew)
    storage = SQLiteStorage(engine, path, read_only=options.read_only)
    try:
        storage.prepare(options)
    except BaseException:
        storage.close()
        raise
    return storage


def _size_of(path: str) -> int:
    """Bytes in a database file and its write-ahead log."""
    return sum(os.path.getsize(each) for each in (path, f"{path}-wal") if os.path.exists(each))


class _Bounded(sqlite3.Connection):
    """A connection whose use by one caller ends after as many steps as no honest file of its size needs.

    A forged tree of pages can lead to the same page over and over.
    """

    path = ""
    used = 0

    def guard(self, path: str) -> None:
        """Count the steps from now on."""
        self.path = path
        self.set_progress_handler(self._count, _STEPS)

    def renew(self) -> None:
        """Begin to count anew, for another caller."""
        self.used = 0

    def _count(self) -> bool:
        """Whether to stop; called after every `_STEPS` steps."""
        self.used += 1
        return self.used > _STEPS_FLOOR and self.used * _STEPS > _STEPS_PER_BYTE * _size_of(self.path)


def _renew(connection: _Bounded, *_: object) -> None:
    connection.renew()


def _make_private(path: str) -> None:
    """Create the file with access for its owner only; SQLite would apply the umask instead."""
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"cannot create {path} ({error}); check that its folder exists and is yours") from error


def _connector(path: str, options: StorageOptions) -> Callable[[], sqlite3.Connection]:
    uri, wait = f"file:{quote(path)}?mode={'ro' if options.read_only else 'rw'}", options.timeout
    synchronous = "FULL" if options.durability == "commit" else "NORMAL"

    def connect() -> sqlite3.Connection:
        # isolation_level=None: the driver would otherwise begin transactions itself, and too late.
        connection = sqlite3.connect(
            uri, uri=True, timeout=wait, isolation_level=None, check_same_thread=False, factory=_Bounded
        )
        connection.guard(path)
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA trusted_schema=OFF")  # a forged schema must not call functions
        return connection

    return connect
