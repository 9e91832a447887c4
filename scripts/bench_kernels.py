"""The arithmetic of the default policy, without a log: beside a C kernel of the same law, and Vowpal Wabbit.

Every contender meets the same events in the same run, by turns in short rounds; figures are medians over the rounds of
the mean time of one choice, draw and lesson. It is the time of the processor, not of the clock: nothing here waits, and
on a busy machine the clock would count the others. The C source is `ridge_softmax.c`, compiled here for this machine's
CPU; its probabilities are first held to ours. It is timed twice: called from Python for every choice and every lesson,
as ours is, and in a loop of its own, as an application in C would run it.
"""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import thread_time
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench_loop import FEATURES, Events, happen, machine
from bench_peers import VowpalWabbitReused
from croupier_policies import Actions, SoftmaxPolicy, Vector, draw

SOURCE = Path(__file__).with_name("ridge_softmax.c")
FLAGS = ("-O3", "-march=native", "-shared", "-fPIC")
TOLERANCE = 1e-9
OURS, CALLED, ALONE = "Croupier", "C, called from Python", "C, in a loop"
SQUARED, PLAIN = "Croupier, squares asked", "Croupier, squares=False"
DOUBLES = ctypes.POINTER(ctypes.c_double)


def compiled(folder: Path) -> ctypes.CDLL | None:
    """The C kernel as a library, or None where there is no compiler."""
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
    """A policy of this library, driven as an application would."""

    def __init__(self, policy: SoftmaxPolicy, actions: int) -> None:
        self.policy, self.actions = policy, Actions(tuple(f"a{k}" for k in range(actions)))

    def run(self, events: Events, u: Vector) -> None:
        """Choose, draw and learn, event by event."""
        for x, clicks, number in zip(*events, u.tolist(), strict=True):
            p = self.policy.probabilities(x, self.actions)
            k = draw(p, number)
            self.policy.learn(x, self.actions, k, float(clicks[k]), float(p[k]))


class Squares(Ours):
    """The default where the model with squares is the one that is asked: what tables of measurements cost."""

    def run(self, events: Events, u: Vector) -> None:
        """As ever, with the plain model's errors made endless."""
        self.policy.model._losses[0] = float("inf")  # type: ignore[attr-defined] # a bank's
        super().run(events, u)


class Kernel:
    """The C kernel."""

    def __init__(self, library: ctypes.CDLL, actions: int) -> None:
        self.library, self.pi = library, np.empty(actions)
        self.held = library.policy_new(FEATURES, actions)

    def probabilities(self, x: Vector) -> Vector:
        """π of one context, in a vector that is written over the next time."""
        self.library.policy_choose(self.held, x.ctypes.data, self.pi.ctypes.data)
        return self.pi

    def close(self) -> None:
        """Give its memory back."""
        self.library.policy_free(self.held)


class Called(Kernel):
    """Called for every choice and every lesson; addresses are computed beforehand."""

    def run(self, events: Events, u: Vector) -> None:
        """As ours."""
        choose, learn, held, pi, out = (
            self.library.policy_choose, self.library.policy_learn, self.held, self.pi, self.pi.ctypes.data
        )  # fmt: skip
        width, at = events.contexts.strides[0], events.contexts.ctypes.data
        for t, number in enumerate(u.tolist()):
            choose(held, at + t * width, out)
            k = draw(pi, number)
            learn(held, at + t * width, k, float(events.clicks[t, k]))


class Alone(Kernel):
    """All events in one call."""

    def run(self, events: Events, u: Vector) -> None:
        """As ours."""
        rewards = events.clicks.astype(np.float64)
        addresses = [array.ctypes.data for array in (events.contexts, u, rewards, self.pi)]
        self.library.policy_run(self.held, len(u), *addresses)


class Peer:
    """Vowpal Wabbit with reused examples, the fastest way that we found through its binding."""

    def __init__(self, actions: int) -> None:
        self.names = [f"a{k}" for k in range(actions)]
        self.peer, self.places = VowpalWabbitReused(self.names, Path()), {name: k for k, name in enumerate(self.names)}

    def run(self, events: Events, u: Vector) -> None:
        """As ours; it draws its own numbers."""
        for x, clicks in zip(*events, strict=True):
            id, action = self.peer.choose(x)
            self.peer.reward(id, float(clicks[self.places[action]]))


