"""What the documentation's build does beside its settings: the README is its first page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

README = Path(__file__).parent.parent / "README.md"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The README in place of the index, its links as they are from inside the site."""
    if page.file.src_uri != "index.md":
        return markdown
    return README.read_text(encoding="utf-8").replace("](docs/", "](")
