"""The arithmetic of `SoftmaxPolicy`, without a log, beside a C kernel of the same policy and Vowpal Wabbit.

All contenders get the same events in the same run and take turns in short rounds; figures are medians over the rounds
of the mean time of one choice, draw and learning step. It is processor time, not elapsed time: nothing here waits, and
on a busy machine elapsed time would include other processes. The C source is `ridge_softmax.c`, compiled for the CPU of
this machine; its probabilities are first compared with ours. It is timed twice: called from Python for every choice and
every learning step, as ours is, and in a loop of its own, as an application in C would run it.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import thread_time
from typing import Annotated, NamedTuple, Protocol, TypeAlias

import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table

from bench.contenders import VowpalWabbitReused
from bench.loop import FEATURES, Events, simulate
from bench.output import JsonFile, console, table, turns, write_json
from bench.timing import RATIO, ratio, take_turns, timed
from croupier_policies import Actions, SoftmaxPolicy, Vector, draw

SOURCE = Path(__file__).with_name("ridge_softmax.c")
FLAGS = ("-O3", "-march=native", "-shared", "-fPIC")
TOLERANCE = 1e-9
OURS, CALLED, ALONE = "Croupier", "C, called from Python", "C, in a loop"
SQUARED, UNSQUARED = "Croupier, model with squares chosen", "Croupier, squares=False"
Times: TypeAlias = dict[str, float]  # µs of one event, by contender


class Round(NamedTuple):
    """The events of a round, and the uniform numbers to draw with, (n,)."""

    events: Events
    u: Vector


class Runner(Protocol):
    """A contender."""

    def run(self, events: Events, u: Vector) -> None:
        """Choose, draw and learn, event by event."""


def compile_kernel(folder: Path) -> ctypes.CDLL | None:
    """Compile the C kernel and load it; None if there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    path = folder / "ridge_softmax.so"
    subprocess.run([compiler, *FLAGS, "-o", str(path), str(SOURCE), "-lm"], check=True)  # noqa: S603 # our own source
    library = ctypes.CDLL(str(path))
    pointer, number = ctypes.c_void_p, ctypes.c_int
    library.policy_new.restype, library.policy_new.argtypes = pointer, [number, number]
    library.policy_free.restype, library.policy_free.argtypes = None, [pointer]
    library.policy_choose.restype, library.policy_choose.argtypes = None, [pointer, pointer, pointer]
    library.policy_learn.restype = None
    library.policy_learn.argtypes = [pointer, pointer, number, ctypes.c_double]
    library.policy_run.restype, library.policy_run.argtypes = None, [pointer, number, *[pointer] * 4]
    return library


class Ours:
    """A policy of Croupier, called as an application would."""

    def __init__(self, policy: SoftmaxPolicy, actions: int) -> None:
        self.policy, self.actions = policy, Actions(tuple(f"a{k}" for k in range(actions)))

    def run(self, events: Events, u: Vector) -> None:
        """Choose, draw and learn, event by event."""
        for x, clicks, number in zip(*events, u.tolist(), strict=True):
            p = self.policy.probabilities(x, self.actions)
            k = draw(p, number)
            self.policy.learn(x, self.actions, k, float(clicks[k]), float(p[k]))


class Squares(Ours):
    """The default policy while it uses its model with squares, the more expensive of the two."""

    def run(self, events: Events, u: Vector) -> None:
        """Choose, draw and learn, after setting the loss of the model without squares to infinity."""
        self.policy.model._losses[0] = float("inf")  # type: ignore[attr-defined] # a bank's
        super().run(events, u)


class Kernel:
    """The C kernel."""

    def __init__(self, library: ctypes.CDLL, actions: int) -> None:
        self.library, self.pi = library, np.empty(actions)
        self.handle = library.policy_new(FEATURES, actions)

    def probabilities(self, x: Vector) -> Vector:
        """π of one context, in a vector that the next call overwrites."""
        self.library.policy_choose(self.handle, x.ctypes.data, self.pi.ctypes.data)
        return self.pi

    def close(self) -> None:
        """Free its memory."""
        self.library.policy_free(self.handle)


class Called(Kernel):
    """Called for every choice and every learning step; addresses are computed beforehand."""

    def run(self, events: Events, u: Vector) -> None:
        """Choose, draw and learn, event by event."""
        choose, learn, handle, pi, out = (
            self.library.policy_choose, self.library.policy_learn, self.handle, self.pi, self.pi.ctypes.data
        )  # fmt: skip
        width, at = events.contexts.strides[0], events.contexts.ctypes.data
        for t, number in enumerate(u.tolist()):
            choose(handle, at + t * width, out)
            k = draw(pi, number)
            learn(handle, at + t * width, k, float(events.clicks[t, k]))


class Alone(Kernel):
    """All events in one call."""

    def run(self, events: Events, u: Vector) -> None:
        """Choose, draw and learn in C."""
        rewards = events.clicks.astype(np.float64)
        addresses = [array.ctypes.data for array in (events.contexts, u, rewards, self.pi)]
        self.library.policy_run(self.handle, len(u), *addresses)


