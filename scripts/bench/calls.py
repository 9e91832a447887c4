"""The number of files and Python calls that one `choose`, one `reward` and one `Engine.open` run through.

Counted with `sys.setprofile` in the calling thread alone, after everything has been imported and compiled: calls of
Python functions (a generator counts each time it resumes, a comprehension where it is a function), in Croupier's own
files and in all. These are counts, not times: they are equal on every machine with the same versions.
"""

from __future__ import annotations

import gc
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

import croupier
import croupier_policies
import croupier_storage
from bench.output import JsonFile, console, table, write_json
from croupier import Engine

ROOTS = tuple(f"{Path(package.__path__[0])}{os.sep}" for package in (croupier, croupier_policies, croupier_storage))
ACTIONS = [f"a{k}" for k in range(10)]
FEATURES = 20
PYTHON = platform.python_version()
P = ParamSpec("P")
T = TypeVar("T")
Calls: TypeAlias = Counter[CodeType]


def count_calls(call: Callable[P, T], *args: P.args, **named: P.kwargs) -> tuple[T, Calls]:
    """The result of a call, and the number of calls of each Python function during it."""
    counts: Calls = Counter()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            counts[frame.f_code] += 1

    gc.disable()  # a collection during the call would count finalizers that are not part of it
    sys.setprofile(profile)
    try:
        result = call(*args, **named)
    finally:
        sys.setprofile(None)
        gc.enable()
    return result, counts


def by_file(run: Calls) -> Counter[str]:
    """The calls in each of Croupier's files."""
    found: Counter[str] = Counter()
    for code, count in run.items():
        if code.co_filename.startswith(ROOTS):
            found[_short(code.co_filename)] += count
    return found


def summary(runs: list[Calls]) -> dict[str, float]:
    """Medians over runs: distinct files and functions of Croupier, calls of these, and all Python calls."""
    ours = [{code: count for code, count in run.items() if code.co_filename.startswith(ROOTS)} for run in runs]
    return {
        "files": median(len({code.co_filename for code in run}) for run in ours),
        "functions": median(len(run) for run in ours),
        "calls": median(sum(run.values()) for run in ours),
        "all_calls": median(run.total() for run in runs),
    }


def files(runs: list[Calls]) -> dict[str, float]:
    """Median number of calls in each of Croupier's files, in descending order."""
    counts = [by_file(run) for run in runs]
    found = {name: median(run[name] for run in counts) for name in set().union(*counts)}
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def _short(file: str) -> str:
    """The path of a file of Croupier, from its package on."""
    root = next(root for root in ROOTS if file.startswith(root))
    return str(Path(file).relative_to(Path(root).parent))


def measure(folder: Path, warmup: int, events: int, opens: int) -> dict[str, list[Calls]]:
    """Count the calls of every event after the warm-up, and of every opening of the resulting store."""
    url = f"sqlite:///{folder / 'calls.db'}"
    found: dict[str, list[Calls]] = {"choose": [], "reward": [], "open": []}
    rng = np.random.default_rng(7)
    with Engine.open(url, seed=7) as engine:
        for n in range(warmup + events):
            context = {f"x{k}": float(value) for k, value in enumerate(rng.normal(size=FEATURES))}
            decision, chosen = count_calls(engine.choose, context, ACTIONS)
            value = float(rng.random() < 0.3)
            _, rewarded = count_calls(engine.reward, decision.id, value)
            if n >= warmup:
                found["choose"].append(chosen)
                found["reward"].append(rewarded)
    for n in range(opens + 1):
        engine, opened = count_calls(Engine.open, url)
        engine.close()
        if n:  # the first compiles and imports what only opening needs
            found["open"].append(opened)
    return found


def main(
    warmup: Annotated[int, typer.Option(min=1, help="Events before those that are counted.")] = 300,
    events: Annotated[int, typer.Option(min=1, help="Events that are counted; medians are printed.")] = 200,
    opens: Annotated[int, typer.Option(min=1, help="How often the store is opened.")] = 5,
    json_file: JsonFile = None,
) -> None:
    """Count the files and Python calls that choose, reward and open run through."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), warmup, events, opens)
    title = f"Default policy, SQLite, {len(ACTIONS)} actions, mappings of {FEATURES} numbers, Python {PYTHON}"
    columns = ("", "files of Croupier", "functions in them", "calls of these", "all Python calls")
    rows = [(name, *(f"{value:g}" for value in summary(runs).values())) for name, runs in found.items()]
    console().print(table(title, columns, rows))
    results = {name: {**summary(runs), "by_file": files(runs)} for name, runs in found.items()}
    write_json(json_file, {"warmup": warmup, "events": events, "opens": opens}, results)
