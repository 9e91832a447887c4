"""The Python in the guides runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = sorted((Path(__file__).parent.parent / "docs").glob("*.md"))
DOCS = [page for page in DOCS if page.name not in ("evidence.md", "datasets.md")]  # they share a store: a test of its own
FENCED = re.compile(r"```python\n(.*?)```", re.DOTALL)
BLOCKS = [(page.name, code) for page in DOCS for code in FENCED.findall(page.read_text())]


def test_the_guides_show_code() -> None:
    """Or the test below would have no case, and pass."""
    assert BLOCKS


@pytest.mark.parametrize(("page", "code"), BLOCKS, ids=[f"{page}-{n}" for n, (page, _) in enumerate(BLOCKS)])
def test_a_block_runs(page: str, code: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)  # noqa: S603 - ours
