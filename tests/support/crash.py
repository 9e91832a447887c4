"""Kills a process that writes to a store, and compares what it had acknowledged with what the store holds.

A run starts a process that chooses, rewards, corrects and takes snapshots on two threads, ends it with SIGKILL after a
given time, and checks that every row is whole and in its place; that no acknowledged fact is missing in "commit" mode,
and in "group" mode at most as many as the queue holds, none older than a second; that the reopened state equals the
fold of the log; and that `verify` finds the store sound.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from croupier import Engine, StoreInUse, verify
from croupier_storage import Fact, open_storage

MODES = ("group", "commit")
QUEUE = 4096
OLDEST = 1.0  # seconds: acknowledged facts that "group" mode may lose are younger
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
    """A fact that the process had acknowledged before it was killed."""

    kind: str
    position: int
    id: str
    at: float


class Crash(NamedTuple):
    """Counts of one run: facts in the store, acknowledged facts, and acknowledged facts that are missing."""

    stored: int
    acknowledged: int
    missing: int


def crash(url: str, durability: str, seconds: float, folder: Path) -> Crash:
    """Kill a writing process once.

    Args:
        url: A new store.
        durability: One of `MODES`.
        seconds: How long the process writes before it is killed.
        folder: Where its acknowledgements are recorded.

    Raises:
        AssertionError: The store does not hold what it must.
    """
    record = folder / "acknowledged"
    with record.open("wb") as out:
        command = [sys.executable, "-c", CHILD, url, durability, str(QUEUE)]
        child = subprocess.Popen(command, stdout=out)  # noqa: S603 - our own program
        try:
            _wait_until_busy(record, child)
            time.sleep(seconds)
        finally:
            os.kill(child.pid, signal.SIGKILL)
            killed = time.monotonic()
            child.wait()
    lines = _read(record)
    facts = _facts(url)
    missing = [line for line in lines if not _is_stored(line, facts)]
    _check_missing(missing, durability, killed)
    _check_state(url, len(facts))
    return Crash(len(facts), len(lines), len(missing))


def _wait_until_busy(record: Path, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while record.stat().st_size < 2000:
        if child.poll() is not None or time.monotonic() > deadline:
            raise AssertionError("the process exited by itself, or wrote nothing for a minute")
        time.sleep(0.002)


def _read(record: Path) -> list[Acknowledged]:
    lines = record.read_text().splitlines(keepends=True)
    fields = (line.split() for line in lines if line.endswith("\n"))
    return [Acknowledged(kind, int(position), id, float(at)) for kind, position, id, at in fields]


def _facts(url: str) -> dict[int, Fact]:
    with open_storage(url, create=False, read_only=True) as storage:
        damaged = list(storage.damaged_positions())
        if damaged:
            raise AssertionError(f"rows damaged or missing at {damaged[:5]}")
        return {fact.position: fact for fact in storage.facts()}


def _is_stored(line: Acknowledged, facts: dict[int, Fact]) -> bool:
    """Whether a fact is in the store. Raises AssertionError if another fact is at its position."""
    fact = facts.get(line.position)
    if fact is None:
        return False
    decision = fact if fact.kind == "decision" else facts[fact.decision or 0]
    if (fact.kind, decision.id) != (line.kind, line.id):
        raise AssertionError(f"{line} was acknowledged, but {fact} is at its position")
    return True


def _check_missing(missing: list[Acknowledged], durability: str, killed: float) -> None:
    if durability == "commit" and missing:
        raise AssertionError(f"acknowledged but missing: {missing[:3]}")
    if len(missing) > QUEUE:
        raise AssertionError(
            f"{len(missing)} acknowledged facts are missing, more than the {QUEUE} that the queue holds"
        )
    old = [line for line in missing if killed - line.at > OLDEST]
    if old:
        raise AssertionError(f"acknowledged {killed - old[0].at:.2f} s before the kill, but missing: {old[0]}")


def _check_state(url: str, facts: int) -> None:
    verification = verify(url)
    if not verification.sound:
        raise AssertionError(verification.difference)
    with _reopened(url) as engine:
        if (engine.position, engine.state_hash()) != (facts, verification.state_hash):
            raise AssertionError("the reopened state is not the fold of the log")
        engine.rebase()
        engine.choose({"x": 1.0, "who": "after"}, ["a"])
    if not verify(url).sound:
        raise AssertionError("the log that was continued after the crash does not verify")


def _reopened(url: str) -> Engine:
    """The store, opened once the lease of the killed process has been released."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return Engine.open(url, learner=None)
        except StoreInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
