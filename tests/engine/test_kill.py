"""The process is really killed, and what it had acknowledged is really there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from croupier import Engine, verify
from croupier_storage import Kind, open_storage

CHILD = """
import os, sys
from croupier import Engine
engine = Engine.open(sys.argv[1], durability="commit", learner=None, snapshot_every=40)
n = 0
while True:
    decision = engine.choose({"x": float(n % 13), "s": str(n % 3)}, ["a", "b", "c"])
    os.write(1, f"d {decision.position} {decision.id}\\n".encode())
    outcome = engine.reward(decision.id, float(n % 2))
    os.write(1, f"r {outcome.position} {decision.id}\\n".encode())
    n += 1
"""


@pytest.mark.parametrize("attempt", range(5))
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, attempt: int) -> None:
    url, heard = f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "heard"
    with heard.open("wb") as out:
        child = subprocess.Popen([sys.executable, "-c", CHILD, url], stdout=out)  # noqa: S603 - our own program
        _wait_for(lambda: heard.stat().st_size > 2000 * (attempt + 1), child)
        time.sleep(0.007 * attempt)
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    lines = [line.split() for line in heard.read_text().splitlines(keepends=True) if line.endswith("\n")]
    assert len(lines) > 20
    with open_storage(url, create=False, read_only=True) as storage:
        facts = {fact.position: fact for fact in storage.facts()}
        assert not list(storage.damaged())
    for kind, position, id in lines:
        fact = facts[int(position)]
        named = fact if kind == "d" else facts[fact.decision or 0]
        assert (fact.kind, named.id) == (Kind.DECISION if kind == "d" else Kind.REWARD, id)
    assert len(facts) - int(lines[-1][1]) <= 1, "at most the call in flight was not acknowledged"
    found = verify(url)
    assert found.sound, found.difference
    with Engine.open(url, durability="commit", learner=None) as engine:
        assert (engine.position, engine.state_hash()) == (len(facts), found.state_hash)
        engine.choose({"x": 1.0, "s": "0"}, ["a"])


def _wait_for(ready: object, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not ready():  # type: ignore[operator] # a callable of the caller's
        assert child.poll() is None, "the child ended by itself"
        assert time.monotonic() < deadline, "the child did too little in a minute"
        time.sleep(0.002)
