"""Kills writing processes, on SQLite and PostgreSQL and in both modes of durability: `python -m proofs.crash`.

`support.crash` says what a run checks; the first check that fails ends the program.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from bench.output import console
from support.crash import MODES, crash
from support.postgres import serving


def main(
    runs: Annotated[int, typer.Option(help="Runs of each back end in each mode.")] = 25,
    postgres: Annotated[str | None, typer.Option(help="URL of a PostgreSQL server; by default one is started.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the moments at which processes are killed.")] = 1,
) -> None:
    """Kill writing processes and check what their stores hold."""
    rng, screen = random.Random(seed), console()  # noqa: S311 - moments, not secrets
    plan = [(backend, mode) for _ in range(runs) for backend in ("sqlite", "postgresql") for mode in MODES]
    totals: dict[tuple[str, str], Counter[str]] = {key: Counter() for key in plan}
    with serving(postgres) as server:
        for number, (backend, mode) in enumerate(track(plan, "killing", console=screen, transient=True), 1):
            with ExitStack() as stack:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                sqlite = backend == "sqlite"
                url = f"sqlite:///{folder}/store.db" if sqlite else stack.enter_context(server.database())
                result = crash(url, mode, rng.expovariate(4.0), folder)
            totals[backend, mode].update(runs=1, **result._asdict())
            if number == len(plan) or (not screen.is_terminal and number % 40 == 0):
                _print_totals(screen, totals)


def _print_totals(screen: Console, totals: dict[tuple[str, str], Counter[str]]) -> None:
    """The sums over the runs so far."""
    for (backend, mode), total in totals.items():
        screen.print(f"{backend:10} {mode:6} " + ", ".join(f"{total[key]:,} {key}" for key in total))


if __name__ == "__main__":
    typer.run(main)
