"""What is wrong in a log is left out and counted, or refused in words, and never changes what the other rows say."""

from __future__ import annotations

import datetime as dt
import json
import random
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from croupier import CroupierError, EvidenceError, InputError
from croupier.cli.app import app
from croupier.errors import UnreadableFile
from croupier.evaluation import Cause
from croupier.evaluation.datasets import (
    Batch,
    Dataset,
    DsJson,
    InMemoryDataset,
    compare_dataset,
    evaluate_dataset,
    from_frame,
    from_obp,
    from_path,
)
from croupier.evaluation.datasets.delimited import DelimitedText, TextFormat

ROWS = 400
K = 3
SHARES = np.array([0.5, 0.3, 0.2])


def columns(n: int = ROWS, seed: int = 4) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    drawn = rng.choice(K, n, p=SHARES)
    return {
        "reward": (rng.random(n) < 0.3 + 0.2 * (drawn == 1)).astype(float),
        "propensity": SHARES[drawn],
        "action": np.array(["left", "mid", "right"])[drawn],
        "at": 1.6e9 + np.arange(n, dtype=float),
        "event_id": np.array([f"e{k}" for k in range(n)]),
        "page": np.where(rng.random(n) < 0.5, "home", "cart"),
    }


def estimate(log: Dataset, target: str = "constant:mid") -> tuple[float, float]:
    found = evaluate_dataset(log, [target], estimators=["snips"]).targets[0].estimates["snips"]
    return found.value, found.error


def write_csv(path: Path, table: dict[str, Any], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    rows = [list(table), *zip(*(np.asarray(column).tolist() for column in table.values()), strict=True)]
    path.write_bytes("\n".join(delimiter.join(map(str, row)) for row in rows).encode(encoding))
    return path


# What may stand in place of a value. None of it is a valid one.
WRONG: dict[str, list[Any]] = {
    "reward": ["soon", "-", float("inf"), 1e9, -3.0, [1], {"a": 1}, b"\xff"],
    "propensity": ["", None, "often", 0.0, -0.5, 1.5, float("nan"), float("-inf"), [0.5], "True"],
    "action": ["", None],
}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_corrupted_rows_are_counted_and_change_nothing(data: st.DataObject) -> None:
    table = {name: column.astype(object) for name, column in columns().items()}
    bad = data.draw(st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=30, unique=True))
    for row in bad:
        name = data.draw(st.sampled_from(sorted(WRONG)))
        table[name][row] = data.draw(st.sampled_from(WRONG[name]))
    good = np.ones(ROWS, dtype=bool)
    good[bad] = False
    log = from_frame(table)
    found = evaluate_dataset(log, ["constant:mid"], estimators=["snips"])
    expected = estimate(from_frame({name: column[good] for name, column in columns().items()}))
    assert (found["constant:mid"].estimates["snips"].value, found.counts.invalid) == (expected[0], len(bad))
    assert found.counts.decisions == ROWS
    refused = Cause.INVALID_ROWS in [each.cause for each in found["constant:mid"].verdict.refusals]
    assert refused == (len(bad) > 0.01 * ROWS)
    named = {int(text.split(":")[0].split()[-1]) for each in log.left_out.examples.values() for text in each}
    assert named <= {row + 1 for row in bad}
    with pytest.raises(EvidenceError, match="rows are invalid"):
        evaluate_dataset(from_frame(table), ["constant:mid"], strict=True)


NASTY: list[Any] = [
    None,
    10**400,
    -1,
    True,
    "\ud800",
    "text",
    b"bytes",
    float("nan"),
    [],
    [[1.0, 2.0]],
    [0.5] * (ROWS - 1),
    np.zeros((ROWS, 1)),
    np.zeros((ROWS, 2)),
    np.array(0.5),
    np.full(ROWS, 1j),
    np.full(ROWS, np.datetime64("2026-01-01")),
    np.full(ROWS, np.timedelta64(1, "s")),
    np.zeros(ROWS, dtype=[("a", "f8")]),
    np.zeros(ROWS, dtype=bool),
    np.ma.masked_array(np.ones(ROWS), np.ones(ROWS, dtype=bool)),
    (value for value in range(ROWS)),
    {"a": 1},
    {1.0},
    dt.datetime(2026, 1, 1),
    [None] * ROWS,
    [10**400] * ROWS,
    ["\ud800"] * ROWS,
    [object()] * ROWS,
]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(
        ["reward", "propensity", "action", "at", "event_id", "page", "candidates", "p_drop", "reward_status"]
    ),
    st.sampled_from(NASTY),
    st.sampled_from(["logged", "uniform", "constant:mid", "column:page", "column:at"]),
)
def test_a_column_of_anything_is_read_or_refused_in_words(name: str, value: Any, target: str) -> None:
    with suppress(CroupierError):
        evaluate_dataset(from_frame({**columns(), name: value}), [target])


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["action", "reward", "pscore", "position", "context", "n_actions", "target", "estimated"]),
    st.sampled_from(NASTY),
)
def test_feedback_of_anything_is_read_or_refused_in_words(name: str, value: Any) -> None:
    feedback: dict[str, Any] = feedback_of(ROWS)
    dist: Any = np.tile(SHARES, (ROWS, 1))
    q: Any = np.zeros((ROWS, K))
    if name in feedback:
        feedback[name] = value
    with suppress(CroupierError):
        log = from_obp(feedback, {"t": value if name == "target" else dist}, value if name == "estimated" else q)
        evaluate_dataset(log, ["column:t:t v"], estimators=["snips", "dr"])


