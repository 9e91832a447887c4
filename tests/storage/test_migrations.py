"""Stores of earlier schemas."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect

from croupier_storage import (
    PolicyRecord,
    SchemaMismatch,
    SnapshotInfo,
    StoreInUse,
    decode_state,
    hash_state,
    open_storage,
)
from croupier_storage.checks.samples import decision, reward
from croupier_storage.sql import migrations, schema

Url: TypeAlias = Callable[[Path], str]

ASSETS = Path(__file__).parent / "assets"

NEXT = """
from alembic import op
import sqlalchemy as sa

revision = "2"
down_revision = "1"


def upgrade():
    op.add_column("settings", sa.Column("note", sa.Text))
    with op.batch_alter_table("policies") as table:
        table.alter_column("arithmetic", nullable=True)
    op.execute("UPDATE settings SET note = name || '!'")
"""


@pytest.fixture
def old(path: Path) -> Path:
    """A store that the first release of schema 1 wrote."""
    shutil.copy(ASSETS / "v1.db", path)
    return path


@pytest.fixture
def next_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pretend that this library is one schema ahead, and return the file of that step."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    step = folder / "versions" / "v0002_next.py"
    step.write_text(NEXT)
    monkeypatch.setattr(migrations, "FOLDER", folder)
    monkeypatch.setattr(schema, "VERSION", 2)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return step


def test_a_store_of_schema_1_is_read_completely(old: Path, url: Url) -> None:
    with open_storage(url(old), migrate=True) as storage:
        assert list(storage.damaged_positions()) == []
        facts = list(storage.facts())
        assert facts[:2] == [decision(1)._replace(unit="user-1"), reward(2, 1, 0.5)]
        assert storage.head() == len(facts) == 20
        assert storage.settings() == {"seed": b"7", "configuration": b"{}"}
        assert storage.policies() == [PolicyRecord(1, "softmax", b"{}", "00", "numpy")]
        assert storage.action_sets([b"set"]) == {b"set": b'["sale","new"]'}
        snapshot = storage.snapshot(20)
        assert snapshot is not None
        assert hash_state(decode_state(snapshot.body)) == snapshot.hash
        assert storage.snapshots() == [SnapshotInfo(20, 1.7e9, snapshot.hash, len(snapshot.body), False)]
        storage.append([decision(21)], {})
        assert storage.erase("user-1", 1.0) == [1, 2, 5, 6, 9, 10, 13, 14, 17, 18]


@pytest.mark.parametrize("migrate", [False, True])
@pytest.mark.parametrize(("version", "message"), [(999, "Upgrade croupier"), (0, "backup")])
def test_an_unknown_version_is_refused(old: Path, url: Url, version: int, message: str, migrate: bool) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("UPDATE schema_version SET version = ?", (version,))
        connection.commit()
    with pytest.raises(SchemaMismatch, match=message):
        open_storage(url(old), migrate=migrate)


def conditions(options: dict[str, object]) -> list[str]:
    return [str(value).replace('"', "") for value in options.values()]


def partial_indexes(connection: Connection) -> set[tuple[object, ...]]:
    """Name, uniqueness and condition of every index on facts, which Alembic does not compare."""
    found = inspect(connection).get_indexes("facts")
    return {(one["name"], bool(one["unique"]), *conditions(one["dialect_options"])) for one in found}


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_migrations_lead_to_the_schema_of_new_stores(dialect: str, request: pytest.FixtureRequest) -> None:
    engine = create_engine("sqlite://" if dialect == "sqlite" else request.getfixturevalue("postgres_url"))
    try:
        with engine.begin() as connection:
            for step in migrations.steps_after(0):
                migrations.apply_step(connection, step)
            assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
            assert schema.found_version(connection) == schema.VERSION
            stepped = partial_indexes(connection)
            schema.metadata.drop_all(connection)
            schema.create(connection)
            assert stepped == partial_indexes(connection)
            assert len(stepped) == 4
    finally:
        engine.dispose()


def test_an_older_store_is_migrated_only_when_asked(old: Path, url: Url, next_schema: Path) -> None:
    with pytest.raises(SchemaMismatch, match="migrate=True"):
        open_storage(url(old))
    with open_storage(url(old), migrate=True) as storage:
        assert list(storage.damaged_positions()) == []
    open_storage(url(old), lease=True).close()
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT note FROM settings WHERE name = 'seed'").fetchall() == [("seed!",)]
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(2,)]


def test_an_older_postgresql_store_is_migrated(postgres_url: str, request: pytest.FixtureRequest) -> None:
    open_storage(postgres_url).close()
    request.getfixturevalue("next_schema")
    with open_storage(postgres_url, migrate=True, lease=True) as storage:
        storage.append([decision(1)], {})


def test_a_store_in_use_is_not_migrated(old: Path, url: Url, request: pytest.FixtureRequest) -> None:
    with open_storage(url(old), lease=True):
        request.getfixturevalue("next_schema")
        with pytest.raises(StoreInUse):
            open_storage(url(old), migrate=True)


def test_a_failed_step_changes_nothing(old: Path, url: Url, next_schema: Path) -> None:
    before = old.read_bytes()
    next_schema.write_text(NEXT + '    raise RuntimeError("half-way")\n')
    with pytest.raises(RuntimeError, match="half-way"):
        open_storage(url(old), migrate=True)
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(1,)]
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert old.read_bytes() == before


def test_importing_needs_neither_the_driver_nor_alembic() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None; import croupier_storage as s; "
        "assert 'alembic' not in sys.modules\n"
        "try: s.open_storage('postgresql+psycopg://x/y')\n"
        "except s.StorageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603  (our own code)
    assert b"croupier[postgres]" in done.stdout
