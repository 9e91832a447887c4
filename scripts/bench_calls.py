"""How many files and Python calls one `choose`, one `reward` and one `Engine.open` cross.

Counted with `sys.setprofile` in the calling thread alone, after everything has been imported and compiled: calls of
Python functions (generators count each time they go on, comprehensions where they are functions), in Croupier's own
files and in all. Timings are taken elsewhere; these counts are equal on every machine with the same versions.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import CodeType, FrameType
from typing import Annotated, Any, ParamSpec, TypeAlias, TypeVar

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import croupier
import croupier_policies
import croupier_storage
from croupier import Engine

ROOTS = tuple(f"{Path(package.__path__[0])}{os.sep}" for package in (croupier, croupier_policies, croupier_storage))
ACTIONS = [f"a{k}" for k in range(10)]
FEATURES = 20
PYTHON = platform.python_version()
P = ParamSpec("P")
T = TypeVar("T")
Calls: TypeAlias = Counter[CodeType]


def counted(call: Callable[P, T], *args: P.args, **named: P.kwargs) -> tuple[T, Calls]:
    """What a call gives, and the number of calls of each Python function on the way."""
    seen: Calls = Counter()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            seen[frame.f_code] += 1

    gc.disable()  # a collection in the middle would call finalizers that are not part of this
    sys.setprofile(note)
    try:
        given = call(*args, **named)
    finally:
        sys.setprofile(None)
        gc.enable()
    return given, seen


def by_file(run: Calls) -> Counter[str]:
    """The calls in each of Croupier's files."""
    found: Counter[str] = Counter()
    for code, count in run.items():
        if code.co_filename.startswith(ROOTS):
            found[_short(code.co_filename)] += count
    return found


def summary(runs: list[Calls]) -> dict[str, float]:
    """Medians over runs: distinct files and functions of Croupier, calls of them, and Python calls of anything."""
    ours = [{code: count for code, count in run.items() if code.co_filename.startswith(ROOTS)} for run in runs]
    return {
        "files": median(len({code.co_filename for code in run}) for run in ours),
        "functions": median(len(run) for run in ours),
        "calls": median(sum(run.values()) for run in ours),
        "all_calls": median(run.total() for run in runs),
    }


def files(runs: list[Calls]) -> dict[str, float]:
    """Median calls in each of Croupier's files, those with most first."""
    counts = [by_file(run) for run in runs]
    found = {name: median(run[name] for run in counts) for name in set().union(*counts)}
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def _short(file: str) -> str:
    """Its path from the package on."""
    root = next(root for root in ROOTS if file.startswith(root))
    return str(Path(file).relative_to(Path(root).parent))


def measure(folder: Path, warm: int, events: int, opens: int) -> dict[str, list[Calls]]:
    """Count every event after the first ones, and every opening of the store that they leave."""
    url = f"sqlite:///{folder / 'calls.db'}"
    found: dict[str, list[Calls]] = {"choose": [], "reward": [], "open": []}
    rng = np.random.default_rng(7)
    with Engine.open(url, seed=7) as engine:
        for n in range(warm + events):
            context = {f"x{k}": float(value) for k, value in enumerate(rng.normal(size=FEATURES))}
            decision, chosen = counted(engine.choose, context, ACTIONS)
            value = float(rng.random() < 0.3)
            _, rewarded = counted(engine.reward, decision.id, value)
            if n >= warm:
                found["choose"].append(chosen)
                found["reward"].append(rewarded)
    for n in range(opens + 1):
        engine, opened = counted(Engine.open, url)
        engine.close()
        if n:  # the first compiles and imports what only opening needs
            found["open"].append(opened)
    return found


def main(
    warm: Annotated[int, typer.Option(min=1, help="Events before those that are counted.")] = 300,
    events: Annotated[int, typer.Option(min=1, help="Events that are counted; medians are given.")] = 200,
    opens: Annotated[int, typer.Option(min=1, help="Times that the store is opened.")] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write everything here.")] = None,
) -> None:
    """Count the files and Python calls that choose, reward and open cross."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), warm, events, opens)
    title = f"Default policy, SQLite, {len(ACTIONS)} actions, mappings of {FEATURES} numbers, Python {PYTHON}"
    table = Table("", title=title, title_justify="left")
    for column in ("files of Croupier", "functions in them", "calls of these", "Python calls in all"):
        table.add_column(column, justify="right")
    for name, runs in found.items():
        table.add_row(name, *(f"{value:g}" for value in summary(runs).values()))
    Console(width=None if sys.stdout.isatty() else 130).print(table)
    if json_file is not None:
        plain = {name: {**summary(runs), "by_file": files(runs)} for name, runs in found.items()}
        json_file.write_text(json.dumps({"python": PYTHON, "calls": plain}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
