"""The guides: their Python runs, what they name exists, and they have the form that a reader expects."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest
import typer.main

from croupier import Status
from croupier.cli.app import app
from croupier.evaluation import ESTIMATORS, INTERVALS, Cause, DecisionStatus
from croupier.studies.promotion import RulingAction
from croupier.studies.statistics.guardrails import GuardrailState
from croupier_storage import Kind

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
STORED_TOGETHER = ("evidence.md", "datasets.md")  # they share a store, and have a test of their own
FENCED = re.compile(r"```python\n(.*?)```", re.DOTALL)
BLOCKS = [
    (page.name, code)
    for page in DOCS
    if page.name not in STORED_TOGETHER
    for code in FENCED.findall(page.read_text(encoding="utf-8"))
]
PAGES = [ROOT / "README.md", *DOCS]
TEXTS = {page.name: page.read_text(encoding="utf-8") for page in PAGES}


#: Runs every block with a namespace and a folder of its own, in one process, since importing takes longer than running.
RUNNER = """
import io, json, os, sys, tempfile, traceback
from contextlib import redirect_stdout
results = []
for page, code in json.load(sys.stdin):
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        os.chdir(folder)
        try:
            exec(compile(code, page, "exec"), {"__name__": "__main__"})
        except BaseException:
            results.append(traceback.format_exc())
        else:
            results.append("")
        os.chdir("/")
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def failures() -> list[str]:
    """The traceback of each block, empty where it ran."""
    run = [sys.executable, "-W", "error::DeprecationWarning", "-c", RUNNER]
    done = subprocess.run(run, input=json.dumps(BLOCKS), check=True, capture_output=True, text=True)  # noqa: S603 - ours
    return list(json.loads(done.stdout))


def test_the_guides_show_code() -> None:
    """Or the test below would have no case, and pass."""
    assert len(BLOCKS) >= 20


@pytest.mark.parametrize("k", range(len(BLOCKS)), ids=[f"{page}-{n}" for n, (page, _) in enumerate(BLOCKS)])
def test_a_block_runs(k: int, failures: list[str]) -> None:
    assert not failures[k]


def test_a_guide_begins_with_code() -> None:
    """One or two sentences, then an example; the picture takes its place in the page on the architecture."""
    for page in DOCS:
        if page.name not in ("index.md", "architecture.md"):
            head = "\n".join(islice(TEXTS[page.name].splitlines(), 8))
            assert "```" in head, f"{page.name} has no example in its first lines"


def spans() -> Iterator[tuple[str, str]]:
    """Every page with every piece of text between backticks, outside fenced blocks."""
    for page, text in TEXTS.items():
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for span in re.findall(r"`([^`]+)`", prose):
            yield page, span


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    words = name.split(".")
    for end in range(len(words), 0, -1):
        try:
            found: object = importlib.import_module(".".join(words[:end]))
        except ModuleNotFoundError:
            continue
        return all((found := getattr(found, word, None)) is not None for word in words[end:])
    return False


def test_dotted_names_exist() -> None:
    name = re.compile(r"(croupier(?:_policies|_storage)?(?:\.\w+)+)(?:\(.*\))?")
    named = {(page, match[1]) for page, span in spans() if (match := name.fullmatch(span))}
    named -= {each for each in named if each[1].endswith((".py", ".toml"))}
    assert len(named) > 30
    assert not [each for each in sorted(named) if not resolves(each[1])]
    assert not resolves("croupier.rewards.Standing")


def modules() -> list[ModuleType]:
    folders = {"croupier": "engine", "croupier_policies": "policies", "croupier_storage": "storage"}
    found = []
    for package, folder in folders.items():
        for file in (ROOT / folder / package).rglob("*.py"):
            dotted = ".".join(file.relative_to(ROOT / folder).with_suffix("").parts).removesuffix(".__init__")
            if not dotted.endswith("__main__") and "migrations" not in dotted:
                found.append(importlib.import_module(dotted))
    return found


def has(cls: type, attribute: str) -> bool:
    """Whether a class has a method of this name, or its module sets `self.NAME`."""
    source = Path(sys.modules[cls.__module__].__file__ or "").read_text(encoding="utf-8")
    return hasattr(cls, attribute) or re.search(rf"self\.{attribute}\b", source) is not None


