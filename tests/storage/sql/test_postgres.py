from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from croupier_storage import (
    CorruptStore,
    InvalidFact,
    SchemaMismatch,
    Storage,
    StorageError,
    StoreInUse,
    StoreUnavailable,
    open_storage,
)
from croupier_storage.checks import StorageSuite
from croupier_storage.checks.samples import decision, reward
from croupier_storage.sql.postgres_errors import explain
from support.beneath import database, writing


class TestServer(StorageSuite):
    @pytest.fixture(autouse=True)
    def database(self, postgres_url: str) -> None:
        self.url = postgres_url

    def open(self) -> Storage:
        return open_storage(self.url)


def run(url: str, statement: str) -> list[Any]:
    """Run a statement from another program, and return its rows."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def drop_sessions(url: str) -> None:
    run(
        url,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def test_facts_survive_closing_and_damage_is_located(postgres_url: str) -> None:
    with open_storage(postgres_url, durability="commit") as storage:
        storage.append([decision(1), reward(2, 1), reward(3, 1)], {})
    with open_storage(postgres_url, create=False, read_only=True) as again:
        assert list(again.facts()) == [decision(1), reward(2, 1), reward(3, 1)]
        run(postgres_url, "UPDATE facts SET reward = 0.5 WHERE position = 2")
        run(postgres_url, "DELETE FROM facts WHERE position = 3")
        assert list(again.damaged_positions()) == [2, 3]


def test_the_lease_is_exclusive_and_freed_by_closing(postgres_url: str) -> None:
    with open_storage(postgres_url, lease=True) as storage:
        storage.acquire()
        with pytest.raises(StoreInUse, match="another writer"):
            open_storage(postgres_url, lease=True)
        with open_storage(postgres_url, read_only=True) as reader:
            assert reader.head() == 0
        storage.append([decision(1)], {})
    open_storage(postgres_url, lease=True).close()


def test_stores_in_two_schemas_of_a_database_have_a_lease_each(postgres_url: str) -> None:
    run(postgres_url, "CREATE SCHEMA other")
    there = make_url(postgres_url).update_query_dict({"options": "-csearch_path=other"})
    with (
        open_storage(postgres_url, lease=True) as one,
        open_storage(there.render_as_string(hide_password=False), lease=True) as other,
    ):
        one.append([decision(1)], {})
        assert other.head() == 0


def test_the_lease_ends_with_its_process(postgres_url: str) -> None:
    code = f"""
import sys
from croupier_storage import open_storage
store = open_storage({postgres_url!r}, lease=True)
print("held", flush=True)
sys.stdin.read()
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  (our own code)
    with other, open_storage(postgres_url) as store:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StoreInUse):
            store.acquire()
        other.kill()
        other.wait()
        for _ in range(100):  # the server hears of it within milliseconds
            try:
                store.acquire()
                break
            except StoreInUse:
                run(postgres_url, "SELECT pg_sleep(0.05)")
        store.append([decision(1)], {})


def test_a_lost_lease_is_noticed_and_can_be_taken_again(postgres_url: str) -> None:
    with open_storage(postgres_url, lease=True) as storage:
        storage.append([decision(1)], {})
        drop_sessions(postgres_url)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="lease was lost"):
                storage.append([decision(2)], {})
        assert storage.head() == 1
        with open_storage(postgres_url, lease=True), pytest.raises(StoreInUse):
            storage.acquire()
        storage.acquire()
        storage.append([decision(2)], {})


def test_a_writer_without_a_lease_survives_lost_connections(postgres_url: str) -> None:
    with open_storage(postgres_url) as storage:
        for place in range(1, 5):
            drop_sessions(postgres_url)
            storage.append([decision(place)], {})
        assert storage.head() == 4


def test_a_read_only_store_reads_and_refuses_to_write(postgres_url: str) -> None:
    with pytest.raises(StoreUnavailable, match="no store in the database"):
        open_storage(postgres_url, read_only=True)
    with pytest.raises(StoreUnavailable, match="no store in the database"):
        open_storage(postgres_url, create=False)
    open_storage(postgres_url).close()
    with open_storage(postgres_url, read_only=True) as reader:
        for write in (reader.acquire, lambda: reader.append([decision(1)], {}), lambda: reader.delete_snapshot(4)):
            with pytest.raises(StoreUnavailable, match="read-only"):
                write()
        with database(reader).begin() as connection, pytest.raises(DBAPIError, match="read-only"):  # the server's own
            connection.exec_driver_sql("UPDATE head SET position = 1")


def test_durability_is_set_per_session(postgres_url: str) -> None:
    for durability, expected in (("group", "off"), ("commit", "on")):
        with open_storage(postgres_url, durability=durability) as storage:  # type: ignore[arg-type] # of two literals
            with database(storage).begin() as connection:
                assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == expected
            with writing(storage) as connection:  # what is no fact could not be written again
                assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
            assert (storage.loss_window > 0) == (durability == "group")


def test_a_foreign_lock_is_waited_for_and_then_reported(postgres_url: str) -> None:
    plain = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with open_storage(postgres_url, timeout=0.05) as impatient, psycopg.connect(plain) as foreigner:
        foreigner.execute("UPDATE head SET position = position")
        with pytest.raises(StoreUnavailable, match="locked"):
            impatient.append([decision(1)], {})
        assert impatient.head() == 0
        foreigner.rollback()
        impatient.append([decision(1)], {})


