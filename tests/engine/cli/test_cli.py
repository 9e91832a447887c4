"""What each command prints, as text and as JSON, and the statuses of checks."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from croupier import ConstantPolicy, Engine, Experiment, InverseGapPolicy, verify
from croupier.cli.app import app

NASTY = "[red]b\x1b[2J\u202e[/red]\x9b1m"
VISIBLE = r"[red]b\x1b[2J\u202e[/red]\x9b1m"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    file = tmp_path / "shop.db"
    with Engine.open(f"sqlite:///{file}", seed=7, learner=None) as engine:
        for n in range(60):
            decision = engine.choose({"x": float(n % 5)}, ["a", "b"], unit=f"u{n % 3}")
            engine.reward(decision.id, float(n % 2))
            if n == 29:
                engine.snapshots.take()
    return file


def run(*words: Any, status: int = 0) -> str:
    """What a command prints on stdout; on stderr it prints one line where it fails, and else nothing."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == status, result.output
    assert result.stderr.count("\n") == (status != 0), result.stderr
    return result.stdout


def read_json(*words: Any, status: int = 0) -> Any:
    return orjson.loads(run(*words, "--json", status=status))


def error(*words: Any, status: int) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == status, result.output
    return result.stderr


def test_version_and_help() -> None:
    assert run("--version") == f"croupier {version('croupier')}\n"
    assert "Verify, replay and evaluate" in run()
    assert "export" in run("snapshots")
    for name in ("verify", "evaluate", "snapshots"):
        assert "Usage" in run(name, "--help")


def test_verify_says_whether_the_log_proves_itself(store: Path) -> None:
    assert "120 facts: 60 decisions recomputed" in run("verify", store)
    found = read_json("verify", store)
    assert (found["sound"], found["difference"], found["decisions"]) == (True, None, 60)


def test_an_unsound_log_is_a_failed_check(store: Path) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE facts SET reward = 0.25 WHERE position = 2")
    connection.close()
    assert "first difference: position 2" in run("verify", store, status=1)
    assert read_json("verify", store, status=1)["sound"] is False
    assert error("verify", store, status=1).startswith("croupier: the log is unsound: position 2")
    traced = error("verify", store, "--traceback", status=1)
    assert traced.startswith("Traceback")
    assert "CheckFailed: the log is unsound" in traced


def test_replay_switches_to_another_policy(store: Path) -> None:
    assert "60 rewards learned; the log continues at position 121 with inverse-gap" in run(
        "replay", store, "--policy", "inverse-gap"
    )
    assert verify(f"sqlite:///{store}").sound
    with Engine.open(f"sqlite:///{store}", policy=InverseGapPolicy(), learner=None) as engine:
        assert engine.rewards_learned == 60
    assert "with softmax" in run("replay", store, "--policy", 'softmax:{"alpha": 0.5}', "--learner", "river")
    found = read_json("replay", store, "--learner", "none")
    assert (found["policy"], found["rewards"]) == ("softmax", 60)
    assert verify(f"sqlite:///{store}").sound
    assert "there is no policy 'river'" in error("replay", store, "--policy", "river", status=2)


def test_forget_erases_a_unit(store: Path) -> None:
    assert "40 facts became tombstones" in run("forget", store, "u1")
    assert verify(f"sqlite:///{store}").erased == 40
    assert read_json("forget", store, "u2") == {"unit": "u2", "erased": 40}


def test_a_store_in_use_is_said_to_be(store: Path) -> None:
    with Engine.open(f"sqlite:///{store}", learner=None):
        assert "StoreInUse" in error("forget", store, "u1", status=3)
        assert "StoreInUse" in error("snapshots", "pin", store, 60, status=3)
        assert "60" in run("snapshots", "list", store)


