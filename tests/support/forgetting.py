"""Kills a process that forgets a unit, opens the store again, and searches the bytes of its files for the unit.

The unit's id is in everything that is the unit's: decisions and their ids, contexts, keys of rewards, observations with
their attributes, actions that only it was shown, the features of the state, and snapshots.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import make_url

from croupier import Engine, StoreInUse, verify
from support.postgres import Server

UNIT = "FORGET-ME-7f3a9"
CHILD = """
import sys
from croupier import Engine, Features
url, unit, facts = sys.argv[1], sys.argv[2], int(sys.argv[3])
engine = Engine.open(url, seed=7, features=Features(), durability="commit" if facts < 0 else "group")
for n in range(abs(facts)):
    who = unit if n % 5 == 2 else f"u{n % 9}"
    engine.observe(who, "view", f"i{n % 4}", key=f"seen {who} {n}", by=who)
    shown = ["a", "b", f"only {who}"]
    decision = engine.choose({"x": float(n % 13), "who": who}, shown, unit=who, id=f"{who} {n}")
    if n % 3:
        engine.reward(decision.id, float(n % 2), key=f"paid {who} {n}")
    if n % 40 == 39:
        engine.snapshots.take()
engine.flush()
print("begins", flush=True)
sys.stdin.readline()
engine.forget(unit)
print("returned", flush=True)
sys.stdin.readline()
"""


class Ended(NamedTuple):
    """How a run ended: whether `forget` had returned, whether it had not begun, and how long it was let run."""

    returned: bool
    not_begun: bool
    seconds: float


def forget_and_kill(url: str, seconds: float | None, files: Callable[[], bytes], facts: int = 120) -> Ended:
    """Kill a process that forgets a unit, and search.

    Args:
        url: A new store.
        seconds: How long after the call it is killed; None for after its return.
        files: Returns the bytes of all files of the store.
        facts: How many decisions the log has.

    Raises:
        AssertionError: Bytes of the unit are left, or the log does not verify.
    """
    command = [sys.executable, "-c", CHILD, url, UNIT, str(facts)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "begins\n"
        assert UNIT.encode() in files(), "the search finds nothing, whatever there is"
        began = time.monotonic()
        child.stdin.write("\n")
        child.stdin.flush()
        if seconds is None:
            assert child.stdout.readline() == "returned\n"
        else:
            time.sleep(seconds)
        took = time.monotonic() - began
    finally:
        os.kill(child.pid, signal.SIGKILL)
        rest = child.communicate()[0]
    returned = seconds is None or "returned" in rest
    if returned:
        assert UNIT.encode() not in files(), "forget had returned, and bytes of the unit are left"
    with _reopened(url) as engine:
        not_begun = UNIT in engine._loop.storage.settings() or any(
            fact.unit == UNIT for fact in engine._loop.storage.facts()
        )
        if not_begun:  # the process was killed before the call had written anything
            assert not returned
            assert engine.forget(UNIT) > 0
    assert UNIT.encode() not in files(), f"bytes of the unit are left after a kill at {took:.3f} s"
    found = verify(url)
    assert found.sound, found.difference
    assert found.erased > 0
    return Ended(returned, not_begun, took)


def folder_bytes(folder: Path) -> bytes:
    """The bytes of every file in a folder."""
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file())


def database_bytes(server: Server, url: str) -> bytes:
    """The bytes of every file of a PostgreSQL database, once the server has written them."""
    server.run("CHECKPOINT")
    name = make_url(url).database
    ((folder, number),) = server.run(
        f"SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = '{name}'"  # noqa: S608 (ours)
    )
    return folder_bytes(Path(folder, "base", str(number)))


def _reopened(url: str) -> Engine:
    """The store, opened once the lease of the killed process has been released."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return Engine.open(url)
        except StoreInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
