"""Kills processes that forget a unit, on SQLite and PostgreSQL: `python -m proofs.forgetting`.

`support.forgetting` says what a run checks; the first check that fails ends the program.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from bench.output import console
from support.forgetting import Ended, database_bytes, folder_bytes, forget_and_kill
from support.postgres import Server, serving


def main(
    runs: Annotated[int, typer.Option(help="Kills on each back end.")] = 50,
    seed: Annotated[int, typer.Option(help="Seed of the moments at which processes are killed.")] = 1,
) -> None:
    """Kill processes within `forget`, and search the files of their stores."""
    rng, screen = random.Random(seed), console()  # noqa: S311 - moments, not secrets
    with serving() as server:
        for backend in ("sqlite", "postgresql"):
            whole = run(server, backend, None).seconds
            ends: Counter[str] = Counter()
            for _ in track(range(runs), backend, console=screen, transient=True):
                ended = run(server, backend, rng.uniform(0, whole))
                ends["returned" if ended.returned else "not begun" if ended.not_begun else "within"] += 1
            screen.print(
                f"{backend}: forget takes {whole:.2f} s; killed {runs} times, {ends['not begun']} before it wrote "
                f"anything, {ends['within']} within, {ends['returned']} after its return: no byte of the unit is left"
            )


def run(server: Server, backend: str, seconds: float | None) -> Ended:
    """One run on a new store."""
    with ExitStack() as stack:
        if backend == "sqlite":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            return forget_and_kill(f"sqlite:///{folder}/store.db", seconds, lambda: folder_bytes(folder))
        url = stack.enter_context(server.database())
        return forget_and_kill(url, seconds, lambda: database_bytes(server, url))


if __name__ == "__main__":
    typer.run(main)