def test_snapshots_are_listed_pinned_exported_and_imported(store: Path, tmp_path: Path) -> None:
    def pinned() -> dict[int, bool]:
        return {each["position"]: each["pinned"] for each in read_json("snapshots", "list", store)}

    listed = run("snapshots", "list", store)
    assert "120" in listed
    assert pinned() == {60: False, 120: False}
    assert run("snapshots", "pin", store, 60) == ""
    assert pinned() == {60: True, 120: False}
    run("snapshots", "pin", store, 60, "--off")
    assert pinned() == {60: False, 120: False}
    file = tmp_path / "state.snapshot"
    run("snapshots", "export", store, 60, file)
    assert "position 60" in run("snapshots", "import", store, file)
    assert read_json("snapshots", "import", store, file) == {"position": 60}
    file.write_bytes(file.read_bytes()[:-9] + b"123456789")
    assert "CorruptSnapshot" in error("snapshots", "import", store, file, status=3)
    file.write_bytes(b"\x80\x04cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    assert "CorruptSnapshot" in error("snapshots", "import", store, file, status=3)
    assert verify(f"sqlite:///{store}").sound


def test_ingest_counts_rows(tmp_path: Path) -> None:
    events, mapping = tmp_path / "events.jsonl", tmp_path / "shop.json"
    rows = [{"who": f"u{n}", "did": "view", "ts": "2026-01-31"} for n in range(3)]
    events.write_bytes(b"\n".join(map(orjson.dumps, [*rows, {"did": "view", "ts": "2026-01-31"}])))
    mapping.write_bytes(orjson.dumps({"unit": "who", "kind": "did", "at": "ts"}))
    arguments = "ingest", tmp_path / "new.db", events, "--mapping", mapping
    found = read_json(*arguments)
    assert (found["rows"], found["kept"], found["added"], sum(found["rejected"].values())) == (4, 3, 3, 1)
    assert found["rejected_file"] == str(tmp_path / "shop.rejected.jsonl")
    assert "4 rows: 3 kept (0 new), 1 rejected" in run(*arguments)


def test_the_plan_is_printed_as_json() -> None:
    arguments = "plan", "--sd", 1, "--per-day", 1000, "--window", 7, "--horizon", 1e6, "--doubt", 0.05
    found = read_json(*arguments, "--effect", 0.1)
    assert found["choice"] == "experiment"
    assert found["units_to_detect"] == {"sequential": 6012, "fixed_sample": 3140}
    assert read_json(*arguments)["units_to_detect"] is None


def test_a_refused_estimate_fails_the_check_that_was_asked_for(store: Path, tmp_path: Path) -> None:
    assert "refused" in run("evaluate", store, "-t", "constant:a")  # sixty decisions are too few
    refused = "evaluate", store, "-t", "constant:a", "-t", "logged", "--fail-on", "refused"
    assert "constant:a" in run(*refused, status=1)
    assert error(*refused, status=1) == "croupier: refused for lack of evidence: constant:a, logged\n"
    assert len(read_json(*refused, status=1)["targets"]) == 2
    pair = "compare", store, "-t", "constant:a", "-t", "logged", "--fail-on", "refused"
    assert "constant:a - logged" in error(*pair, status=1)
    log = tmp_path / "log.csv"
    log.write_text("reward,propensity,action\n" + "1,0.5,a\n0,0.5,b\n0,0.5,a\n1,0.5,b\n" * 500)
    enough = "-t", "logged", "--floor", 0.5, "-e", "snips", "--fail-on", "refused"
    assert "refused" not in run("evaluate", log, *enough)
    assert "refused" not in run("compare", log, "-t", "constant:a", *enough)


def test_text_from_a_store_is_printed_as_it_is_with_control_characters_visible(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with Engine.open(f"sqlite:///{file}", seed=7, learner=None) as engine:
        engine.experiments.start(Experiment(NASTY, {NASTY: None, "b": ConstantPolicy(action="a")}, window=1.0))
        for n in range(40):
            decision = engine.choose({"x": NASTY}, ["a", NASTY], unit=f"{n}{NASTY}")
            engine.reward(decision.id, float(n % 2))
    target = f"constant:{NASTY}"
    commands: list[tuple[Any, ...]] = [
        ("evaluate", file, "-t", target, "--segment", "x"),
        ("compare", file, "-t", target, "-t", "logged"),
        ("compare", file, "--segment", "x"),
        ("crossval", file, "-m", "mean", "--no-ranking"),
        ("verify", file),
        ("snapshots", "list", file),
    ]
    for command in commands:
        texts = [run(*command), run(*command, "--json")]
        assert not {"\x1b", "\u202e", "\x9b"} & set("".join(texts)), command
        if command[0] in ("evaluate", "compare"):
            whole = "".join(texts[0].split())
            assert VISIBLE in whole, texts[0]
            assert NASTY in str(orjson.loads(texts[1])) or ascii(NASTY)[1:-1] in ascii(orjson.loads(texts[1]))
    for command in (("evaluate", file, "-t", f"policy:{NASTY}"), ("compare", file, "--experiment", f"{NASTY}2")):
        assert VISIBLE in error(*command, status=2)
    gone = error("evaluate", f"{NASTY[5:10]}.csv", "-t", "logged", status=3)
    assert gone == r"croupier: cannot read b\x1b[2J.csv: no such file" + "\n"


def call(*words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, **settings)  # noqa: S603 - ours


def test_the_module_and_the_scripts_report_failures_in_the_same_way(tmp_path: Path) -> None:
    scripts = Path(__file__).parents[3] / "scripts"
    for words in (["-m", "croupier", "evaluate"], [str(scripts / "evaluate.py")], [str(scripts / "compare.py")]):
        done = call(*words, "gone.db", "--target", "uniform", "--target", "logged", cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
        assert done.stderr.startswith("croupier: StoreUnavailable: there is no store at ")
    done = call(str(scripts / "crossval.py"), "gone.csv", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (3, "croupier: cannot read gone.csv: no such file\n")


def test_a_closed_pipe_ends_the_command_silently(store: Path) -> None:
    code = (
        "import os; r, w = os.pipe(); os.close(r); os.dup2(w, 1); from croupier.cli import app; "
        f"app(['verify', {str(store)!r}])"
    )
    done = call("-c", code)
    assert (done.returncode, done.stderr) == (141, "")


def test_what_the_encoding_of_the_terminal_lacks_is_escaped(store: Path) -> None:
    done = call(
        "-m", "croupier", "evaluate", str(store), "-t", "constant:ü", env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 2
    assert done.stderr.startswith("croupier: EvidenceError: no decision had '\\xfc' among its candidates")
    done = call("-m", "croupier", "snapshots", "list", str(store), env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "120" in done.stdout
