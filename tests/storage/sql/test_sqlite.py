from __future__ import annotations

import gc
import os
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest

from croupier_storage import (
    CorruptStore,
    Fact,
    SchemaMismatch,
    Storage,
    StorageError,
    StoreUnavailable,
    open_storage,
)
from croupier_storage.checks import StorageSuite
from croupier_storage.checks.samples import decision
from croupier_storage.sql import reader, sqlite

Url: TypeAlias = Callable[[Path], str]
Alter: TypeAlias = Callable[..., None]


class TestMemory(StorageSuite):
    def open(self) -> Storage:
        return open_storage("sqlite://")


class TestFile(StorageSuite):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "shop.db"

    def open(self) -> Storage:
        return open_storage(f"sqlite:///{self.path}", durability="commit")


def test_facts_survive_closing(path: Path, store: Storage, url: Url) -> None:
    facts = list(store.facts())
    store.close()
    with open_storage(url(path), create=False) as again:
        assert list(again.facts()) == facts
        again.append([decision(801)], {})


@pytest.mark.parametrize("count", [1, 2, 3, 767, 769, 1024, 1025, 2500])
def test_one_append_may_have_any_number_of_facts(count: int) -> None:
    with open_storage("sqlite://") as storage:
        storage.append([decision(place + 1) for place in range(count)], {})
        assert [fact.position for fact in storage.facts()] == list(range(1, count + 1))


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_the_files_are_private_from_the_first_moment(path: Path, store: Storage) -> None:
    store.acquire()
    names = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert len(names) == 4  # the database, its log, its shared memory, the lock
    assert set(names.values()) == {0o600}


def test_a_missing_file_or_folder_is_reported(path: Path, url: Url) -> None:
    with pytest.raises(StoreUnavailable, match="no store at"):
        open_storage(url(path), create=False)
    with pytest.raises(StoreUnavailable, match="folder exists"):
        open_storage(url(path / "deeper"))
    with pytest.raises(StoreUnavailable, match="no store at"):
        open_storage(url(path), read_only=True)
    assert not path.exists()


@pytest.mark.parametrize(
    "bad",
    ["shop.db", "mysql://x/y", "sqlite+aiosqlite:///a.db", "sqlite:///a.db?mode=ro", "sqlite://host/a.db", ""],
)
def test_an_unsupported_url_is_refused(bad: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match="sqlite:///file"):
        open_storage(bad)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_durability_is_refused() -> None:
    with pytest.raises(StorageError, match="durability"):
        open_storage("sqlite://", durability="maybe")  # type: ignore[arg-type]  # the point of the test


def test_a_newer_schema_is_refused(path: Path, store: Storage, url: Url, alter: Alter) -> None:
    store.close()
    alter("UPDATE schema_version SET version = 2")
    with pytest.raises(SchemaMismatch, match="Upgrade croupier"):
        open_storage(url(path))
    alter("UPDATE schema_version SET version = 0")
    with pytest.raises(SchemaMismatch, match="backup"):
        open_storage(url(path))


def test_a_foreign_database_is_refused_and_not_changed(path: Path, url: Url, alter: Alter) -> None:
    alter("CREATE TABLE facts (x)", "INSERT INTO facts VALUES (1)")
    before = path.read_bytes()
    with pytest.raises(SchemaMismatch, match="not a Croupier store"):
        open_storage(url(path))
    assert path.read_bytes() == before


def test_a_file_that_is_not_a_database_is_refused_and_not_changed(path: Path, url: Url) -> None:
    path.write_bytes(b"not a database, but long enough to be read as one" * 100)
    before = path.read_bytes()
    with pytest.raises(CorruptStore, match="not a SQLite database"):
        open_storage(url(path))
    assert path.read_bytes() == before


def test_a_truncated_file_is_corrupt(path: Path, store: Storage, url: Url) -> None:
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(CorruptStore, match="backup"), open_storage(url(path)) as torn:
        list(torn.facts())


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT * FROM facts WHERE id = ? AND kind = 'decision'", "facts_id"),
        ("SELECT * FROM facts WHERE decision = ? ORDER BY position", "facts_decision"),
    ],
)
def test_lookups_use_their_partial_index(query: str, index: str, path: Path, store: Storage) -> None:
    with closing(sqlite3.connect(path)) as connection:
        plan = str(connection.execute(f"EXPLAIN QUERY PLAN {query}", (1,)).fetchall())
    assert index in plan
    assert "TEMP B-TREE" not in plan


def test_closing_leaves_no_file_open(path: Path, store: Storage) -> None:
    reading = store.facts()
    next(reading)
    store.close()
    gc.collect()  # an unclosed connection would warn, and warnings are errors here
    assert {file.name for file in path.parent.iterdir()} <= {path.name, f"{path.name}.lock"}


def test_closing_ends_the_lease_and_leaves_no_file_open(path: Path, store: Storage) -> None:
    store.acquire()
    store.close()
    gc.collect()
    assert {file.name for file in path.parent.iterdir()} == {path.name, f"{path.name}.lock"}


@pytest.mark.parametrize("name", ["memory://", "sqlite://", "file"])
def test_an_erasure_saves_the_settings_that_follow_from_it(name: str, path: Path, url: Url) -> None:
    with open_storage(url(path) if name == "file" else name) as storage:
        storage.append([decision(1), Fact(2, "observation", 1.0, unit="another")], {})
        gone = storage.erase("user-Ω", 1.0, lambda positions: {"erased": repr(list(positions)).encode()})
        assert gone == [1]
        assert storage.settings()["erased"] == b"[1]"


def test_a_new_store_is_created_once_another_writer_of_the_empty_file_has_gone(
    path: Path, url: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as foreigner:
        foreigner.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            open_storage(url(path), timeout=0.05)

        def go(seconds: float) -> None:
            assert seconds > 0
            foreigner.rollback()

        monkeypatch.setattr(time, "sleep", go)
        with open_storage(url(path), timeout=5.0) as storage:
            assert storage.head() == 0


def test_a_query_may_return_as_much_as_the_file_holds(
    path: Path, store: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (reader, sqlite):
        monkeypatch.setattr(module, "READ_FLOOR", 0)
    store.append([decision(801, context=bytes(1 << 20))], {})
    assert len(store.facts_at([801])[801].context or b"") == 1 << 20
