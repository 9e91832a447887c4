"""No name of ours is on the list of names that were replaced by the field's standard terms."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("engine", "policies", "storage", "scripts")
LIST = Path(__file__).parents[1] / "forbidden_names.txt"


def defined(tree: ast.AST, owner: str = "") -> Iterator[tuple[str, str, int]]:
    """(class, name, line) of everything that a syntax tree defines: classes, functions, parameters, variables."""
    for node in ast.iter_child_nodes(tree):
        inside = owner
        match node:
            case ast.ClassDef():
                yield owner, node.name, node.lineno
                inside = node.name
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield owner, node.name, node.lineno
            case ast.arg():
                yield owner, node.arg, node.lineno
            case ast.Name(ctx=ast.Store()):
                yield owner, node.id, node.lineno
            case ast.Attribute(ctx=ast.Store()):
                yield owner, node.attr, node.lineno
            case ast.alias(asname=str(name)):
                yield owner, name, 0
        yield from defined(node, inside)


def forbidden() -> list[str]:
    lines = (line.strip() for line in LIST.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def breaches(path: Path, source: str, rules: list[str]) -> list[str]:
    """Where a file defines a name that a rule forbids there."""
    place = path.as_posix()
    everywhere = {rule for rule in rules if ": " not in rule}
    here = {rule.split(": ")[1] for rule in rules if ": " in rule and place.startswith(rule.split(": ")[0])}
    names = everywhere | here
    found = [f"{place}: the file or a folder is named {part}" for part in {*path.parent.parts, path.stem} & names]
    for owner, name, line in defined(ast.parse(source)):
        if name in names or f"{owner}.{name}" in names:
            found.append(f"{place}:{line} {owner + '.' if owner else ''}{name}")
    return found


def test_no_name_of_ours_is_forbidden() -> None:
    rules, files = forbidden(), [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 200
    found = [
        each for path in files for each in breaches(path.relative_to(ROOT), path.read_text(encoding="utf-8"), rules)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("engine/a.py", "class Standing: ..."),
        ("engine/a.py", "def f(said): ..."),
        ("engine/a.py", "self.told = 1"),
        ("engine/a.py", "import x as trials"),
        ("engine/trials.py", ""),
        ("engine/a.py", "class Engine:\n    def start(self): ..."),
        ("engine/croupier/evaluation/a.py", "copies = 1"),
    ],
)
def test_each_kind_of_definition_is_seen(place: str, source: str) -> None:
    assert breaches(Path(place), source, forbidden())


def test_a_good_word_elsewhere_is_left_alone() -> None:
    assert not breaches(Path("engine/croupier/a.py"), "class Timer:\n    def start(self): copies = 1", forbidden())
