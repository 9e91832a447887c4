"""Every command with every kind of wrong argument: exit status, stream, one line, and no traceback."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from croupier import Engine
from croupier.cli import maintenance
from croupier.cli.app import app
from croupier.cli.evaluation import COMPARE_OPTIONS, EVALUATE_OPTIONS
from croupier.cli.ratings import CROSSVAL_OPTIONS
from croupier_storage import open_storage

# Each command's arguments after the store.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "verify": (),
    "replay": (),
    "forget": ("u1",),
    "ingest": ("{folder}/events.jsonl", "--mapping", "{folder}/mapping.json"),
    "evaluate": ("--target", "uniform"),
    "compare": ("--target", "uniform", "--target", "logged"),
    "crossval": ("--model", "mean"),
    "snapshots list": (),
    "snapshots pin": ("60",),
    "snapshots export": ("60", "{folder}/out.snapshot"),
    "snapshots import": ("{folder}/state.snapshot",),
}
STUDY = "compare (study)"  # the same command without targets
COMMANDS = {**ARGUMENTS, STUDY: ()}
SNAPSHOTS = tuple(command for command in ARGUMENTS if command.startswith("snapshots "))
WRONG_USE, UNREADABLE = 2, 3


def fill(file: Path) -> None:
    with Engine.open(f"sqlite:///{file}", seed=7, learner=None) as engine:
        for n in range(60):
            decision = engine.choose({"x": float(n % 5)}, ["a", "b"], unit=f"u{n % 3}")
            engine.reward(decision.id, float(n % 2))
            if n == 29:
                engine.snapshots.take()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    fill(folder / "shop.db")
    (folder / "events.jsonl").write_bytes(orjson.dumps({"who": "u1", "did": "view", "ts": "2026-01-31"}) + b"\n")
    mapping = {"unit": "who", "kind": "did", "at": "ts"}
    (folder / "mapping.json").write_bytes(orjson.dumps(mapping))
    assert run(f"snapshots export {folder}/shop.db 60 {folder}/state.snapshot").exit_code == 0
    return folder


def wrong_path(file: Path) -> None:
    """The store's folder does not exist."""


def zero_bytes(file: Path) -> None:
    file.touch()


def no_log(file: Path) -> None:
    open_storage(f"sqlite:///{file}").close()


def damaged_pages(file: Path) -> None:
    fill(file)
    content = file.read_bytes()
    file.write_bytes(content[:100] + b"\xa5" * (len(content) - 100))


def cut_short(file: Path) -> None:
    fill(file)
    file.write_bytes(file.read_bytes()[:5000])


def damaged_settings(file: Path) -> None:
    fill(file)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE settings SET value = x'7b2278' WHERE name = 'policy'")
    connection.close()


def text_file(file: Path) -> None:
    file.write_text("Dear diary,\n" * 1000)


def a_directory(file: Path) -> None:
    file.mkdir()


