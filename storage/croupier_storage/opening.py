"""From a URL to a store."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from croupier_storage.base import Storage
from croupier_storage.errors import StorageError
from croupier_storage.memory import MemoryStorage
from croupier_storage.options import StorageOptions
from croupier_storage.sql.sqlite import open_file, open_memory

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
    """Open the store that a URL names, and make it where there is none.

    Args:
        url: `sqlite:///file` (relative), `sqlite:////file` (absolute), `sqlite://` (in memory, new each time),
            `postgresql+psycopg://user@host/database` (with the extra `croupier[postgres]`; a pooler between must be
            in session mode, for a lease is a session's), or `memory://`, the reference in plain Python.
        durability: with `commit`, `append` returns when its facts would survive a power cut; with `group` they
            survive the death of the process at once, and a power cut when the system has written them out.
        create: make the store where there is none. A new file is readable by its owner only.
        read_only: refuse to write.
        lease: also `acquire` the exclusive lease.
        migrate: bring an older store to this library's schema, under the exclusive lease. Back up the store first:
            there is no way back.
        timeout: seconds to wait for another program's transaction, or for the server, before giving up.

    Raises:
        StorageError: a URL that no back end understands, or one whose driver is not installed.
        StoreUnavailable: the file or server cannot be opened, or holds no store and none may be made.
        StoreInUse: with `lease` or to migrate, someone else holds it.
        SchemaMismatch: the database is newer than this library, older without `migrate`, or not a store.
        CorruptStore: the file is damaged, or no database at all.

    >>> with open_storage("sqlite://") as storage:
    ...     storage.head()
    0
    """
    if durability not in ("group", "commit"):
        raise StorageError(f"durability {durability!r} is unknown; say 'group' or 'commit'")
    storage = _open(_parse(url), StorageOptions(durability, create, read_only, migrate, timeout))
    if lease:
        try:
            storage.acquire()
        except StorageError:
            storage.close()
            raise
    return storage


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
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
        import psycopg  # noqa: F401  (only to see whether it is there; the back end takes it from SQLAlchemy)
    except ImportError as error:
        raise StorageError(
            "PostgreSQL needs its driver, which is not installed: pip install 'croupier[postgres]'"
        ) from error
    from croupier_storage.sql.postgres_opening import open_server  # an import of the package must not need it

    return open_server(url, options)
