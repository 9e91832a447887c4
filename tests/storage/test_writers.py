from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest

from croupier_storage import (
    PositionTaken,
    Storage,
    StoreInUse,
    StoreUnavailable,
    open_storage,
)
from croupier_storage.checks.samples import decision
from support.beneath import writing

Url: TypeAlias = Callable[[Path], str]


def test_a_second_writer_is_detected_and_can_continue(path: Path, store: Storage, url: Url) -> None:
    with open_storage(url(path)) as second:
        second.append([decision(801)], {})
        with pytest.raises(PositionTaken, match="another writer has appended"):
            store.append([decision(801)._replace(id="mine", key=None)], {})
        assert store.head() == 801
        store.append([decision(802)], {})
    assert list(store.damaged_positions()) == []


def test_the_lease_is_exclusive_within_a_process_and_freed_by_closing(path: Path, store: Storage, url: Url) -> None:
    store.acquire()
    link = path.with_name("other name.db")
    link.symlink_to(path)
    for name in (path, link):
        with pytest.raises(StoreInUse, match="another writer"):
            open_storage(url(name), lease=True)
    with open_storage(url(path), read_only=True) as reader:
        assert reader.head() == 800
    store.close()
    open_storage(url(path), lease=True).close()


def test_the_lease_ends_with_its_process(path: Path, store: Storage, url: Url) -> None:
    code = f"""
import sys
from croupier_storage import open_storage
store = open_storage({url(path)!r}, lease=True)
print("held", flush=True)
sys.stdin.read()
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  (our own code)
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StoreInUse):
            store.acquire()
        other.kill()
    store.acquire()


def test_a_read_only_store_reads_and_refuses_to_write(path: Path, store: Storage, url: Url) -> None:
    with open_storage(url(path), read_only=True) as reader:
        assert list(reader.facts()) == list(store.facts())
        for write in (reader.acquire, lambda: reader.append([decision(801)], {}), lambda: reader.delete_snapshot(4)):
            with pytest.raises(StoreUnavailable, match="read-only"):
                write()


def test_a_foreign_lock_is_waited_for_and_then_reported(path: Path, store: Storage, url: Url) -> None:
    with (
        open_storage(url(path), timeout=0.05) as impatient,
        closing(sqlite3.connect(path, isolation_level=None)) as foreigner,
    ):
        foreigner.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            impatient.append([decision(801)], {})
        assert impatient.head() == 800
        foreigner.execute("ROLLBACK")
        impatient.append([decision(801)], {})


def test_a_full_disk_keeps_nothing_and_says_so(path: Path, store: Storage) -> None:
    with writing(store) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreUnavailable, match="full"):
        store.append([decision(801, context=b"x" * 1_000_000)], {})
    assert store.head() == 800
    assert len(list(store.facts())) == 800


def test_killing_a_writer_loses_nothing_that_was_appended(path: Path, url: Url) -> None:
    code = f"""
from croupier_storage import open_storage
from croupier_storage.checks.samples import decision
store = open_storage({url(path)!r})
for start in range(1, 10**6, 7):
    store.append([decision(start + place) for place in range(7)], {{}})
    print(store.head(), flush=True)
"""
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)  # noqa: S603  (our own code)
    with writer:
        assert writer.stdout is not None
        seen = [int(writer.stdout.readline()) for _ in range(30)][-1]
        writer.kill()
    with open_storage(url(path), create=False) as storage:
        assert storage.head() >= seen
        assert storage.head() % 7 == 0
        assert list(storage.damaged_positions()) == []
        assert sum(1 for _ in storage.facts()) == storage.head()


def test_processes_that_create_one_store_concurrently_agree(path: Path, url: Url) -> None:
    code = f"from croupier_storage import open_storage; open_storage({url(path)!r}).close()"
    makers = [subprocess.Popen([sys.executable, "-W", "error", "-c", code]) for _ in range(4)]  # noqa: S603  (our own code)
    assert [maker.wait() for maker in makers] == [0] * 4
    with open_storage(url(path), create=False) as storage:
        assert storage.head() == 0
