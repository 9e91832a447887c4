"""Ingestion: every row is kept or rejected for a reason, and a repeated run adds nothing."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from croupier import Engine, Features, InputError, verify
from croupier.cli.app import app
from croupier.errors import UnreadableFile
from croupier.ingestion import IngestionCounts, Mapping, ingest
from croupier.state.features import observation
from croupier_storage import Kind, open_storage
from support import inside

SHARED = Path(__file__).parents[4] / "shared/data/events"
RETAIL = sorted((SHARED / "online_retail/by-day").glob("*.csv"))
retail_is_there = pytest.mark.skipif(not RETAIL, reason="the Online Retail files are not beside the checkout")
SHOP: dict[str, Any] = {
    "unit": {"column": "who", "missing": "guest", "by": "order"},
    "kind": {"column": "what", "values": {"see": "view", "buy": "purchase"}},
    "item": "sku",
    "at": {"column": "when", "time": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"},
    "attributes": {
        "price": {"column": "price", "type": "number", "least": 0.01, "most": 1000},
        "title": "title",
        "shop": {"value": "web"},
        "colour": {"column": "colour", "missing": "constant", "constant": "none"},
    },
    "exclude": {"order": "^C"},
}
COLUMNS = ["who", "what", "sku", "when", "price", "title", "colour", "order"]
GOOD = ["u1", "see", "lamp", "01.07.2024 14:00", "9.5", "a lamp", "red", "o1"]
RETAIL_MAPPING: dict[str, Any] = {
    "unit": {"column": "CustomerID", "missing": "guest", "by": "InvoiceNo"},
    "kind": {"value": "purchase"},
    "item": "StockCode",
    "at": {"column": "InvoiceDate", "time": "iso", "zone": "Europe/London"},
    "attributes": {
        "price": {"column": "UnitPrice", "type": "number", "least": 0.01},
        "quantity": {"column": "Quantity", "type": "number", "least": 1},
        "title": "Description",
    },
    "exclude": {"InvoiceNo": "^[^0-9]"},
}


def opened(url: str = "sqlite://", **more: Any) -> Engine:
    return Engine.open(url, **{"seed": 7, "learner": None, "clock": lambda: 0.0, **more})


def table(file: Path, *rows: list[str]) -> Path:
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([COLUMNS, *rows])
    return file


def changed(**values: str) -> list[str]:
    return [values.get(name, value) for name, value in zip(COLUMNS, GOOD, strict=True)]


def observations(engine: Engine, url: str) -> list[Any]:
    engine.flush()
    with open_storage(url, create=False, read_only=True) as storage:
        facts = storage.facts(kinds=[Kind.OBSERVATION])
        return [(fact.unit, fact.at, *observation.decode(fact.body)) for fact in facts]


def test_a_row_becomes_the_observation_of_the_mapping(url: str, tmp_path: Path) -> None:
    file = table(tmp_path / "a.csv", GOOD, changed(who="", what="buy", title="", colour="", price=""))
    with opened(url) as engine:
        assert ingest(engine, [file], SHOP) == IngestionCounts(2, 2, 2)
        at = 1719835200.0  # noon in Greenwich
        assert observations(engine, url) == [
            ("u1", at, "view", "lamp", {"price": 9.5, "title": "a lamp", "shop": "web", "colour": "red"}),
            ("guest o1", at, "purchase", "lamp", {"shop": "web", "colour": "none"}),
        ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (changed(order="C7"), "excluded: order"),
        (changed(who="", order=""), "missing: unit"),
        (changed(what="steal"), "unknown value: kind"),
        (changed(what=""), "missing: kind"),
        (changed(sku=""), "missing: item"),
        (changed(when="2024-07-01"), "invalid time: at"),
        (changed(price="dear"), "invalid number: price"),
        (changed(price="nan"), "out of range: price"),
        (changed(price="0"), "out of range: price"),
        (changed(price="1e9"), "out of range: price"),
        (changed(sku="\0"), "invalid observation"),
        (GOOD, "duplicate"),
        (GOOD[:-1], "unreadable"),
        ([*GOOD, "more"], "unreadable"),
    ],
)
def test_a_row_that_is_not_an_observation_is_rejected_with_a_reason(
    tmp_path: Path, row: list[str], reason: str
) -> None:
    file, aside = table(tmp_path / "a.csv", GOOD, row), tmp_path / "aside.jsonl"
    with opened() as engine:
        assert ingest(engine, [file], SHOP, rejected=aside) == IngestionCounts(2, 1, 1, Counter({reason: 1}))
    (line,) = map(json.loads, aside.read_bytes().splitlines())
    assert (line["file"], line["row"], line["reason"]) == ("a.csv", 2, reason)
    assert list(line["values"].values()) == row or reason == "unreadable"


def test_bytes_that_are_not_text_are_rejected_and_written_to_the_file(tmp_path: Path) -> None:
    file, aside = tmp_path / "a.csv", tmp_path / "aside.jsonl"
    good = ",".join(GOOD).encode()
    file.write_bytes(b"\n".join([",".join(COLUMNS).encode(), good.replace(b"red", b"\xff\xfe"), b'x"y"z,"', good]))
    with opened() as engine:
        found = ingest(engine, [file], SHOP, rejected=aside)
    assert found.rows == found.kept + found.rejected.total()
    assert found.rejected["unreadable"] >= 1
    assert b"udcff" in aside.read_bytes()


def test_robots_are_recognized_by_their_rate(tmp_path: Path) -> None:
    fast = [changed(who="robot", sku=f"s{n}") for n in range(6)]
    slow = [changed(who="slow", sku=f"s{n}", when=f"01.07.2024 14:0{n}") for n in range(6)]
    file = table(tmp_path / "a.csv", *fast, *slow, fast[0])
    with opened() as engine:
        found = ingest(engine, [file], {**SHOP, "robots": {"events": 5, "seconds": 60}})
        assert found == IngestionCounts(13, 6, 6, Counter({"robot": 6, "duplicate": 1}))
        assert ingest(engine, [file], {**SHOP, "robots": {"events": 6, "seconds": 60}}).kept == 12


def test_duplicates_may_be_kept_as_events(tmp_path: Path) -> None:
    files = [table(tmp_path / "a.csv", GOOD, GOOD), table(tmp_path / "b.csv", GOOD)]
    with opened() as engine:
        keep = {**SHOP, "duplicates": "keep"}
        assert ingest(engine, files, keep) == IngestionCounts(3, 3, 3)
        assert ingest(engine, files, keep) == IngestionCounts(3, 3, 0)


def test_a_key_column_identifies_rows(tmp_path: Path) -> None:
    file = table(tmp_path / "a.csv", changed(order="k1"), changed(order="k1", sku="chair"), changed(order=""))
    with opened() as engine:
        keyed = {**SHOP, "unit": "who", "key": "order"}
        rejected = Counter({"key conflict": 1, "missing: key": 1})
        assert ingest(engine, [file], keyed) == IngestionCounts(3, 1, 1, rejected)
        assert ingest(engine, [file], keyed) == IngestionCounts(3, 1, 0, rejected)


def test_three_formats_give_the_same_log(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    rows = [changed(sku=f"s{n % 7}", price=str(n), who=f"u{n}" if n % 3 else "") for n in range(40)]
    rows_by_column = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    table(tmp_path / "a.csv", *rows)
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(orjson.dumps(one) for one in rows_by_column) + b"\n\nno json\n[]\n")
    parquet.write_table(pyarrow.Table.from_pylist(rows_by_column), tmp_path / "a.parquet")
    found = {}
    for suffix in ("csv", "jsonl", "parquet"):
        url, seen = f"sqlite:///{tmp_path / suffix}.db", list[tuple[int, int]]()
        with opened(url) as engine:
            counts = ingest(engine, [tmp_path / f"a.{suffix}"], SHOP, progress=lambda *both: seen.append(both))  # noqa: B023 - called at once
            found[suffix] = (
                counts.kept,
                counts.rejected["out of range: price"],
                observations(engine, url),
                engine.state_hash(),
            )
        assert seen[-1][0] == seen[-1][1] > 0
    assert found["csv"] == found["jsonl"] == found["parquet"]
    assert found["csv"][:2] == (39, 1)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["u1", "u2", ""]),
            st.sampled_from(["see", "buy", "?"]),
            st.sampled_from(["1", "0", "x", ""]),
            st.sampled_from(["o1", "C1", ""]),
        ),
        max_size=30,
    ),
    cut=st.integers(0, 30),
)
def test_every_row_is_accounted_for_and_a_second_run_adds_nothing(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    full = [changed(who=who, what=what, price=price, order=order) for who, what, price, order in rows]
    whole, part = table(folder / "a.csv", *full), table(folder / "part.csv", *full[:cut])
    with opened(features=Features(numbers={"price": "min-max"})) as engine:
        found = ingest(engine, [whole], SHOP)
        state, position = engine.state_hash(), engine.position
        assert found.rows == len(rows) == found.kept + found.rejected.total()
        assert found.added == found.kept == position
        again = ingest(engine, [whole], SHOP)
        assert (again.kept, again.added, again.rejected) == (found.kept, 0, found.rejected)
        assert (engine.state_hash(), engine.position) == (state, position)
    with opened(features=Features(numbers={"price": "min-max"})) as engine:
        ingest(engine, [part], SHOP)
        ingest(engine, [whole], SHOP)
        assert engine.state_hash() == state


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit": "nobody"},
        {"exclude": {"order": "("}},
        {"duplicates": "perhaps"},
        {"unit": {"column": "who", "missing": "guest"}},
        {"unit": {"column": "who", "missing": "constant"}},
        {"at": {"column": "when", "zone": "Atlantis"}},
        {"at": {"column": "when", "missing": "leave"}},
        {"attributes": {"at": "price"}},
        {"attributes": {"price": {"column": "price", "type": "money"}}},
        {"attributes": {"price": {}}},
        {"robots": {"events": 0, "seconds": 1}},
        {"unknown": 1},
        {"kind": 3},
    ],
)
def test_an_invalid_mapping_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    file = table(tmp_path / "a.csv", GOOD)
    with opened() as engine:
        with pytest.raises(InputError):
            ingest(engine, [file], {**SHOP, **wrong})
        assert engine.position == 0


def test_invalid_files_are_refused(tmp_path: Path) -> None:
    file = table(tmp_path / "a.csv", GOOD)
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b").mkdir()
    for wrong in ([tmp_path / "none.csv"], [tmp_path / "a.txt"], [file, table(tmp_path / "b/a.csv", GOOD)]):
        with opened() as engine, pytest.raises(InputError):
            ingest(engine, wrong, SHOP)
    with pytest.raises(InputError):
        Mapping.read(tmp_path / "a.txt")


def test_the_command_creates_a_store_and_continues_it(tmp_path: Path) -> None:
    file = table(tmp_path / "a.csv", GOOD, changed(order="C1"))
    mapping, features = tmp_path / "shop.json", tmp_path / "features.json"
    mapping.write_bytes(orjson.dumps(SHOP))
    features.write_bytes(orjson.dumps({"numbers": {"price": "min-max"}}))
    store = tmp_path / "shop.db"

    def run(*more: Any, status: int = 0) -> str:
        words = ["ingest", store, file, "--mapping", mapping, *more]
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == status, result.output
        return result.output

    assert "2 rows: 1 kept (1 new), 1 rejected" in run("--features", features)
    assert "excluded: order" in run()
    assert (tmp_path / "shop.rejected.jsonl").read_bytes().count(b"\n") == 1
    assert "applies only to a new store" in run("--features", features, status=2)
    with Engine.open(f"sqlite:///{store}") as engine:
        assert engine.unit_features("u1", at=0.0)["u.new"] == 0.0


def killed_in_the_middle(store: Path, files: list[Path], mapping: Path, features: Path, after: int) -> int:
    """Run the command in a process of its own, and kill it once so many facts are on disk; how many there are then."""
    words = [sys.executable, "-m", "croupier", "ingest", store, *files, "--mapping", mapping, "--features", features]
    process = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - ours
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and process.poll() is None and _head(store) < after:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return _head(store)


def _head(store: Path) -> int:
    try:
        connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
        try:
            return int(connection.execute("SELECT position FROM head").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.OperationalError:
        return 0  # not there yet


@retail_is_there
def test_fourteen_days_of_a_shop_are_accounted_for_killed_in_the_middle_and_run_again(tmp_path: Path) -> None:
    rows = [row for file in RETAIL for row in csv.DictReader(file.read_text().splitlines())]
    expected = Counter[str]()
    seen = set[tuple[str, ...]]()
    for row in rows:
        content = tuple(row.values())
        if not row["InvoiceNo"].isdigit():
            expected["excluded: InvoiceNo"] += 1
        elif row["UnitPrice"] and float(row["UnitPrice"]) < 0.01:
            expected["out of range: price"] += 1
        elif float(row["Quantity"]) < 1:
            expected["out of range: quantity"] += 1
        elif content in seen:
            expected["duplicate"] += 1
        else:
            seen.add(content)
    store, mapping, features = tmp_path / "shop.db", tmp_path / "shop.json", tmp_path / "features.json"
    chosen = {"kinds": ["purchase"], "numbers": {"price": "standard", "quantity": "min-max"}, "events": ["quantity"]}
    mapping.write_bytes(orjson.dumps(RETAIL_MAPPING))
    features.write_bytes(orjson.dumps(chosen))
    stored = killed_in_the_middle(store, RETAIL, mapping, features, 2000)
    with Engine.open(f"sqlite:///{store}") as engine:
        found = ingest(engine, RETAIL, RETAIL_MAPPING)
        assert 2000 <= stored == found.kept - found.added < found.kept
        assert (found.rows, found.rejected) == (len(rows), expected)
        assert found.rows == found.kept + found.rejected.total() == len(seen) + expected.total()
        state = engine.state_hash()
        again = ingest(engine, RETAIL, RETAIL_MAPPING)
        assert (again.kept, again.added, again.rejected) == (found.kept, 0, expected)
        assert (engine.state_hash(), engine.position) == (state, found.kept)
        seed = inside.seed(engine)
    with Engine.open("sqlite://", seed=seed, features=Features(**chosen)) as engine:  # never killed
        ingest(engine, RETAIL, RETAIL_MAPPING)
        assert engine.state_hash() == state


@pytest.mark.skipif(not (SHARED / "otto").is_dir(), reason="the OTTO sample is not beside the checkout")
def test_sessions_of_otto_are_read_event_by_event(tmp_path: Path) -> None:
    file = SHARED / "otto/train_sample.jsonl"
    mapping = {
        "each": "events",
        "unit": "session",
        "kind": {"column": "type", "values": {"clicks": "click", "carts": "cart", "orders": "purchase"}},
        "item": "aid",
        "at": {"column": "ts", "time": "milliseconds"},
    }
    sessions = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    events = [(one["session"], *event.values()) for one in sessions for event in one["events"]]
    with opened(f"sqlite:///{tmp_path / 'otto.db'}", features=Features(session_gap=1800.0)) as engine:
        found = ingest(engine, [file], mapping)
        assert found.rows == len(events) == found.kept + found.rejected.total()
        assert found.kept == len(set(events))
        last = sessions[0]["events"][-1]
        row = engine.unit_features(str(sessions[0]["session"]), at=last["ts"] / 1000)
        assert (row["u.new"], row["c.recency"]) == (0.0, 0.0)
    assert verify(f"sqlite:///{tmp_path / 'otto.db'}").sound


@pytest.mark.parametrize(("encoding", "delimiter"), [("utf-8-sig", ";"), ("utf-16", "\t"), ("utf-8", "::")])
def test_the_format_of_a_table_is_found(tmp_path: Path, encoding: str, delimiter: str) -> None:
    file = tmp_path / "a.csv"
    lines = [COLUMNS, GOOD, changed(sku="chair", title="é")]
    file.write_bytes("\r\n".join(delimiter.join(line) for line in lines).encode(encoding))
    plain = table(tmp_path / "b.csv", GOOD, changed(sku="chair", title="é"))
    with opened() as engine:
        assert ingest(engine, [file], SHOP) == IngestionCounts(2, 2, 2)
        assert ingest(engine, [plain], SHOP) == IngestionCounts(2, 2, 0)


def test_another_encoding_or_no_header_is_given_in_the_mapping(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    lines = [changed(sku=f"s{n}", title="Gerät") for n in range(5)]
    file.write_bytes("\n".join("|".join(line) for line in lines).encode("latin-1"))
    with opened() as engine:
        with pytest.raises(UnreadableFile, match=r'not text in UTF-8.*\("encoding" in the mapping\)'):
            ingest(engine, [file], SHOP)
        with pytest.raises(UnreadableFile, match=r'no header.* 8 columns .*\("header" in the mapping\)'):
            ingest(engine, [file], {**SHOP, "encoding": "latin-1"})
        with pytest.raises(InputError, match=r"lacks the columns .*read as latin-1 with the delimiter ','"):
            ingest(engine, [file], {**SHOP, "encoding": "latin-1", "delimiter": ",", "header": ["all"]})
        given = {**SHOP, "encoding": "latin-1", "header": COLUMNS}
        assert ingest(engine, [file], given) == IngestionCounts(5, 5, 5)
        with pytest.raises(InputError, match="no encoding"):
            ingest(engine, [file], {**SHOP, "encoding": "latin-77"})


def test_a_quote_that_is_not_closed_rejects_one_row(tmp_path: Path) -> None:
    file = table(tmp_path / "a.csv", GOOD, changed(sku="chair"), changed(sku="desk"))
    lines = file.read_bytes().splitlines()
    lines[2] = lines[2].replace(b"a lamp", b'"a lamp')
    file.write_bytes(b"\n".join(lines))
    with opened() as engine:
        assert ingest(engine, [file], SHOP) == IngestionCounts(3, 2, 2, Counter({"unreadable": 1}))