class VowpalWabbit:
    """Vowpal Wabbit with reused examples, the fastest way that we found through its Python binding."""

    def __init__(self, actions: int) -> None:
        self.names = [f"a{k}" for k in range(actions)]
        self.peer = VowpalWabbitReused(self.names, Path())
        self.indices = {name: k for k, name in enumerate(self.names)}

    def run(self, events: Events, u: Vector) -> None:
        """Choose, draw and learn, event by event; it draws with its own numbers."""
        for x, clicks in zip(*events, strict=True):
            id, action = self.peer.choose(x)
            self.peer.reward(id, float(clicks[self.indices[action]]))


def check(library: ctypes.CDLL, actions: int, events: int = 500) -> float:
    """The largest difference between our probabilities and those of the C kernel. Raises ValueError above 1e-9."""
    ours, kernel, largest = Ours(SoftmaxPolicy(), actions), Kernel(library, actions), 0.0
    for x, clicks, u in zip(*simulate(actions, events, 0), uniforms(events, 0).tolist(), strict=True):
        p = ours.policy.probabilities(x, ours.actions)
        largest = max(largest, float(np.abs(p - kernel.probabilities(x)).max()))
        k = draw(p, u)
        ours.policy.learn(x, ours.actions, k, float(clicks[k]), float(p[k]))
        library.policy_learn(kernel.handle, x.ctypes.data, k, float(clicks[k]))
    kernel.close()
    if not largest <= TOLERANCE:
        raise ValueError(
            f"the C kernel's probabilities differ from ours by {largest}: timing it would compare another policy. "
            "Compare ridge_softmax.c with the default policy."
        )
    return largest


def uniforms(count: int, number: int) -> NDArray[np.float64]:
    """The numbers of a round to draw with, uniform on [0, 1)."""
    return np.random.default_rng((3, number)).random(count)


def measure(actions: int, library: ctypes.CDLL | None, rounds: int, events: int, tick: Callable[[str], None]) -> Times:
    """Microseconds of one event of each contender: the median over the rounds after a warm-up round."""
    runners: dict[str, Runner] = {
        OURS: Ours(SoftmaxPolicy(), actions),
        SQUARED: Squares(SoftmaxPolicy(), actions),
        UNSQUARED: Ours(SoftmaxPolicy(squares=False), actions),
    }
    if library is not None:
        runners |= {CALLED: Called(library, actions), ALONE: Alone(library, actions)}
    if find_spec(VowpalWabbitReused.package):
        runners[VowpalWabbitReused.name] = VowpalWabbit(actions)

    def inputs() -> Iterator[Round]:
        for number in range(rounds + 1):
            count = events if number else max(events, 2 * actions)  # so that every action has been learned
            yield Round(simulate(actions, count, number), uniforms(count, number))

    times = take_turns(
        {name: partial(_microseconds, runner) for name, runner in runners.items()},
        inputs(),
        tick=lambda name: tick(f"{actions} actions: {name}"),
    )
    return {name: median(each) for name, each in times.items()}


def _microseconds(runner: Runner, turn: Round) -> float:
    """Processor time of one event."""
    return 1e6 * timed(lambda: runner.run(*turn), thread_time).seconds / len(turn.u)


def as_table(found: dict[int, Times]) -> Table:
    """A row for each contender, a column for each number of actions, with the ratio of our time to the contender's."""
    columns = ("contender", *(f"{actions:,} actions" for actions in found))
    rows = [
        (name, *(f"{times[name]:,.1f} ({ratio(times[OURS], times[name])})" for times in found.values()))
        for name in next(iter(found.values()))
    ]
    return table(f"µs of one choice, draw and learning step; in brackets, {RATIO}", columns, rows)


def main(
    actions: Annotated[list[int] | None, typer.Option(help="Number of actions; may be given several times.")] = None,
    events: Annotated[
        int, typer.Option(min=1, help="Events in a round of 10 actions; fewer for more actions.")
    ] = 2_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds that count.")] = 15,
    json_file: JsonFile = None,
) -> None:
    """Time the arithmetic of the default policy: arrays in, nothing logged."""
    screen, sizes = console(), actions or [10, 100, 1000]
    with tempfile.TemporaryDirectory() as folder:
        library = compile_kernel(Path(folder))
        if library is None:
            screen.print("The C kernel is left out: there is no C compiler called cc.")
        else:
            difference = max(check(library, size) for size in sizes)
            screen.print(f"The probabilities of the C kernel differ from ours by at most {difference:.0e}.")
        with turns() as tick:
            found = {size: measure(size, library, rounds, max(100, events * 10 // size), tick) for size in sizes}
    screen.print(as_table(found))
    write_json(json_file, {"features": FEATURES, "rounds": rounds, "events": events}, found)
