"""No circle of imports, lazy and TYPE_CHECKING ones included; the top of each package holds the rooms listed here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "croupier": ROOT / "engine/croupier",
    "croupier_policies": ROOT / "policies/croupier_policies",
    "croupier_storage": ROOT / "storage/croupier_storage",
}
#: A new room is a line here, and a floor in pyproject.toml's contracts.
TOP = {
    "croupier": (
        "__init__ __main__ cli engine engine_experiments engine_snapshots errors evaluation ingestion log "
        "ratings replay reports runtime state studies"
    ),
    "croupier_policies": (
        "__init__ arguments arrays backends base catalogue checks encoding errors exploration factors kernels models "
        "policies reference registry river vw"
    ),
    "croupier_storage": "__init__ base checks encoding errors facts memory opening options sql",
}


def modules() -> dict[str, Path]:
    found = {}
    for name, folder in PACKAGES.items():
        for path in folder.rglob("*.py"):
            parts = (name, *path.relative_to(folder).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(source: str, known: set[str]) -> Iterator[str]:
    """The modules among `known` that a syntax tree imports, wherever the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in known:
                    yield whole
                elif node.module in known:
                    yield node.module


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in edges[module]:
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            component = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(component) > 1:
                found.append(sorted(component))

    for module in edges:
        if module not in index:
            visit(module)
    return found


def test_no_circle_of_imports() -> None:
    found = modules()
    assert len(found) > 200
    edges = {m: set(imported(p.read_text(encoding="utf-8"), set(found))) - {m} for m, p in found.items()}
    assert sum(map(len, edges.values())) > 500
    assert circles(edges) == []


def test_a_lazy_circle_is_seen() -> None:
    lazy = imported("def f():\n    from a.b import c", {"a", "a.b"})
    typed = imported("if TYPE_CHECKING:\n    from a import b", {"a", "a.b"})
    assert [*lazy, *typed] == ["a.b", "a.b"]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_rooms_at_the_top_are_those_listed(package: str) -> None:
    entries = (p for p in PACKAGES[package].iterdir() if p.suffix == ".py" or any(p.glob("*.py")))
    assert sorted(p.stem for p in entries) == TOP[package].split()
