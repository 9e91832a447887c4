"""Erasure: no bytes remain in the files, and an interrupted erasure can be finished."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import pytest
from sqlalchemy import make_url

from croupier_storage import Fact, Kind, Snapshot, StoreUnavailable, open_storage
from croupier_storage.checks.samples import decision, reward
from support.beneath import database

Url: TypeAlias = Callable[[Path], str]

PERSONAL = [b"jane@example.com", b"CONTEXT-OF-JANE", b"KEY-OF-JANE", b"JANES-ACTIONS", b"BODY-OF-JANE", b"STATE-OF-"]


def janes_life(start: int, random: Random) -> tuple[list[Fact], dict[bytes, bytes]]:
    """A hundred decisions and rewards of many people, of whom one will ask to be forgotten.

    Ids and keys come in random order, so that the pages of their indexes split and leave copies behind.
    """
    facts: list[Fact] = []
    for place in range(start, start + 200, 2):
        jane = random.random() < 0.3
        name = f"{random.getrandbits(64):x}"
        made = decision(place)._replace(id=name, key=None, unit="jane@example.com" if jane else "john")
        answer = reward(place + 1, place)._replace(key=f"{name}-KEY-OF-JANE" if jane else name, body=None)
        if jane:
            padding = bytes(random.randrange(6000))
            made = made._replace(
                context=b"CONTEXT-OF-JANE" + padding, actions=b"JANES-ACTIONS", id=f"{name}-KEY-OF-JANE"
            )
            answer = answer._replace(body=b"BODY-OF-JANE")
        facts += [made, answer]
    return facts, {b"JANES-ACTIONS": b"JANES-ACTIONS, all of them", b"set": b"ours"}


def test_no_byte_of_an_erased_unit_is_left_in_sqlite(path: Path, url: Url) -> None:
    random = Random(7)
    with open_storage(url(path), lease=True) as storage:
        with database(storage).connect() as connection:  # some builds zero what they free
            connection.exec_driver_sql("PRAGMA secure_delete=OFF")
        for start in range(1, 2001, 200):
            storage.append(*janes_life(start, random))
            storage.save_snapshot(Snapshot(start + 199, 1.0, "ab", b"STATE-OF-JANE" * random.randrange(2000)))
            if start > 1000:
                storage.delete_snapshot(start - 201)
        assert all(personal in everything(path) for personal in PERSONAL)
        gone = storage.erase("jane@example.com", 2.0)
        assert len(gone) > 400
        assert [personal for personal in PERSONAL if personal in everything(path)] == []
        assert list(storage.damaged_positions()) == []
        assert len(list(storage.facts(kinds=[Kind.ERASURE]))) == len(gone)
        storage.append([decision(2001)], {})


def everything(path: Path) -> bytes:
    """The bytes of the database and of its accompanying files."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_a_concurrent_reader_is_reported_and_the_erasure_can_be_finished(path: Path, url: Url) -> None:
    with open_storage(url(path), timeout=0.05) as storage:
        storage.append([decision(1, context=b"CONTEXT-OF-JANE")], {})
        with closing(sqlite3.connect(path, isolation_level=None)) as foreigner:
            foreigner.execute("BEGIN")
            foreigner.execute("SELECT * FROM facts").fetchall()
            with pytest.raises(StoreUnavailable, match="rows are erased, but"):
                storage.erase("user-Ω", 1.0)
        assert storage.erase("user-Ω", 1.0) == []
        assert b"CONTEXT-OF-JANE" not in everything(path)


def test_a_read_only_store_erases_nothing(path: Path, url: Url) -> None:
    open_storage(url(path)).close()
    with open_storage(url(path), read_only=True) as reader:
        for write in (lambda: reader.erase("user-Ω", 1.0), lambda: reader.pin(4, True)):
            with pytest.raises(StoreUnavailable, match="read-only"):
                write()


def test_a_unit_whose_rows_were_damaged_is_erased_too(path: Path, url: Url) -> None:
    with open_storage(url(path)) as storage:
        storage.append([decision(1), decision(2)], {})
        with closing(sqlite3.connect(path)) as foreigner:
            foreigner.execute("UPDATE facts SET at = 'never', id = CAST(x'80ff' AS TEXT) WHERE position = 1")
            foreigner.commit()
        assert storage.erase("user-Ω", 3.0) == [1, 2]
        assert [fact.at for fact in storage.facts()] == [3.0, decision(2).at]


def test_no_byte_of_an_erased_unit_is_left_in_the_tables_of_postgresql(postgres: Any, postgres_url: str) -> None:
    if not postgres.restarts:
        pytest.skip("the server's files are out of reach")
    with open_storage(postgres_url) as storage:
        storage.append(*janes_life(1, Random(7)))
        storage.save_snapshot(Snapshot(9, 1.0, "ab", b"STATE-OF-JANE"))
        assert all(personal in tables(postgres, postgres_url) for personal in PERSONAL)
        storage.erase("jane@example.com", 2.0)
        assert [personal for personal in PERSONAL if personal in tables(postgres, postgres_url)] == []


def tables(postgres: Any, url: str) -> bytes:
    """The bytes of every file of a database, once the server has written them."""
    postgres.run("CHECKPOINT")
    name = make_url(url).database
    ((folder, number),) = postgres.run(
        f"SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = '{name}'"  # noqa: S608  (ours)
    )
    return b"".join(file.read_bytes() for file in Path(folder, "base", str(number)).iterdir())