def test_methods_of_the_architecture_exist() -> None:
    """`Loop.record`, `Writer.put`, …: every capitalised name with an attribute is a class that has it."""
    classes: dict[str, list[type]] = {}
    for module in modules():
        for each in vars(module).values():
            if isinstance(each, type) and each.__module__.startswith("croupier"):
                classes.setdefault(each.__name__, []).append(each)
    method = re.compile(r"([A-Z]\w+)\.(\w+)(?:\(.*\))?")
    named = {
        match.groups() for page, span in spans() if page == "architecture.md" and (match := method.fullmatch(span))
    }
    named = {(name, attribute) for name, attribute in named if attribute not in ("py", "toml")}
    assert len(named) > 30
    for name, attribute in sorted(named):
        assert any(has(each, attribute) for each in classes.get(name, ())), f"{name}.{attribute}"


def test_files_exist() -> None:
    """Paths between backticks, from the root; of the architecture's table also from the package of the row."""
    path = re.compile(r"(?:docs|engine|policies|storage|scripts|tests)/[\w./]+|[\w/]+\.(?:py|toml|c)")
    roots = [ROOT, ROOT / "policies", *(ROOT / "policies" / "croupier_policies", ROOT / "engine" / "croupier")]
    roots += [ROOT / "storage" / "croupier_storage", ROOT / "engine" / "croupier" / "evaluation" / "estimators"]
    roots += [ROOT / "engine" / "croupier" / "evaluation" / "intervals", ROOT / "engine" / "croupier" / "reports"]
    named = {(page, span) for page, span in spans() if path.fullmatch(span) and "NAME" not in span}
    assert len(named) > 20
    assert not [each for each in sorted(named) if not any((root / each[1]).exists() for root in roots)]


def commands() -> Iterator[tuple[str, list[str]]]:
    """The command lines in fenced blocks, comments left out."""
    for page, text in TEXTS.items():
        for block in re.findall(r"```(?:bash|console)?\n(.*?)```", text, re.DOTALL):
            for line in block.splitlines():
                if re.match(r"(croupier|make|python -m|pip) ", line):
                    yield page, shlex.split(line, comments=True)


def test_commands_exist() -> None:
    """Commands and options of `croupier`, targets of make, and modules that are run."""
    root, seen = typer.main.get_command(app), set[str]()
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page, words in commands():
        seen.add(words[0])
        if words[0] == "make":
            assert words[1] in targets, f"{page}: {words}"
        elif words[:2] == ["python", "-m"]:
            assert importlib.util.find_spec(words[2]) is not None, f"{page}: {words}"
        elif words[0] == "croupier":
            command = root
            while (below := getattr(command, "commands", None)) and words[1] in below:
                command, words = below[words[1]], words[1:]
            options = {
                option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
            }
            unknown = {word for word in words if word.startswith("--")} - options
            assert not unknown, f"{page}: {unknown} of {command.name}"
    assert seen == {"croupier", "make", "python", "pip"}


def test_modules_named_in_prose_can_be_run() -> None:
    named = {(page, match[1]) for page, span in spans() if (match := re.match(r"python -m ([\w.]+)", span))}
    named -= {(page, module) for page, module in named if module == "proofs.NAME"}
    assert len(named) > 5
    assert not [each for each in sorted(named) if importlib.util.find_spec(each[1]) is None]


@pytest.mark.parametrize("kind", [Status, DecisionStatus, Kind, Cause, RulingAction, GuardrailState])
def test_the_glossary_has_every_word_of_a_log_or_report(kind: type[StrEnum]) -> None:
    assert not [each.value for each in kind if f"`{each.value}`" not in TEXTS["glossary.md"]]


def test_the_page_on_evaluation_has_every_estimator_and_interval() -> None:
    assert not [name for name in (*ESTIMATORS, *INTERVALS) if f"`{name}`" not in TEXTS["evidence.md"]]


def test_the_picture_of_the_rooms_is_that_of_the_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    rooms = importlib.import_module("rooms")
    assert rooms.DRAWING.read_text(encoding="utf-8") == rooms.drawing(), "run python docs/rooms.py"
