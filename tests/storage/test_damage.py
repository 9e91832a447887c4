from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest

from croupier_storage import (
    CorruptSnapshot,
    CorruptStore,
    Snapshot,
    Storage,
    open_storage,
)
from croupier_storage.checks.samples import decision

Url: TypeAlias = Callable[[Path], str]
Alter: TypeAlias = Callable[..., None]


def test_every_flipped_bit_of_a_row_is_found(path: Path, store: Storage, url: Url) -> None:
    store.append([decision(801, context=b"CONTEXT-OF-THE-LAST-DECISION")._replace(unit="UNIT")], {})
    store.close()
    sound = path.read_bytes()
    content = sound.rindex(b"decision", 0, sound.index(b"CONTEXT-OF"))
    end = sound.index(b"CONTEXT-OF") + len(b"CONTEXT-OF-THE-LAST-DECISIONset") + len(b"k801{}") + 8
    header = content - 20  # the row's length, its position, and the types of its values
    unread = content - 16  # the type of the position's copy, which SQLite never looks at
    for bit in range(8 * header, 8 * end):
        damaged = bytearray(sound)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with open_storage(url(path)) as storage:
            found = list(storage.damaged_positions(790, 1000))
        if bit // 8 >= content:
            assert found == [801], f"bit {bit % 8} of byte {bit // 8 - content}"
        elif bit // 8 != unread:
            assert 801 in found, f"bit {bit % 8} of byte {bit // 8 - content}"


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("DELETE FROM facts WHERE position = 7", [7]),
        ("DELETE FROM facts WHERE position > 797", [798, 799, 800]),
        ("DELETE FROM facts", list(range(1, 801))),
        ("UPDATE facts SET position = 1 << 60 WHERE position = 7", [7, 1 << 60]),
        ("UPDATE head SET position = 798", [799, 800]),
        ("UPDATE head SET position = 802", [801, 802]),
        ("UPDATE facts SET unit = NULL WHERE position = 7", [7]),
        ("UPDATE facts SET context = 'text' WHERE position = 7", [7]),
        ("UPDATE facts SET reward = 'text' WHERE position = 8", [8]),
        ("UPDATE facts SET unit = CAST(x'80ff' AS TEXT) WHERE position IN (7, 500)", [7, 500]),
        ("UPDATE facts SET digest = x'' WHERE position = 7", [7]),
        ("UPDATE facts SET key = NULL, body = CAST(key AS BLOB) WHERE position = 7", [7]),
    ],
)
def test_foreign_changes_are_located(
    damage: str, found: list[int], path: Path, store: Storage, url: Url, alter: Alter
) -> None:
    store.close()
    alter(damage)
    with open_storage(url(path)) as storage:
        assert list(storage.damaged_positions()) == found
        assert list(storage.damaged_positions(6, 8)) == [position for position in found if position in (7, 8)]


def test_a_gap_or_unreadable_text_stops_a_reader(path: Path, store: Storage, url: Url, alter: Alter) -> None:
    store.close()
    alter("UPDATE facts SET unit = CAST(x'80ff' AS TEXT) WHERE position = 7")
    with open_storage(url(path)) as storage, pytest.raises(CorruptStore, match="`damaged_positions`"):
        list(storage.facts())
    alter("DELETE FROM facts WHERE position = 7")
    with open_storage(url(path)) as storage:
        with pytest.raises(CorruptStore, match="missing"):
            list(storage.facts())
        assert next(storage.facts(7)).position == 8


def test_a_lost_head_stops_readers_and_writers(path: Path, store: Storage, url: Url, alter: Alter) -> None:
    store.close()
    alter("DELETE FROM head")
    with open_storage(url(path)) as storage, pytest.raises(CorruptStore, match="head"):
        storage.head()


@pytest.mark.parametrize("column", ["at = 2.0", "hash = 'cd'", "body = x'00'", "body = 'state'", "digest = x''"])
def test_a_damaged_snapshot_is_refused(column: str, path: Path, store: Storage, url: Url, alter: Alter) -> None:
    store.close()
    alter(f"UPDATE snapshots SET {column}")  # noqa: S608  (the columns above)
    with open_storage(url(path)) as storage, pytest.raises(CorruptSnapshot, match="position 4 is damaged"):
        storage.snapshot(4)


def test_a_replaced_snapshot_stays_pinned(path: Path, store: Storage, alter: Alter) -> None:
    alter("UPDATE snapshots SET pinned = 1")
    store.save_snapshot(Snapshot(4, 2.0, "cd", b"newer"))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT pinned FROM snapshots").fetchall() == [(1,)]