def feedback_of(n: int) -> dict[str, Any]:
    rng = np.random.default_rng(8)
    action = rng.choice(K, n, p=SHARES)
    reward = (rng.random(n) < 0.2 + 0.3 * (action == 2)).astype(float)
    return {
        "n_rounds": n,
        "n_actions": K,
        "context": rng.random((n, 2)),
        "action": action,
        "reward": reward,
        "pscore": SHARES[action],
        "position": None,
    }


def test_shapes_of_a_distribution_mean_the_same_or_are_refused_by_name() -> None:
    feedback, pi = feedback_of(ROWS), np.tile([0.1, 0.1, 0.8], (ROWS, 1))
    found = {
        shape: estimate(from_obp(feedback, {"t": value}, value), "column:t:t v")
        for shape, value in (("nk1", pi[:, :, None]), ("nk", pi), ("k1", pi[0][:, None]))
    }
    assert found["nk1"] == found["nk"] == found["k1"]
    assert abs(found["nk"][0] - (0.2 * 0.2 + 0.8 * 0.5)) < 4 * found["nk"][1]
    for wrong in (pi.T, pi[0], pi[:-1], pi[:, :2], pi[None], np.zeros((K, K, K)), pi * 2, -pi):
        with pytest.raises(InputError, match="'t'"):
            from_obp(feedback, {"t": wrong})
    two = {**feedback, "position": np.arange(ROWS) % 2}
    with pytest.raises(InputError, match="2 positions"):
        from_obp(two, {"t": pi})
    with pytest.raises(InputError, match="may mean two things"):
        from_obp(feedback_of(K), {"t": pi[:K]})


@pytest.mark.parametrize("wrong", [-1, K, 0.5, np.nan])
def test_an_action_that_is_none_is_not_taken_for_another(wrong: float) -> None:
    feedback = feedback_of(ROWS)
    action = feedback["action"].astype(float)
    action[::100] = wrong
    pi = np.tile([0.1, 0.1, 0.8], (ROWS, 1))
    log = from_obp({**feedback, "action": action}, {"t": pi})
    kept = np.arange(ROWS) % 100 != 0
    rest = {name: value[kept] if isinstance(value, np.ndarray) else value for name, value in feedback.items()}
    assert estimate(log, "column:t") == estimate(from_obp(rest, {"t": pi[kept]}), "column:t")
    assert log.left_out == {"the action is not one of 0 … 2": 4}


@pytest.mark.parametrize("column", ["reward", "propensity", "action", "at", "candidates"])
def test_the_constructor_names_a_column_of_another_shape_or_length(column: str) -> None:
    good: dict[str, Any] = {"reward": np.zeros(3), "propensity": np.ones(3)}
    for value in (np.ones((3, 1)), np.ones((1, 3)), np.float64(1.0)):
        with pytest.raises(InputError, match=f"{column} has the shape"):
            Batch(**{**good, column: value})
    with pytest.raises(InputError, match=r"values and reward has"):
        Batch(**{**good, "at": np.zeros(2)})


def repeated(path: Path) -> dict[str, Dataset]:
    """The same log, in which every event occurs twice, from each kind of source."""
    table = columns()
    twice = {name: np.concatenate([column, column]) for name, column in table.items()}
    lines = [dict(zip(twice, row, strict=True)) for row in zip(*(c.tolist() for c in twice.values()), strict=True)]
    (path / "log.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    return {
        "frame": from_frame(twice),
        "csv": from_path(write_csv(path / "log.csv", twice)),
        "json lines": from_path(path / "log.jsonl"),
    }