def other_database(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
    connection.close()


# What is wrong with the store, the status that every command gives, and the exceptions: None where that is right use.
STORES: dict[Callable[[Path], None], tuple[int, dict[str, int | None]]] = {
    wrong_path: (UNREADABLE, {}),
    zero_bytes: (UNREADABLE, {"ingest": None}),  # which creates a store
    no_log: (WRONG_USE, {"ingest": None, "snapshots list": None, "snapshots import": UNREADABLE}),  # beyond the log
    damaged_pages: (UNREADABLE, {}),
    cut_short: (UNREADABLE, {}),
    damaged_settings: (
        UNREADABLE,
        {"crossval": None, STUDY: WRONG_USE, **dict.fromkeys(SNAPSHOTS)},
    ),  # which need none; no experiment
    text_file: (UNREADABLE, {}),
    a_directory: (UNREADABLE, {}),
    other_database: (UNREADABLE, {}),
}


def run(words: str | list[str]) -> Result:
    return CliRunner().invoke(app, words)


def line(result: Result, status: int) -> str:
    """The one line that a failure prints, on stderr."""
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("croupier: ")
    assert result.stderr.endswith("\n")
    assert result.stderr.count("\n") == 1, result.stderr
    assert "this is a bug" not in result.stderr
    return result.stderr


def words(command: str, store: object, folder: Path) -> list[str]:
    arguments = (each.replace("{folder}", str(folder)) for each in COMMANDS[command])
    return [*command.removesuffix(" (study)").split(), str(store), *arguments]


@pytest.mark.parametrize("wrong", STORES, ids=lambda wrong: wrong.__name__)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_store_that_cannot_be_used(command: str, wrong: Callable[[Path], None], folder: Path, tmp_path: Path) -> None:
    store = tmp_path / ("nowhere/shop.db" if wrong is wrong_path else "shop.db")
    wrong(store)
    status, exceptions = STORES[wrong]
    expected = exceptions.get(command, status)
    result = run(words(command, store, folder))
    if expected is None:
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        return
    assert "create=True" not in line(result, expected)
    with_traceback = run([*words(command, store, folder), "--traceback"])
    assert with_traceback.exit_code == expected
    assert "Traceback (most recent call last):" in with_traceback.stderr
    assert with_traceback.stderr.splitlines()[-1].startswith("croupier: ")


@pytest.mark.parametrize("command", [*COMMANDS, "plan"])
def test_wrong_options(command: str, folder: Path) -> None:
    given = ["plan"] if command == "plan" else words(command, folder / "shop.db", folder)
    printed = line(run([*given, "--zzyzx"]), WRONG_USE)
    assert "No such option: --zzyzx; see croupier" in printed
    assert printed.endswith(f"{command.removesuffix(' (study)')} --help\n")
    traced = run([*given, "--zzyzx", "--traceback"])
    assert traced.exit_code == WRONG_USE
    assert "Traceback (most recent call last):" in traced.stderr


@pytest.mark.parametrize(
    "command", ["frobnicate", "snapshots frobnicate", "snapshots pin", "plan", "verify", "evaluate"]
)
def test_missing_and_unknown_words(command: str) -> None:
    assert "--help" in line(run(command), WRONG_USE)


@pytest.mark.parametrize(
    ("given", "status", "message"),
    [
        ("verify mysql://host/shop", UNREADABLE, "no back end for mysql://host/shop"),
        ("evaluate {folder}/gone.csv -t logged", UNREADABLE, "no such file"),
        ("compare {folder}/gone.parquet -t logged -t uniform", UNREADABLE, "no such file"),
        ("evaluate {folder}/binary.csv -t logged", UNREADABLE, "not text in UTF-8"),
        ("evaluate {folder}/binary.parquet -t logged", UNREADABLE, "binary.parquet: "),
        ("evaluate {folder} -t logged", UNREADABLE, "StoreUnavailable"),
        ("evaluate {folder}/binary.dsjson -t logged", WRONG_USE, "EvidenceError"),  # every line is left out
        ("evaluate {folder}/plain.csv -t logged", WRONG_USE, "EvidenceError"),
        ("evaluate {folder}/plain.csv -t logged --column reward", WRONG_USE, "ROLE=NAME"),
        ("crossval {folder}/gone.csv", UNREADABLE, "no such file"),
        ("crossval {folder}/binary.csv", UNREADABLE, "not text in UTF-8"),
        ("crossval {folder}/plain.csv", WRONG_USE, "no column"),
        ("crossval {folder}/plain.csv --column value", WRONG_USE, "ROLE=NAME"),
        ("crossval {folder}/plain.csv -m oracle", WRONG_USE, "oracle"),
        ("ingest {folder}/new.db {folder}/gone.csv --mapping {folder}/mapping.json", UNREADABLE, "gone.csv: no such"),
        ("ingest {folder}/new.db {folder}/events.jsonl --mapping {folder}/gone.json", UNREADABLE, "gone.json: No such"),
        ("ingest {folder}/new.db {folder}/events.jsonl --mapping {folder}/plain.csv", UNREADABLE, "plain.csv: "),
        (
            "ingest {folder}/new.db {folder}/events.jsonl --mapping {folder}/mapping.json "
            "--features {folder}/list.json",
            WRONG_USE,
            "arguments of Features",
        ),
        ("snapshots import {folder}/shop.db {folder}/gone.snapshot", UNREADABLE, "no such file"),
        ("snapshots import {folder}/shop.db {folder}/plain.csv", UNREADABLE, "CorruptSnapshot"),
        ("snapshots export {folder}/shop.db 61 {folder}/out", WRONG_USE, "the store has: 60, 120"),
        ("snapshots export {folder}/shop.db 60 {folder}/gone/out", UNREADABLE, "cannot read or write"),
        ("snapshots pin {folder}/shop.db 61", WRONG_USE, "no snapshot at position 61"),
        ("replay {folder}/shop.db --policy nonsense", WRONG_USE, "there is no policy"),
        ("replay {folder}/shop.db --policy softmax:{", WRONG_USE, "are not JSON"),
        ("evaluate {folder}/shop.db -t logged --html {folder}/gone/page.html", UNREADABLE, "gone/page.html"),
        ("evaluate {folder}/shop.db -t logged --level 2", WRONG_USE, "InputError"),
        ("evaluate {folder}/shop.db -t logged --fail-on warnings", WRONG_USE, "--fail-on"),
        ("plan --sd 0 --per-day 1 --window 1 --horizon 1", WRONG_USE, "InputError"),
        ("plan --sd 1 --per-day 1 --window 1 --horizon 1 --effect 0", WRONG_USE, "--effect 0"),
    ],
)
def test_wrong_files_and_values(given: str, status: int, message: str, folder: Path) -> None:
    for suffix in (".csv", ".parquet", ".dsjson"):
        (folder / f"binary{suffix}").write_bytes(b"reward,propensity\n\xff\xfe\x81,1\n")
    (folder / "plain.csv").write_text("colour,taste\nred,sweet\n")
    (folder / "list.json").write_text('{"colour": "red"}')
    assert message in line(run(given.replace("{folder}", str(folder)).split()), status)
    assert not (folder / "new.db").exists()


ON_STORE = {
    "evaluate": "evaluate {folder}/shop.db -t logged",
    "compare": "compare {folder}/shop.db -t logged -t uniform",
    STUDY: "compare {folder}/shop.db",
    "crossval": "crossval {folder}/shop.db",
}
ON_FILE = {
    "evaluate": "evaluate {folder}/log.csv -t logged",
    "compare": "compare {folder}/log.csv -t logged -t uniform",
    "dsjson": "evaluate {folder}/log.dsjson -t logged",
    "crossval": "crossval {folder}/ratings.csv",
}
INAPPLICABLE = [
    *((ON_STORE[name], option) for name in ("evaluate", "compare", STUDY) for option in (
        "--column reward=x", "--candidates 3", "--feature x", "--action a", "--reward-range 0 1", "--floor 0.1",
        "--encoding latin-1", "--delimiter ;", "--header a,b", "--strict",
    )),
    *((ON_STORE["compare"], option) for option in ("--experiment e", "--metric m", "--fixed-horizon 1")),
    *((ON_STORE[STUDY], option) for option in ("--estimator ips", "--in-sample", "--fail-on refused")),
    *((ON_FILE["compare"], option) for option in (
        "--experiment e", "--metric m", "--fixed-horizon 1", "--in-sample"
    )),
    (ON_FILE["evaluate"], "--in-sample"),
    *((ON_FILE["dsjson"], option) for option in ("--column a=b", "--candidates 3", "--feature x", "--action a")),
    *((ON_FILE["dsjson"], option) for option in ("--encoding latin-1", "--delimiter ;", "--header a,b")),
    *((ON_STORE["crossval"], option) for option in ("--column a=b", "--reward-range 0 1", "--attribute stars")),
    *((ON_STORE["crossval"], option) for option in ("--encoding latin-1", "--delimiter ;", "--header a,b")),
    *((ON_FILE["crossval"], option) for option in ("--kind rate", "--attribute stars", "--no-ranking --k 5")),
]  # fmt: skip


@pytest.mark.parametrize(("command", "option"), INAPPLICABLE)
def test_an_option_without_effect_is_refused(command: str, option: str, folder: Path) -> None:
    printed = line(run(f"{command} {option}".replace("{folder}", str(folder)).split()), WRONG_USE)
    flag = next(word for word in reversed(option.split()) if word.startswith("--"))
    assert f"{flag} applies only " in printed
    assert "would be ignored; omit it" in printed


def test_the_tables_name_options_that_exist_and_each_is_tested() -> None:
    (root,) = [typer.main.get_command(app)]
    for name, table in (("evaluate", EVALUATE_OPTIONS), ("compare", COMPARE_OPTIONS), ("crossval", CROSSVAL_OPTIONS)):
        flags = {each.name: each.opts[0] for each in root.commands[name].params}  # type: ignore[attr-defined] # a group
        assert set(table) <= set(flags)
        tested = {word for command, option in INAPPLICABLE if command.startswith(name) for word in option.split()}
        assert {flags[option] for option in table} <= tested


def test_the_same_option_has_the_same_name_everywhere() -> None:
    root = typer.main.get_command(app)
    printing = ("verify", "replay", "forget", "ingest", "plan", "crossval", "evaluate", "compare")
    groups = {**root.commands, **root.commands["snapshots"].commands}  # type: ignore[attr-defined] # groups
    options = {name: {flag for each in groups[name].params for flag in each.opts} for name in groups}
    assert all("--json" in options[name] for name in (*printing, "list", "import"))
    assert all("--reward-range" in options[name] for name in ("evaluate", "compare", "crossval"))
    assert all({"--target", "--html", "--fail-on", "--level"} <= options[name] for name in ("evaluate", "compare"))
    assert not any("--span" in names for names in options.values())


def test_every_argument_and_option_is_described() -> None:
    root = typer.main.get_command(app)
    for name, command in {**root.commands, **root.commands["snapshots"].commands}.items():  # type: ignore[attr-defined] # groups
        assert run([name, "--help"]).exit_code == 0 or name in root.commands["snapshots"].commands  # type: ignore[attr-defined] # a group
        for each in command.params:
            assert len(each.help or "") > 15, f"{name} {each.name}"  # a sentence, not a fragment
            assert each.help.rstrip().endswith("."), f"{name} {each.name}"


class Broken(Exception):
    """An error that no command expects."""


def failing(error: BaseException) -> Callable[..., Iterator[None]]:
    def fail(*_: object, **__: object) -> Iterator[None]:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (Broken("a\nb\x1b[2J"), 70, r"croupier: this is a bug: Broken: a\nb\x1b[2J; run the command again with "),
        (KeyError("x"), 70, "croupier: this is a bug: KeyError: 'x'; run the command again with --traceback"),
        (KeyboardInterrupt(), 130, "croupier: interrupted"),
        (OSError(28, "No space left on device"), 3, "croupier: cannot read or write No space left on device"),
        (OSError(13, "Permission denied", "/x"), 3, "croupier: cannot read or write /x: Permission denied"),
    ],
)
def test_errors_that_no_command_expects(
    error: BaseException, status: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "bar", failing(error))
    result = run("verify shop.db")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (status, "", 1)
    assert result.stderr.startswith(message)
    for traced in ("--traceback verify shop.db", "verify --traceback shop.db", "verify shop.db --traceback"):
        result = run(traced)
        assert result.exit_code == status
        assert result.stderr.startswith("Traceback (most recent call last):\n")
        assert result.stderr.splitlines()[-1].startswith(message)
        assert "\x1b" not in result.stderr


def test_a_reader_that_closes_the_pipe_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "bar", failing(BrokenPipeError()))
    result = run("verify shop.db")
    assert (result.exit_code, result.output) == (141, "")
