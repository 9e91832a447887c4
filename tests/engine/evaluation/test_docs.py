"""What docs/evidence.md and docs/datasets.md show works when pasted, in order, in one folder."""

import re
from pathlib import Path

from typer.testing import CliRunner

from croupier.cli.app import app
from croupier.evaluation import ESTIMATORS, INTERVALS, Cause, DecisionStatus

DOCS = Path(__file__).parents[3] / "docs"
PAGE = "\n".join((DOCS / name).read_text(encoding="utf-8") for name in ("evidence.md", "datasets.md"))


def test_its_code_and_commands_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks, claims = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL), list[str]()
    for code in blocks:
        exec(code, {})  # noqa: S102  (the page's)
        printed = capsys.readouterr().out
        for line in re.findall(r"# ([\w:. ]+)$", code, re.MULTILINE):
            assert line.strip() in printed
            claims.append(line)
    assert blocks
    assert claims
    rows = "\n".join(f"{n % 2},0.5,{'new' if n % 2 else 'old'},0.7,{n % 24}" for n in range(400))
    (tmp_path / "log.csv").write_text(f"sold,propensity,action,pi_new,hour\n{rows}\n")
    commands = re.findall(r"^croupier (.+)$", PAGE, re.MULTILINE)
    assert len(commands) == 8
    for command in commands:
        if "parquet" in command or "dsjson" in command:
            continue  # the same code as for CSV; those formats have tests of their own
        told = CliRunner().invoke(app, command.split())
        assert told.exit_code == 0, told.output
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count("<svg") == 5


def test_it_names_everything_there_is():
    for name in [*ESTIMATORS, *INTERVALS, *Cause, *DecisionStatus]:
        assert f"`{name}`" in PAGE