def test_repeated_events_are_left_out_of_every_source(tmp_path: Path) -> None:
    once = estimate(from_frame(columns()))
    for source, log in repeated(tmp_path).items():
        assert estimate(log) == once, source
        assert log.left_out == {"duplicate: its event id occurs before": ROWS}, source
        found = evaluate_dataset(log, ["constant:mid"])
        assert found.counts.invalid == 0
        assert "row 401" in found.notes[0] or "line 402" in found.notes[0] or "line 401" in found.notes[0]


def test_pandas_and_arrow_columns_with_missing_values(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    table = columns()
    reward: list[Any] = table["reward"].tolist()
    reward[5] = None
    ids = [2**62 + k for k in range(ROWS)]
    arrow = pyarrow.table(
        {
            **table,
            "reward": reward,
            "context": [{"user": {"id": k, "seen": dt.date(2026, 1, 1)}} for k in ids],
            "id": ids,
        }
    )
    parquet.write_table(arrow, tmp_path / "log.parquet")
    good = np.arange(ROWS) != 5
    expected = estimate(from_frame({name: column[good] for name, column in table.items()}))
    frame = pandas.DataFrame({**table, "reward": pandas.array(reward, dtype="Float64")})
    for log in (from_frame(arrow), from_frame(frame), from_path(tmp_path / "log.parquet")):
        assert estimate(log) == expected
        assert evaluate_dataset(log, ["logged"]).counts.statuses == {"observed": ROWS - 1, "missing": 1}
    doubled = pandas.concat([frame, frame["reward"]], axis=1)
    with pytest.raises(InputError, match="two columns 'reward'"):
        from_frame(doubled)
    assert estimate(from_frame(pandas.concat([frame, frame["page"]], axis=1))) == expected


def test_a_column_of_a_type_that_numpy_lacks_is_noted_in_frames_as_in_files(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    kinds = pyarrow.array(np.arange(ROWS) % 2, pyarrow.int8())
    union = pyarrow.UnionArray.from_sparse(kinds, [pyarrow.array(range(ROWS)), pyarrow.array(["x"] * ROWS)])
    expected = estimate(from_frame(columns()))
    ragged = [[k] * (1 + k % 2) for k in range(ROWS)]
    table = pyarrow.table({**columns(), "extra": union})
    for log, kind in ((from_frame(table), "sparse_union"), (from_frame({**columns(), "extra": ragged}), "list")):
        for _ in range(2):  # the notes of each reading, not of both
            assert estimate(log) == expected
            (note,) = log.notes
            assert re.match(rf"the column 'extra' of type {kind}.* is not read", note)
    with pytest.raises(InputError, match="the column 'extra' cannot be read"):
        from_frame({**columns(), "extra": ragged}, features=["extra"])
    doubled = pyarrow.Table.from_arrays([*table.columns[:-1], table["page"]], names=[*table.column_names[:-1], "page"])
    parquet.write_table(doubled, tmp_path / "log.parquet")
    for log in (from_frame(doubled), from_path(tmp_path / "log.parquet")):
        assert estimate(log) == expected
        assert log.notes == ["the columns named 'page' are not read, because there are several"]


# Delimited text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "::", "|"])
def test_text_is_read_in_the_encoding_and_with_the_delimiter_that_it_has(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    path = write_csv(tmp_path / "log.csv", {**columns(), "page": np.full(ROWS, "añb")}, delimiter, encoding)
    log = from_path(path)
    assert estimate(log) == estimate(from_frame(columns()))
    assert not log.left_out
    assert {text for batch in log.batches() for text in batch.others["page"].tolist()} == {"añb"}


@pytest.mark.parametrize(("encoding", "name"), [("latin-1", "Zürich"), ("cp1251", "Пермь"), ("shift-jis", "東京")])
def test_other_encodings_are_refused_until_they_are_given(tmp_path: Path, encoding: str, name: str) -> None:
    table = {**columns(), "action": np.where(columns()["action"] == "mid", name, "left")}
    path = write_csv(tmp_path / "log.csv", table, encoding=encoding)
    with pytest.raises(UnreadableFile, match=r"not text in UTF-8: .* lines are not, line \d+ first; give its encoding"):
        from_path(path)
    assert estimate(from_path(path, encoding=encoding), f"constant:{name}") == estimate(from_frame(columns()))
    done = CliRunner().invoke(app, ["evaluate", str(path), "-t", f"constant:{name}", "--encoding", encoding, "--json"])
    assert done.exit_code == 0, done.output
    with pytest.raises(InputError, match="no encoding 'latin-7x'"):
        from_path(path, encoding="latin-7x")


def test_one_line_that_is_not_text_or_not_a_row_spoils_only_itself(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "log.csv", columns())
    lines = path.read_bytes().split(b"\n")
    spoilt = {10: b"\xff\xfe\xfd", 50: b'1.0,0.5,"mid', 90: b"1.0", 130: b'"a"b,1,1,1,1,1', 170: lines[170] + b",more"}
    for row, text in spoilt.items():
        lines[row] = text if row != 10 else lines[row].replace(b"home", text).replace(b"cart", text)
    path.write_bytes(b"\r\n".join(lines))
    log = from_path(path)
    kept = ~np.isin(np.arange(1, ROWS + 1), list(spoilt))
    assert estimate(log) == estimate(from_frame({name: column[kept] for name, column in columns().items()}))
    assert log.left_out.total() == log.left_out.invalid == 5
    numbers = {text for named in log.left_out.examples.values() for text in named}
    assert numbers == {"line 11", "line 51", "line 91", "line 131", "line 171"}


def test_fields_with_line_breaks_and_quotes_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b'note,reward,propensity\n"two\nlines, ""quoted""",1,0.5\n\nplain,0,0.5\n')
    (batch,) = from_path(path).batches()
    assert batch.others["note"].tolist() == ['two\nlines, "quoted"', "plain"]
    assert batch.number is not None
    assert batch.number.tolist() == [2, 5]


def test_truth_values_commas_and_dates_in_text(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("sep=;\nreward;propensity;time\nTrue;0,5;2026-03-01 10:00:00\nfalse;0,25;1772359201\n")
    (batch,) = from_path(path).batches()
    assert batch.reward.tolist() == [1.0, 0.0]
    assert batch.propensity.tolist() == [0.5, 0.25]
    assert batch.at is not None
    assert batch.at.tolist() == [1772359200.0, 1772359201.0]


def test_a_file_without_a_header_is_refused_until_it_has_names(tmp_path: Path) -> None:
    table = columns()
    path = write_csv(tmp_path / "log.tsv", table, "\t")
    path.write_bytes(path.read_bytes().partition(b"\n")[2])
    with pytest.raises(UnreadableFile, match=r"has no header.*6 columns in order, header=NAME"):
        from_path(path)
    assert estimate(from_path(path, header=list(table))) == estimate(from_frame(table))
    words = ["evaluate", str(path), "-t", "logged", "--header", ",".join(table), "--delimiter", "tab", "--json"]
    assert CliRunner().invoke(app, words).exit_code == 0
    for wrong in ({"delimiter": '"'}, {"delimiter": ""}, {"header": ["a", "a"]}):
        with pytest.raises(InputError):
            from_path(path, **wrong)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x1f\x8b\x08\x00\x00\x00", b"\x00" * 50, b"PK\x03\x04\x00\x00"])
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("log.csv", "log.parquet", "log.jsonl", "log.dsjson"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CroupierError):
            evaluate_dataset(from_path(tmp_path / name), ["logged"])
        with pytest.raises(UnreadableFile):
            evaluate_dataset(from_path(tmp_path / f"absent {name}"), ["logged"])


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes, header: bool) -> None:
    path = tmp_path_factory.mktemp("bytes") / "log.csv"
    path.write_bytes(b"reward,propensity\n1,0.5\n" * header + content)
    with suppress(CroupierError):
        text = DelimitedText(path, TextFormat(), {"reward"})
        assert all(row.problem or len(row.cells) == len(text.header) for row in text.rows())
        evaluate_dataset(from_path(path), ["logged"])


# Lines of JSON


def event(k: int, **changes: Any) -> dict[str, Any]:
    drawn = k % 2
    return {
        "_label_cost": -float(k % 3 == 0),
        "_label_probability": 0.5,
        "_label_Action": drawn + 1,
        "_labelIndex": drawn,
        "EventId": f"event {k}",
        "Timestamp": "2026-02-01T00:00:00Z",
        "a": [drawn + 1, 2 - drawn],
        "p": [0.5, 0.5],
        "c": {"hour": k % 24, "_multi": [{"_tag": "x"}, {"_tag": "y"}]},
        **changes,
    }


VALUES = [
    None,
    5,
    -1,
    1e300,
    True,
    "text",
    [],
    {},
    [None],
    [[1]],
    [{}],
    {"_multi": None},
    {"_multi": [1]},
    {"_slots": 1},
]
FIELDS = [
    "_label_cost",
    "_label_probability",
    "_label_Action",
    "EventId",
    "Timestamp",
    "a",
    "p",
    "c",
    "pdrop",
    "_status",
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FIELDS), st.sampled_from(VALUES)), min_size=1, max_size=8))
def test_lines_of_another_type_are_left_out_and_counted(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("events") / "log.dsjson"
    lines = [orjson.dumps(event(k)) for k in range(100)]
    path.write_bytes(b"\n".join(lines))
    (plain,) = DsJson(path).batches()
    changed = [orjson.dumps(event(1000 + k, **{name: value})) for k, (name, value) in enumerate(changes)]
    path.write_bytes(b"\n".join([*lines[:50], *changed, lines[0][: len(lines[0]) // 2], *lines[50:]]))
    log = DsJson(path)
    (batch,) = log.batches()
    events = batch.event
    assert events is not None
    good = ~np.isin(events, [f"event {1000 + k}" for k in range(len(changes))])
    assert np.array_equal(batch.select(good).reward[:50], plain.reward[:50])
    assert len(batch) + log.left_out.total() == 101 + len(changes)
    assert log.left_out["malformed: not JSON"] == 1
    for target in ("constant:x", "policy:softmax"):
        evaluate_dataset(log, [target])


def test_contexts_that_nobody_needs_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    odd = [{"id": 2**63}, {"day": {"of": {"week": [1, {"x": None}]}}}, "not an object", None, [float("1"), "a"], 5]
    rows = [
        {"reward": k % 2, "propensity": 0.5, "action": "ab"[k % 2], "context": odd[k % len(odd)], "actions": ["a", "b"]}
        for k in range(60)
    ]
    path.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    log = from_path(path)
    assert evaluate_dataset(log, ["constant:a"]).counts.rows == 60
    found = evaluate_dataset(log, ["policy:softmax"])
    assert (found.counts.rows, found.counts.invalid) == (20, 40)
    assert any("a context that no policy can be given" in note for note in found.notes)


# Names


def test_names_that_do_not_exist_are_errors_that_list_those_that_do(tmp_path: Path) -> None:
    log = from_frame(columns(), candidates=K)
    asked: list[tuple[Callable[[], object], str]] = [
        (lambda: evaluate_dataset(log, ["constant:midd"]), r"no row has the action 'midd'.*'left', 'mid', 'right'"),
        (lambda: compare_dataset(log, ["constant:midd", "logged"], estimator="snips"), r"'midd'.*'left', 'mid'"),
        (lambda: evaluate_dataset(log, ["logged"], segment="pag"), r"no column 'pag'.*page"),
        (lambda: evaluate_dataset(log, ["column:pag"]), r"no column 'pag'.*page"),
        (lambda: evaluate_dataset(log, ["policy:softmaxx"]), r"no policy 'softmaxx'.*softmax"),
        (lambda: from_frame(columns(), {"reward": "rewrd"}), r"no column 'rewrd'.*reward"),
        (lambda: evaluate_dataset(log, ["logged"], estimators=["snip"]), r"snips"),
    ]
    for call, message in asked:
        with pytest.raises((EvidenceError, InputError), match=message):
            call()
    path = tmp_path / "log.dsjson"
    path.write_bytes(b"\n".join(orjson.dumps(event(k)) for k in range(300)))
    with pytest.raises(EvidenceError, match=r"no context has the feature 'our'.*'hour'"):
        evaluate_dataset(DsJson(path), ["constant:x"], segment="our")


@pytest.mark.parametrize("segment", ["page", "action"])
def test_a_file_is_segmented_by_a_column(tmp_path: Path, segment: str) -> None:
    path = write_csv(tmp_path / "log.csv", columns())
    words = ["evaluate", str(path), "-t", "logged", "--segment", segment, "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    (target,) = json.loads(done.stdout)["targets"]
    names, counts = np.unique(columns()[segment], return_counts=True)
    assert {each["segment"]: each["rows"] for each in target["segments"]} == dict(zip(names, counts, strict=True))
    shown = CliRunner().invoke(app, words[:-1]).stdout
    assert all(name in shown for name in names)


def test_the_seed_of_a_corruption_does_not_matter_to_the_rest() -> None:
    table, rng = columns(2000), random.Random(1)
    frame = {name: column.astype(object) for name, column in table.items()}
    for row in rng.sample(range(2000), 19):
        frame["reward"][row] = "?"
    found = evaluate_dataset(from_frame(frame), ["constant:mid"])["constant:mid"]
    assert Cause.INVALID_ROWS not in [each.cause for each in found.verdict.refusals]


def test_one_row_of_few_is_left_out_without_a_refusal() -> None:
    log = InMemoryDataset(Batch(np.array([1.0, 0.0, np.inf]), np.full(3, 0.5)))
    found = evaluate_dataset(log, ["logged"])
    assert Cause.INVALID_ROWS not in [each.cause for each in found["logged"].verdict.refusals]
    assert "row 3: inf" in found.notes[0]
