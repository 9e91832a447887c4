"""What docs/evidence.md shows works when pasted, in order, in one folder."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from croupier.evaluation import ESTIMATORS, INTERVALS, Cause

PAGE = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where its code has run."""
    folder = tmp_path_factory.mktemp("docs")
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603 - the page's
        promised = re.findall(r"# ([\w:. ]+)$", code, re.MULTILINE)
        for line in promised:
            assert line.strip() in done.stdout
    return folder


def test_its_commands_run(folder):
    rows = "\n".join(f"{n % 2},0.5,{'new' if n % 2 else 'old'},0.7" for n in range(400))
    (folder / "log.csv").write_text(f"sold,propensity,action,pi_new\n{rows}\n")
    commands = re.findall(r"^croupier (.+)$", PAGE, re.MULTILINE)
    assert len(commands) == 6
    for command in commands:
        if "parquet" in command or "dsjson" in command:
            continue  # the same code as for CSV; those formats have tests of their own
        run = [sys.executable, "-m", "croupier", *command.split()]
        told = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - the page's
        assert told.returncode == 0, told.stdout + told.stderr
    assert (folder / "report.html").read_text(encoding="utf-8").count("<svg") == 5


def test_it_names_everything_there_is():
    for name in [*ESTIMATORS, *INTERVALS, *Cause]:
        assert f"`{name}`" in PAGE