def check(library: ctypes.CDLL, actions: int, events: int = 500) -> float:
    """The largest difference between our probabilities and the C kernel's. Raises ValueError over 1e-9."""
    ours, kernel, largest = Ours(SoftmaxPolicy(), actions), Kernel(library, actions), 0.0
    for x, clicks, u in zip(*happen(actions, events, 0), uniforms(events, 0).tolist(), strict=True):
        p = ours.policy.probabilities(x, ours.actions)
        largest = max(largest, float(np.abs(p - kernel.probabilities(x)).max()))
        k = draw(p, u)
        ours.policy.learn(x, ours.actions, k, float(clicks[k]), float(p[k]))
        library.policy_learn(kernel.held, x.ctypes.data, k, float(clicks[k]))
    kernel.close()
    if not largest <= TOLERANCE:
        raise ValueError(f"the C kernel's probabilities differ by {largest}: timing it would compare another law")
    return largest


def uniforms(count: int, number: int) -> NDArray[np.float64]:
    """The numbers that are drawn with."""
    return np.random.default_rng((3, number)).random(count)


def measure(actions: int, library: ctypes.CDLL | None, rounds: int, events: int, tick: Callable[[str], None]) -> Any:
    """Microseconds of one event by contender: the median over rounds, after one that warms up."""
    runners: dict[str, Any] = {
        OURS: Ours(SoftmaxPolicy(), actions),
        SQUARED: Squares(SoftmaxPolicy(), actions),
        PLAIN: Ours(SoftmaxPolicy(squares=False), actions),
    }
    if library is not None:
        runners |= {CALLED: Called(library, actions), ALONE: Alone(library, actions)}
    if find_spec(VowpalWabbitReused.package):
        runners[VowpalWabbitReused.name] = Peer(actions)
    times: dict[str, list[float]] = {name: [] for name in runners}
    for number in range(rounds + 1):
        count = events if number else max(events, 2 * actions)  # at first, so that every action has been learned
        happened, u = happen(actions, count, number), uniforms(count, number)
        for name, runner in runners.items():
            tick(f"{actions} actions: {name}")
            began = thread_time()
            runner.run(happened, u)
            times[name].append(1e6 * (thread_time() - began) / count)
    return {name: float(np.median(taken[1:])) for name, taken in times.items()}


def table(found: dict[int, dict[str, float]]) -> Table:
    """A row for each contender, a column for each number of actions, with the ratio of ours to it."""
    shown = Table(title="µs of one choice, draw and lesson; in brackets, ours over theirs", title_justify="left")
    shown.add_column("contender")
    for actions in found:
        shown.add_column(f"{actions} actions", justify="right")
    for name in next(iter(found.values())):
        shown.add_row(name, *[f"{row[name]:,.1f} ({row[OURS] / row[name]:.2f})" for row in found.values()])
    return shown


def main(
    actions: Annotated[list[int] | None, typer.Option(help="Numbers of actions; give it several times.")] = None,
    events: Annotated[int, typer.Option(min=1, help="Events of a round of 10 actions; fewer for more.")] = 2_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds that the contenders take in turns.")] = 15,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write everything here.")] = None,
) -> None:
    """Time the arithmetic of the default: arrays in, nothing logged."""
    console, sizes = Console(), actions or [10, 100, 1000]
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(Path(folder))
        if library is None:
            console.print("No C compiler called cc is here: the C kernel is left out.")
        else:
            agreed = max(check(library, size) for size in sizes)
            console.print(f"The C kernel's probabilities are ours to within {agreed:.0e}.")
        found = {}
        # Refreshed by hand: a thread of its own would take part in the race.
        with Progress(console=console, transient=True, auto_refresh=False) as progress:
            task = progress.add_task("")

            def tick(what: str) -> None:
                progress.update(task, description=what)
                progress.refresh()

            for size in sizes:
                found[size] = measure(size, library, rounds, max(100, events * 10 // size), tick)
    console.print(table(found))
    if json_file is not None:
        settings = {"features": FEATURES, "rounds": rounds, "events": events}
        json_file.write_text(json.dumps({"machine": machine(), "settings": settings, "us": found}, indent=2))
