"""Interrupts anywhere in choose and reward, and what the log says afterwards: `python -m proofs.interrupts`.

A trace function raises at the entry of every function, and at every line, in turn, within a choice and its reward; then
real processes get SIGINT. After each series the log must prove itself.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.output import console, turns
from croupier import Engine, verify
from support.interrupts import Interrupter, interrupt

SERIES = 50  # interrupts of one store
WORK = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
from croupier import Engine
with Engine.open(sys.argv[1], seed=7, durability=sys.argv[2], snapshot_every=500) as engine:
    print("ready", flush=True)
    for n in range(10**9):
        decision = engine.choose({"device": "mobile", "hour": n % 24}, ["sale", "new", "plain"], unit=f"u{n % 9}")
        engine.reward(decision.id, float(decision.action == "sale"), key=f"k{n}")
"""


def series(url: str, durability: Any, event: Any, first: int) -> tuple[int, str | None]:
    """Interrupts at consecutive points of a pair; how many landed, and the first difference that `verify` finds."""
    interrupter, landed = Interrupter(event), 0
    with Engine.open(url, seed=7, learner=None, durability=durability, snapshot_every=100) as engine:
        for n in range(SERIES):
            try:
                with interrupter.at(first + n):
                    _pair(engine, n)
            except KeyboardInterrupt:
                landed += 1
            _pair(engine, SERIES + n)
    return landed, verify(url).difference


def _pair(engine: Engine, n: int) -> None:
    decision = engine.choose({"device": "mobile", "hour": n % 24}, ["sale", "new", "plain"], unit=f"u{n % 9}")
    engine.reward(decision.id, float(decision.action == "sale"), key=f"k{n}")


def signalled(url: str, durability: str, rng: random.Random) -> str | None:
    """SIGINT to a process at a random moment; the first difference that `verify` finds."""
    process = subprocess.Popen(  # noqa: S603 - this program
        [sys.executable, "-c", WORK, url, durability], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    if process.stdout is not None:
        process.stdout.readline()
    time.sleep(rng.expovariate(5.0))
    interrupt(process)
    return verify(url).difference


def main(
    interrupts: Annotated[int, typer.Option(help="Interrupts by a trace function, about.")] = 2_000,
    signals: Annotated[int, typer.Option(help="Processes that get SIGINT.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the points and moments.")] = 1,
) -> None:
    """Interrupt choices and rewards, and check what their stores hold."""
    rng, screen, landed, unsound = random.Random(seed), console(), 0, []  # noqa: S311 - moments, not secrets
    kinds = [(durability, event) for durability in ("group", "commit") for event in ("call", "line")]
    with tempfile.TemporaryDirectory() as folder, turns() as tick:
        for number in range(-(-interrupts // SERIES)):
            durability, event = kinds[number % 4]
            tick(f"{landed} interrupts")
            points = 400 if event == "call" else 1_500  # about as many as a pair has
            found, difference = series(
                f"sqlite:///{Path(folder) / f'{number}.db'}", durability, event, rng.randrange(1, points)
            )
            landed += found
            unsound += [difference] if difference is not None else []
        for number in range(signals):
            tick(f"{number} signals")
            difference = signalled(f"sqlite:///{Path(folder) / f's{number}.db'}", kinds[number % 4][0], rng)
            unsound += [difference] if difference is not None else []
    screen.print(f"{landed:,} interrupts by a trace function and {signals} by SIGINT: {len(unsound)} stores unsound")
    for difference in unsound:
        screen.print(f"  {difference}", markup=False)
    raise typer.Exit(int(bool(unsound)))


if __name__ == "__main__":
    typer.run(main)
