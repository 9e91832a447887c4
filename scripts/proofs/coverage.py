"""Coverage of the intervals over many simulated logs of a policy that learns: `python -m proofs.coverage --runs 400`.

`support.coverage` says how logs are simulated and what counts as a miss.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.output import console, table
from croupier.evaluation.intervals import INTERVALS
from support.coverage import FIXED, SEQUENCES, Miss, run

COLUMNS = ("target", "interval", "estimator", "passed", "missed last", "of passed", "missed ever", "width")


def as_table(misses: list[Miss], runs: int, title: str) -> Table:
    """Fractions of misses by target, interval and estimator, and the median width at the end."""
    rows = []
    for key in sorted({each[:3] for each in misses}):
        own = [each for each in misses if each[:3] == key]
        passed = [each for each in own if each.passed]
        of_passed = f"{np.mean([each.last for each in passed]):.1%}" if passed else "none"
        last, ever = (f"{np.mean([getattr(each, name) for each in own]):.1%}" for name in ("last", "ever"))
        width = f"{np.median([each.width for each in own]):.4f}"
        rows.append((*key, f"{len(passed) / runs:.0%}", last, of_passed, ever, width))
    return table(title, COLUMNS, rows, left=3)


def main(
    runs: Annotated[int, typer.Option(help="Logs for each mean reward.")] = 200,
    n: Annotated[int, typer.Option(help="Decisions in each log.")] = 20_000,
    epsilon: Annotated[float, typer.Option(help="Exploration floor of the logging policy.")] = 0.01,
    processes: Annotated[int, typer.Option(help="Number of processes.")] = 1,
    mean: Annotated[list[float] | None, typer.Option(help="Mean reward; may be given several times.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help=f"Interval to check: {', '.join(INTERVALS)}.")] = None,
) -> None:
    """Simulate logs and print how often each interval missed the truth; at most 5 % is allowed."""
    kinds, stderr = tuple(kind or FIXED + SEQUENCES), Console(stderr=True)
    for rate in mean or (0.3, 0.03):
        simulate = partial(run, mean=rate, n=n, epsilon=epsilon, kinds=kinds)
        with ProcessPoolExecutor(processes) as pool:
            results = track(pool.map(simulate, range(runs)), f"mean {rate:g}", runs, console=stderr)
            misses = [miss for result in results for miss in result]
        title = f"{runs} logs of {n:,} decisions, mean reward about {rate:g}, ε = {epsilon:g}"
        console(110).print(as_table(misses, runs, title))


if __name__ == "__main__":
    typer.run(main)
