"""Speed of writing, folding and opening a log, by back end and group size."""

from __future__ import annotations

import itertools
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from bench.output import JsonFile, console, table, turns, write_json
from bench.timing import take_turns, timed
from croupier import Engine
from croupier.log.configuration import Configuration
from croupier.log.encoding import encode_actions, encode_row
from croupier.log.ids import time_ordered
from croupier.log.reader import Log
from croupier.state.components import ObjectPool
from croupier.state.fold import Fold
from croupier_storage import Fact, Storage, decision_fact, open_storage, reward_fact
from support.postgres import Server, serving

GROUPS = (10, 100, 1000, 10_000)
ACTIONS = encode_actions(tuple(f"a{k}" for k in range(10)), None)


def pairs(first: int, count: int, rng: np.random.Generator) -> list[Fact]:
    """Decisions among ten actions on twenty numbers, each followed by its reward."""
    new, facts = time_ordered(time.time), []
    for k in range(count):
        position, action = first + 2 * k, ACTIONS.actions.ids[int(rng.integers(10))]
        body = encode_row(rng.normal(size=20), "context")
        facts.append(decision_fact(position, 1.7e9, new(), None, action, 0.1, position - 1, 1, body, ACTIONS.digest))
        facts.append(reward_fact(position + 1, 1.7e9, position, float(rng.random()), None))
    return facts


def capacity(url: str, group: int, count: int) -> float:
    """Pairs a second that one writer appends in groups of `group` facts."""
    rng, first = np.random.default_rng(0), 1
    with open_storage(url, lease=True) as storage:
        batches = []
        for _ in range(max(1, 2 * count // group)):
            batches.append(pairs(first, group // 2, rng))
            first += group

        def append_all() -> None:
            for batch in batches:
                storage.append(batch, {ACTIONS.digest: ACTIONS.body})

        return (first - 1) / 2 / timed(append_all).seconds


def create(url: str) -> None:
    """Create a store with the default configuration, without the River learner."""
    with Engine.open(url, seed=1, learner=None):
        pass


def fill(url: str, count: int) -> None:
    """Append `count` pairs in large groups."""
    rng, first = np.random.default_rng(0), 1
    with open_storage(url, create=False, lease=True) as storage:
        while first < 2 * count:
            batch = pairs(first, min(5000, count - first // 2), rng)
            storage.append(batch, {ACTIONS.digest: ACTIONS.body})
            first += len(batch)


def fold_all(storage: Storage) -> Fold:
    """Fold a store up to its head."""
    fold = Fold(ObjectPool(), Configuration.from_settings(storage.settings()), Log(storage))
    fold.run()
    return fold


def fold_rate(url: str) -> float:
    """Rewarded events a second that a fold of the default policy learns from the log (K = 10, d = 20)."""
    with open_storage(url, create=False, read_only=True) as storage:
        fold, seconds = timed(lambda: fold_all(storage))
        return fold.rewards / seconds


def opening_time(url: str, count: int) -> float:
    """Seconds to open a store whose last 5 % of events came after its newest snapshot."""
    create(url)
    fill(url, count * 95 // 100)
    with Engine.open(url, learner=None) as engine:
        head = engine.position
    tail = pairs(head + 1, count * 5 // 100, np.random.default_rng(2))
    with open_storage(url, create=False, lease=True) as storage:
        for start in range(0, len(tail), 10_000):
            storage.append(tail[start : start + 10_000], {})
    engine, seconds = timed(lambda: Engine.open(url, learner=None))
    with engine:
        if engine.position != head + len(tail):
            raise AssertionError("the store did not open at its head")
    return seconds


def measure(folder: Path, server: Server | None, count: int, events: int, rounds: int) -> dict[str, Any]:
    """All figures: pairs a second of the writer, events a second of a fold, seconds to open a store."""
    numbers = itertools.count()

    def sqlite() -> str:
        return f"sqlite:///{folder}/{next(numbers)}.db"

    def write(group: int, postgres: Server | None, _: int) -> float:
        with ExitStack() as stack:
            url = stack.enter_context(postgres.database()) if postgres else sqlite()
            return capacity(url, group, count if group > 10 else count // 10)

    backends = {"sqlite": None} | ({"postgresql": server} if server else {})
    writers = {
        f"{name}, {group} facts a group": partial(write, group, backend)
        for name, backend in backends.items()
        for group in GROUPS
    }
    with turns((rounds + 1) * (len(writers) + 1) + 1) as tick:
        rates = take_turns(writers, range(rounds + 1), tick=tick)
        url = sqlite()
        create(url)
        fill(url, 2 * count)
        folds = take_turns({"fold": lambda _: fold_rate(url)}, range(rounds + 1), tick=tick)
        tick("opening a large store")
        seconds = opening_time(sqlite(), events)
    return {
        "pairs_per_second": {name: median(each) for name, each in rates.items()},
        "folded_events_per_second": median(folds["fold"]),
        "seconds_to_open": {"events": events, "seconds": seconds, "snapshot_at": "95 %"},
    }


def as_table(found: dict[str, Any]) -> Table:
    """The figures as a table."""
    opened = found["seconds_to_open"]
    rows = [
        *((f"writer, {name}", f"{rate:,.0f} pairs/s") for name, rate in found["pairs_per_second"].items()),
        ("fold, K = 10, d = 20, default policy", f"{found['folded_events_per_second']:,.0f} rewarded events/s"),
        (f"opening {opened['events']:,} events, snapshot at 95 %, once", f"{opened['seconds']:.2f} s"),
    ]
    return table("The log, medians over rounds", ("what", "speed"), rows)


def main(
    count: Annotated[int, typer.Option(help="Pairs of decision and reward in a measurement of the writer.")] = 20_000,
    events: Annotated[int, typer.Option(help="Events in the store that is opened.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds that count.")] = 3,
    postgres: Annotated[bool, typer.Option(help="Start a PostgreSQL server and measure it too.")] = True,
    json_file: JsonFile = None,
) -> None:
    """Time writing, folding and opening a log."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(serving()) if postgres else None
        found = measure(folder, server, count, events, rounds)
    console().print(as_table(found))
    write_json(json_file, {"count": count, "events": events, "rounds": rounds}, found)
