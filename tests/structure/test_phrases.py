"""Docs, docstrings and messages hold none of the phrases that plain technical English has replaced."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).parents[1] / "forbidden_phrases.txt"


def phrases() -> list[str]:
    lines = (line.strip().lower() for line in LIST.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def texts(path: Path) -> list[tuple[int, str]]:
    """The lines of a page, or the string constants of a module, docstrings among them."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return list(enumerate(source.splitlines(), 1))
    constants = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return [(node.lineno, " ".join(node.value.split())) for node in constants if isinstance(node.value, str)]


def breaches(path: Path, root: Path = ROOT) -> list[str]:
    return [
        f"{path.relative_to(root)}:{line} {phrase!r}"
        for line, text in texts(path)
        for phrase in phrases()
        if phrase in text.lower()
    ]


def test_no_phrase_is_forbidden() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    modules = [p for folder in ("engine", "policies", "storage", "scripts") for p in (ROOT / folder).rglob("*.py")]
    assert len(pages) > 10
    assert len(modules) > 200
    found = [each for path in (*pages, *modules) for each in breaches(path)]
    assert not found, "\n".join(found)


def test_a_phrase_is_seen_in_a_message_and_in_a_page(tmp_path: Path) -> None:
    module, page = tmp_path / "module.py", tmp_path / "page.md"
    module.write_text('raise ValueError("an argument cannot be\\n  what was meant")\n', encoding="utf-8")
    page.write_text("# Rewards\nThis Goes on.\n", encoding="utf-8")
    assert breaches(module, tmp_path) == ["module.py:1 'what was meant'"]
    assert breaches(page, tmp_path) == ["page.md:2 'goes on'"]
