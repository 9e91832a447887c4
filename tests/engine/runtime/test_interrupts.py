"""An exception that lands anywhere in a call leaves a store that proves itself, and an engine that goes on."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from croupier import CroupierError, Engine, Features, InputError, Rewards, WrongProcess, verify
from croupier.log.ids import counted
from support.interrupts import Interrupter, interrupt

CONTEXT, ACTIONS = {"device": "mobile", "hour": 9}, ["sale", "new", "plain"]


def pair(engine: Engine, n: int) -> None:
    decision = engine.choose({**CONTEXT, "n": n % 5}, ACTIONS, unit=f"u{n % 3}")
    engine.reward(decision.id, float(decision.action == "sale"), key=f"key-{n}")


@pytest.mark.parametrize("event", ["call", "line"])
@pytest.mark.parametrize("durability", ["group", "commit"])
def test_an_interrupt_anywhere_in_a_pair_leaves_a_sound_log(url: str, durability: Any, event: Any) -> None:
    interrupter, interrupts = Interrupter(event), 0
    with Engine.open(url, seed=7, learner=None, durability=durability, snapshot_every=40) as engine:
        for n in range(60):
            point = 1 + 7 * n
            try:
                with interrupter.at(point):
                    pair(engine, n)
            except KeyboardInterrupt:
                interrupts += 1
            pair(engine, 1000 + n)
    assert interrupts > 20
    found = verify(url)
    assert found.sound, (found.difference, interrupter.where)


VERBS: dict[str, Callable[[Engine, int], object]] = {
    "recommend": lambda engine, n: engine.recommend(k=2, actions=ACTIONS, unit="u"),
    "observe": lambda engine, n: engine.observe("u", "view", "film", key=f"seen-{n}"),
    "correct": lambda engine, n: engine.correct("d1", 0.5),
    "expire": lambda engine, n: engine.expire(10.0 * n),
    "rebase": lambda engine, n: engine.rebase(),
    "snapshot": lambda engine, n: engine.snapshots.take(),
    "forget": lambda engine, n: engine.forget(f"u{n % 3}"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_an_interrupt_in_any_verb_leaves_a_sound_log(url: str, verb: str) -> None:
    interrupter, interrupts = Interrupter(), 0
    rewards, clock = Rewards(window=5.0, default=0.0), [0.0]
    with Engine.open(
        url, seed=7, learner=None, ids=counted(), features=Features(), rewards=rewards, clock=lambda: clock[0]
    ) as engine:
        pair(engine, 0)
        for n in range(1, 12):
            clock[0] = 10.0 * n
            pair(engine, n)
            try:
                with interrupter.at(1 + 4 * n):
                    VERBS[verb](engine, n)
            except KeyboardInterrupt:
                interrupts += 1
            pair(engine, 100 + n)
    assert interrupts > 3
    found = verify(url)
    assert found.sound, (found.difference, interrupter.where)


def test_an_interrupt_before_close_keeps_no_half_learned_snapshot(url: str) -> None:
    interrupter = Interrupter()
    engine = Engine.open(url, seed=7, learner=None)
    for n in range(20):
        pair(engine, n)
    for point in range(60, 200, 9):
        try:
            with interrupter.at(point):
                pair(engine, point)
        except KeyboardInterrupt:
            break
    engine.close()
    assert verify(url).sound
    with Engine.open(url) as engine:
        pair(engine, 1000)
    assert verify(url).sound


LEFT_OPEN = """
import sys
from croupier import Engine
engine = Engine.open(sys.argv[1], seed=7, learner=None)
for n in range(50):
    engine.reward(engine.choose({"x": n}, ["a", "b"]).id, 1.0)
"""


def test_a_normal_exit_without_close_writes_the_tail(url: str) -> None:
    subprocess.run([sys.executable, "-c", LEFT_OPEN, url], check=True, capture_output=True)  # noqa: S603 - ours
    found = verify(url)
    assert found.sound
    assert (found.decisions, found.rewards, found.snapshots) == (50, 50, 1)


def in_child(work: Callable[[], str]) -> str:
    """What a forked child answers; it is killed after 20 seconds."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            answer = work()
        except BaseException as error:
            answer = repr(error)
        os.write(write, answer.encode())
        os._exit(0)
    os.close(write)
    _, status = os.waitpid(child, 0)
    with os.fdopen(read) as answers:
        return answers.read() if status == 0 else f"killed by signal {status}"


CALLS: dict[str, Callable[[Engine], object]] = {
    "choose": lambda engine: engine.choose({}, ["a"]),
    "recommend": lambda engine: engine.recommend(k=1, actions=["a"]),
    "reward": lambda engine: engine.reward("d1", 1.0),
    "observe": lambda engine: engine.observe("u", "view"),
    "flush": lambda engine: engine.flush(),
    "rebase": lambda engine: engine.rebase(),
    "forget": lambda engine: engine.forget("u"),
    "expire": lambda engine: engine.expire(),
    "state_hash": lambda engine: engine.state_hash(),
    "verify": lambda engine: engine.verify(),
    "snapshots": lambda engine: engine.snapshots.list(),
    "experiments": lambda engine: engine.experiments.stop(),
    "shares": lambda engine: engine.experiments.shares,
    "close": lambda engine: engine.close(),
}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("on_store_failure", ["raise", "serve"])
def test_every_call_of_a_forked_child_is_refused_and_the_parent_goes_on(
    url: str, on_store_failure: Literal["raise", "serve"]
) -> None:
    def tries(engine: Engine) -> str:
        for name, call in CALLS.items():
            try:
                call(engine)
            except WrongProcess:
                continue
            return f"{name} was answered"
        return "all refused"

    with Engine.open(url, learner=None, ids=counted(), on_store_failure=on_store_failure) as engine:
        pair(engine, 1)
        assert in_child(lambda: tries(engine)) == "all refused"
        with pytest.raises(CroupierError, match=r"another (writer|engine)"):
            Engine.open(url, learner=None)  # the child took nothing from the parent, its lease neither
        pair(engine, 2)
    assert verify(url).decisions == 2


@pytest.mark.parametrize("taking", [copy.copy, copy.deepcopy, pickle.dumps])
def test_an_engine_is_not_copied(url: str, taking: Callable[[Engine], object]) -> None:
    with Engine.open(url, learner=None) as engine, pytest.raises(InputError, match="one writer"):
        taking(engine)


def test_an_interrupted_process_leaves_a_sound_log(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    interruptible = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell may ignore it
    code = interruptible + LEFT_OPEN.replace("range(50)", "range(10**9)").replace(
        "for n", "print('ready', flush=True)\nfor n"
    )
    for wait in (0.05, 0.13, 0.31):
        process = subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603 - ours
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        interrupt(process)
        found = verify(url)
        assert found.sound, found.difference
