"""From a URL to a store."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from croupier_storage.base import Storage
from croupier_storage.errors import StorageError
from croupier_storage.sqlite import open_file, open_memory


def open_storage(
    url: str,
    *,
    durability: Literal["group", "commit"] = "group",
    create: bool = True,
    read_only: bool = False,
    lease: bool = False,
    timeout: float = 5.0,
) -> Storage:
    """Open the store that a URL names, and make it where there is none.

    Args:
        url: `sqlite:///file` (relative), `sqlite:////file` (absolute), or `sqlite://`: in memory, new each time.
        durability: with `commit`, `append` returns when its facts would survive a power cut; with `group` they
            survive the death of the process at once, and a power cut when the system has written them out.
        create: make the store where there is none. A new file is readable by its owner only.
        read_only: refuse to write.
        lease: also `acquire` the exclusive lease.
        timeout: seconds to wait for another program's transaction before giving up.

    Raises:
        StorageError: a URL that no back end understands.
        StoreUnavailable: the file cannot be opened, or is not there and may not be made.
        StoreInUse: with `lease`, someone else holds it.
        SchemaMismatch: the database is newer than this library, or not a store.
        CorruptStore: the file is damaged, or no database at all.

    >>> with open_storage("sqlite://") as storage:
    ...     storage.head()
    0
    """
    if durability not in ("group", "commit"):
        raise StorageError(f"durability {durability!r} is unknown; say 'group' or 'commit'")
    path = _sqlite_path(url)
    if path is None:
        storage = open_memory()
    else:
        storage = open_file(path, durability=durability, create=create, read_only=read_only, timeout=timeout)
    if lease:
        try:
            storage.acquire()
        except StorageError:
            storage.close()
            raise
    return storage


def _sqlite_path(url: str) -> str | None:
    """The file of a SQLite URL, None for memory."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StorageError(f"{url!r} is not a database URL; write sqlite:///file or sqlite://") from error
    shown = parsed.render_as_string(hide_password=True)
    if parsed.get_backend_name() != "sqlite" or parsed.get_driver_name() != "pysqlite":
        raise StorageError(f"no back end for {shown}; write sqlite:///file or sqlite://")
    if parsed.host or parsed.query:
        raise StorageError(f"{shown} has a host or options, which SQLite would ignore; write sqlite:///file")
    return None if parsed.database in (None, "", ":memory:") else parsed.database
