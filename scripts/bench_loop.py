"""How long a choice and a reward take, and how many a second: Croupier beside Vowpal Wabbit and gittins.

Every contender sees the same contexts in the same run, by turns in short rounds; figures are medians over the rounds,
since machines are noisy. The first rounds reward every decision at once, the later ones only after many others.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench_peers import Contender, CroupierGroup, VowpalWabbitReused, installed

FEATURES = 20
SEED = 7
BASE = -1.4  # the logit of the base rate: a click in five
PERCENTILES = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9}

Result = dict[str, Any]  # one row of the table, as the JSON has it


class Events(NamedTuple):
    """What happens: contexts, (n, d), and whether each action would be clicked, (n, K)."""

    contexts: NDArray[np.float64]
    clicks: NDArray[np.bool_]


class Lap(NamedTuple):
    """One contender's way through one round: seconds of each call and of it all, the end's flush included."""

    choose: list[float]
    reward: list[float]
    seconds: float
    clicks: float


class Plan(NamedTuple):
    """How much to run."""

    rounds: int
    events: int  # in a round
    warm: int  # events before the first round, so that every action has been learned
    late: int  # decisions between a decision and its reward, in the later rounds


def planned(actions: int, rounds: int, events: int, late: int, quick: bool) -> Plan:
    """Fewer events where there are many actions, so that the whole stays within minutes."""
    if quick:
        return Plan(rounds=2, events=200, warm=100, late=100)
    return Plan(rounds, min(events, max(1_000, events * 10 // actions)), max(500, 3 * actions), late)


def happen(actions: int, events: int, number: int) -> Events:
    """Events of a fixed model of clicks: logit = θ_a·x - 1.4, x ~ N(0, I), θ_a ~ N(0, I/d). Each number has its own."""
    theta = np.random.default_rng(SEED).standard_normal((FEATURES, actions)) / FEATURES**0.5
    rng = np.random.default_rng((SEED, number))
    contexts = rng.standard_normal((events, FEATURES))
    chances = 1.0 / (1.0 + np.exp(-BASE - contexts @ theta))
    return Events(contexts, rng.random((events, actions)) < chances)


class Runner:
    """A contender with its decisions that wait for a reward."""

    def __init__(self, contender: Contender, actions: Sequence[str]) -> None:
        self.contender = contender
        self._places = {action: place for place, action in enumerate(actions)}
        self._waiting: deque[tuple[Any, float]] = deque()

    def run(self, events: Events, late: int, share: float = 1.0) -> Lap:
        """Choose for each context of the first `share`; whenever more than `late` decisions wait, reward the oldest."""
        upto = round(share * len(events.contexts))
        events = Events(events.contexts[:upto], events.clicks[:upto])
        gc.collect()  # what others left behind is not to be paid for here; it stays enabled
        started = perf_counter()
        choose, reward, clicks = self._run(events, late)
        self.contender.finish()
        return Lap(choose, reward, perf_counter() - started, clicks)

    def _run(self, events: Events, late: int) -> tuple[list[float], list[float], float]:
        choose: list[float] = []
        reward: list[float] = []
        clicked = 0.0
        contender, places, waiting = self.contender, self._places, self._waiting
        for x, clicks in zip(*events, strict=True):
            before = perf_counter()
            id, action = contender.choose(x)
            choose.append(perf_counter() - before)
            waiting.append((id, float(clicks[places[action]])))
            if len(waiting) > late:
                id, value = waiting.popleft()
                before = perf_counter()
                contender.reward(id, value)
                reward.append(perf_counter() - before)
                clicked += value
        return choose, reward, clicked


def measure(
    actions: int, plan: Plan, kinds: Sequence[type[Contender]], folder: Path, tick: Callable[[str], None]
) -> list[Result]:
    """All rounds for so many actions: those with rewards at once, then those with late ones."""
    names = [f"a{k}" for k in range(actions)]
    runners = [Runner(kind(names, folder), names) for kind in kinds]
    numbers = count()
    try:
        return [
            row
            for late, runs in ((0, runners), (plan.late, [r for r in runners if r.contender.waits]))
            for row in _results(actions, late, plan, runs, numbers, tick)
        ]
    finally:
        for runner in runners:
            runner.contender.close()


def _results(
    actions: int, late: int, plan: Plan, runners: list[Runner], numbers: Iterable[int], tick: Callable[[str], None]
) -> list[Result]:
    """Fill the queue of waiting decisions (or, without one, warm up), then take turns."""
    laps: dict[Runner, list[Lap]] = {runner: [] for runner in runners}
    for round, number in zip(range(plan.rounds + 1), numbers, strict=False):
        events = happen(actions, plan.events if round else late or plan.warm, number)
        for runner in runners:
            tick(f"{actions} actions, rewards {timing(late)}: {runner.contender.name}")
            lap = runner.run(events, late, runner.contender.share if round else 1.0)
            if round:
                laps[runner].append(lap)
    return [_result(actions, late, runner.contender, its) for runner, its in laps.items()]


def _result(actions: int, late: int, contender: Contender, laps: list[Lap]) -> Result:
    """The medians over the rounds."""
    pairs = len(laps[0].reward)
    return {
        "actions": actions,
        "late": late,
        "contender": contender.name,
        "keeps": contender.keeps,
        "pairs_in_a_round": pairs,
        "choose_us": _percentiles([lap.choose for lap in laps]),
        "reward_us": _percentiles([lap.reward for lap in laps]),
        "pairs_per_second": float(np.median([pairs / lap.seconds for lap in laps])),
        "mean_reward": float(np.mean([lap.clicks / pairs for lap in laps])),
    }


def _percentiles(laps: list[list[float]]) -> dict[str, float]:
    found = np.median([np.percentile(lap, list(PERCENTILES.values())) for lap in laps], axis=0)
    return {name: 1e6 * float(seconds) for name, seconds in zip(PERCENTILES, found, strict=True)}


def timing(late: int) -> str:
    """When rewards come, in words."""
    return f"{late:,} decisions late" if late else "at once"


def table(actions: int, late: int, results: list[Result]) -> Table:
    """The rows of one number of actions and one timing."""
    shown = Table(title=f"{actions} actions, rewards {timing(late)}", title_justify="left")
    which = " / ".join(PERCENTILES)
    shown.add_column("contender")
    for column in (f"choose, µs\n{which}", f"reward, µs\n{which}", "pairs\na second"):
        shown.add_column(column, justify="right")
    shown.add_column("kept on disk")
    for row in results:
        times = [" / ".join(f"{row[call][name]:,.0f}" for name in PERCENTILES) for call in ("choose_us", "reward_us")]
        shown.add_row(row["contender"], *times, f"{row['pairs_per_second']:,.0f}", row["keeps"])
    return shown


def sentence(actions: int, late: int, results: list[Result]) -> str | None:
    """Croupier against its strongest opponent, or None where one of them did not run."""
    speed = {row["contender"]: row["pairs_per_second"] for row in results}
    ours, theirs = speed.get(CroupierGroup.name), speed.get(VowpalWabbitReused.name)
    if ours is None or theirs is None:
        return None
    return (
        f"{actions} actions, rewards {timing(late)}: Croupier, durable, serves {ours:,.0f} pairs of choose and reward "
        f"a second, {ours / theirs:.2f} times Vowpal Wabbit with reused examples, which keeps nothing ({theirs:,.0f})."
    )


def machine() -> dict[str, Any]:
    """On what the figures were taken."""
    packages = ["croupier", "numpy", "numba", "sqlalchemy", *sorted({kind.package for kind in installed()[0]})]
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in packages},
    }


def _cpu() -> str:
    """The processor's own name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def bench(
    actions: Annotated[list[int] | None, typer.Option(help="Numbers of actions; give it several times.")] = None,
    events: Annotated[int, typer.Option(min=1, help="Events of a round of 10 actions; fewer for more.")] = 10_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds that the contenders take in turns.")] = 5,
    late: Annotated[int, typer.Option(min=1, help="Decisions between a decision and its late reward.")] = 10_000,
    quick: Annotated[bool, typer.Option(help="A few events only, to see that it runs.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write everything here.")] = None,
) -> None:
    """Time choose and reward: Croupier beside whichever of its peers are installed."""
    console = Console(width=None if sys.stdout.isatty() else 130)
    kinds, missing = installed()
    for kind in missing:
        console.print(f"{kind.name} is left out: the package {kind.package} is not installed")
    sizes = actions or ([10] if quick else [10, 100, 1000])
    plans = {size: planned(size, rounds, events, late, quick) for size in sizes}
    results = _run(plans, kinds, console)
    for size, plan in plans.items():
        for wait in (0, plan.late):
            rows = [row for row in results if (row["actions"], row["late"]) == (size, wait)]
            console.print(table(size, wait, rows))
            if said := sentence(size, wait, rows):
                console.print(said, "\n")
    if json_file is not None:
        settings = {"features": FEATURES, "plans": {str(size): plan._asdict() for size, plan in plans.items()}}
        json_file.write_text(json.dumps({"machine": machine(), "settings": settings, "results": results}, indent=2))


def _run(plans: dict[int, Plan], kinds: list[type[Contender]], console: Console) -> list[Result]:
    laps = sum((plan.rounds + 1) * (len(kinds) + sum(kind.waits for kind in kinds)) for plan in plans.values())
    # Refreshed by hand: a thread of its own would take part in the race.
    shown = Progress(console=console, transient=True, auto_refresh=False)
    with shown as progress, tempfile.TemporaryDirectory() as folder:
        task = progress.add_task("", total=laps)

        def tick(what: str) -> None:
            progress.update(task, description=what, advance=1)
            progress.refresh()

        return [row for size, plan in plans.items() for row in measure(size, plan, kinds, Path(folder), tick)]