def test_a_wrong_server_database_or_user_is_reported(postgres_url: str, tmp_path: Path) -> None:
    url = make_url(postgres_url)
    nowhere = url.set(host=None, query={"host": str(tmp_path)})
    for wrong, message in ((nowhere, "could not be reached"), (url.set(database="no such"), "no such")):
        with pytest.raises(StoreUnavailable, match=message):
            open_storage(wrong.render_as_string(hide_password=False), timeout=0.1)


def test_a_newer_schema_or_foreign_tables_are_refused(postgres_url: str) -> None:
    run(postgres_url, "CREATE TABLE theirs (x int)")
    with pytest.raises(SchemaMismatch, match="not a Croupier store"):
        open_storage(postgres_url)
    run(postgres_url, "DROP TABLE theirs")
    open_storage(postgres_url).close()
    run(postgres_url, "UPDATE schema_version SET version = version + 1")
    with pytest.raises(SchemaMismatch, match="Upgrade croupier"):
        open_storage(postgres_url)


def test_a_database_of_another_encoding_is_refused(postgres: Any) -> None:
    postgres.run("CREATE DATABASE croupier_ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(StorageError, match="UTF8"):
            open_storage(postgres.url.set(database="croupier_ascii").render_as_string(hide_password=False))
    finally:
        postgres.run("DROP DATABASE croupier_ascii WITH (FORCE)")


def test_values_too_large_for_an_index_are_refused(postgres_url: str) -> None:
    noise = "".join(chr(0x4E00 + place * 7919 % 20000) for place in range(9000))  # cannot be compressed to fit
    with open_storage(postgres_url) as storage:
        with pytest.raises(InvalidFact, match="cannot be stored"):
            storage.append([decision(1)._replace(id=noise)], {})
        storage.append([decision(1)._replace(body=noise.encode())], {})


@pytest.mark.parametrize(
    ("state", "kind", "message"),
    [
        ("53100", StoreUnavailable, "disk is full"),
        ("53300", StoreUnavailable, "max_connections"),
        ("25006", StoreUnavailable, "read-only"),
        ("28P01", StoreUnavailable, "password"),
        ("57P01", StoreUnavailable, "cancelled the operation"),
        ("08006", StoreUnavailable, "connection"),
        ("40001", StoreUnavailable, "try again"),
        ("42P01", SchemaMismatch, "table is missing"),
        ("22021", InvalidFact, "cannot store"),
        ("XX001", CorruptStore, "backup"),
        ("0A000", StorageError, "refused"),
    ],
)
def test_the_servers_errors_are_distinguished(state: str, kind: type[StorageError], message: str) -> None:
    error = explain(psycopg.errors.lookup(state)("its own\nwords"))
    assert type(error) is kind
    assert message in str(error)
    assert "its own words" in str(error)


FORGED = 200_000_000  # bytes, which compress to a hundredth


def peak() -> int:
    """The most memory that this process has had since `forget_peak`, in bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def forget_peak() -> None:
    """Count from the present memory."""
    Path("/proc/self/clear_refs").write_text("5")


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
@pytest.mark.parametrize("column", ["body", "context", "unit"])
def test_a_forged_row_that_is_large_is_not_read(postgres_url: str, column: str) -> None:
    with open_storage(postgres_url) as storage:
        storage.append([decision(1), reward(2, 1), decision(3)], {b"digest": b"body"})
        value = f"repeat('x', {FORGED})" if column == "unit" else f"decode(repeat('00', {FORGED}), 'hex')"
        run(postgres_url, f"UPDATE facts SET {column} = {value} WHERE position = 2")  # noqa: S608
        run(postgres_url, f"UPDATE action_sets SET body = decode(repeat('00', {FORGED}), 'hex')")  # noqa: S608
        forget_peak()
        before = peak()
        reads = [
            lambda: list(storage.facts()),
            lambda: storage.facts_at([1, 2, 3]),
            lambda: storage.facts_about(1),
            lambda: storage.action_sets([b"digest"]),
        ]
        for read in reads:
            with pytest.raises(CorruptStore, match="claims more content than it can hold"):
                read()
        assert list(storage.damaged_positions()) == [2]
        assert [fact.position for fact in storage.facts(0, 1)] == [1]
        assert peak() - before < FORGED / 4


def test_what_is_large_and_honest_is_read_in_pages(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("croupier_storage.sql.reader.PAGE", 2_000)
    facts = [decision(place)._replace(id=f"d{place}", key=f"k{place}", body=b"x" * 700) for place in range(1, 21)]
    sets = {b"%d" % place: b"y" * 900 for place in range(20)}
    with open_storage(postgres_url) as storage:
        storage.append(facts, sets)
        assert list(storage.facts()) == facts
        assert storage.action_sets([*sets, b"absent"]) == sets
        assert storage.facts_at(range(25)) == {fact.position: fact for fact in facts}
        assert storage.facts_with_keys([f"k{place}" for place in range(30)]) == {fact.key: fact for fact in facts}
