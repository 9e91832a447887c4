"""Opens the store of a URL."""

from __future__ import annotations

from math import isfinite
from typing import Literal

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from croupier_storage.base import Storage
from croupier_storage.errors import StorageError
from croupier_storage.memory import MemoryStorage
from croupier_storage.options import StorageOptions
from croupier_storage.sql.sqlite import open_file, open_memory

MAX_URL_BYTES = 8_192
MAX_TIMEOUT = 86_400.0  # seconds; a wait of more than a day is a mistake of units
_FORMS = "write sqlite:///file, sqlite:// or postgresql+psycopg://user@host/database"


def open_storage(
    url: str,
    *,
    durability: Literal["group", "commit"] = "group",
    create: bool = True,
    read_only: bool = False,
    lease: bool = False,
    migrate: bool = False,
    timeout: float = 5.0,
) -> Storage:
    """Open the store at a URL, creating it if it does not exist.

    Args:
        url: `sqlite:///file` (relative), `sqlite:////file` (absolute), `sqlite://` (in memory, new each time),
            `postgresql+psycopg://user@host/database` (requires `croupier[postgres]`; a connection pooler must be in
            session mode, since the lease belongs to a session), or `memory://`, the reference back end.
        durability: With "commit", `append` returns when its facts would survive a power failure; with "group" they
            survive a crash of the process at once, and a power failure once the system has flushed them.
        create: Create the store if there is none. A new file is readable by its owner only.
        read_only: Refuse to write.
        lease: Also `acquire` the exclusive lease.
        migrate: Migrate an older store to this library's schema, under the exclusive lease. Back up the store first:
            a migration cannot be undone.
        timeout: Seconds to wait for another program's transaction, or for the server.

    Raises:
        StorageError: No back end supports the URL, or its driver is not installed.
        StoreUnavailable: The file or server cannot be opened, or contains no store and `create` is false.
        StoreInUse: The lease is needed (`lease`, `migrate`) and another process holds it.
        SchemaMismatch: The schema is newer than this library's, older without `migrate`, or not that of a store.
        CorruptStore: The file is damaged, or is not a database.

    >>> with open_storage("sqlite://") as storage:
    ...     storage.head()
    0
    """
    options = StorageOptions(durability, create, read_only, migrate, timeout)
    _check(options)
    storage = _open(_parse(url), options)
    if lease:
        try:
            storage.acquire()
        except StorageError:
            storage.close()
            raise
    return storage


def _check(options: StorageOptions) -> None:
    if not isinstance(options.durability, str) or options.durability not in ("group", "commit"):
        raise StorageError(f"unknown durability {options.durability!r}; use 'group' or 'commit'")
    for name in ("create", "read_only", "migrate"):
        if not isinstance(value := getattr(options, name), bool):
            raise StorageError(f"{name} is {value!r}, a {type(value).__name__}; give True or False")
    wait = options.timeout
    if isinstance(wait, bool) or not isinstance(wait, int | float) or not (0 <= wait <= MAX_TIMEOUT and isfinite(wait)):
        raise StorageError(f"the timeout is {wait!r}; give seconds, from 0 to {MAX_TIMEOUT:.0f}")


def _parse(url: str) -> URL:
    if not isinstance(url, str):
        raise StorageError(f"the URL of a store is a string, not a {type(url).__name__}; {_FORMS}")
    try:
        if "\0" in url or len(url.encode()) > MAX_URL_BYTES:
            raise StorageError(f"{url[:80]!r} contains NUL or has more than {MAX_URL_BYTES} bytes; {_FORMS}")
        return make_url(url)
    except (ArgumentError, ValueError) as error:  # ValueError: a port that is no number, half of a surrogate pair
        raise StorageError(f"{url!r} is not a database URL; {_FORMS}") from error


def _open(url: URL, options: StorageOptions) -> Storage:
    display_url = url.render_as_string(hide_password=True)
    match url.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return _open_sqlite(url, display_url, options)
        case "postgresql+psycopg":
            return _open_postgres(url, options)
        case "memory" if not (url.host or url.database or url.query):
            return MemoryStorage()
    raise StorageError(f"no back end for {display_url}; {_FORMS}")


def _open_sqlite(url: URL, display_url: str, options: StorageOptions) -> Storage:
    if url.host or url.query:
        raise StorageError(f"{display_url} has a host or options, which SQLite would ignore; write sqlite:///file")
    if url.database in (None, "", ":memory:"):
        return open_memory()
    return open_file(url.database, options)


def _open_postgres(url: URL, options: StorageOptions) -> Storage:
    try:
        import psycopg  # noqa: F401  (only to check that it is installed; SQLAlchemy imports it itself)
    except ImportError as error:
        raise StorageError(
            "PostgreSQL needs its driver, which is not installed: pip install 'croupier[postgres]'"
        ) from error
    from croupier_storage.sql.postgres_opening import open_server  # importing the package must not require it

    return open_server(url, options)
