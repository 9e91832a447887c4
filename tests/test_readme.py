"""What the README shows works when pasted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_code_runs_and_the_log_it_writes_answers(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)  # noqa: S603 - the README's
    assert "'sale'" in done.stdout
    commands = re.findall(r"^croupier (.+?)(?: +#.*)?$", README, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        run = [sys.executable, "-m", "croupier", *command.split()]
        told = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - the README's
        assert told.returncode == 0, told.stdout + told.stderr


def test_the_picture_is_there() -> None:
    (picture,) = re.findall(r"!\[.+?\]\((.+?)\)", README)
    assert (ROOT / picture).read_bytes().startswith(b"\x89PNG")


def test_every_guide_is_pointed_to_and_there() -> None:
    pages = re.findall(r"\]\((docs/[^)]+\.md)\)", README)
    guides = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} - {"docs/index.md"}
    assert set(pages) == guides
    assert len(pages) == len(guides)
