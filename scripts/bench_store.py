"""How fast a log is written, folded and opened: per back end and group size, on this machine."""

from __future__ import annotations

import gc
import json
import os
import platform
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from crashtest import new_database, started_postgres
from croupier import Engine
from croupier.log.encoding import encode_actions, encode_row
from croupier.log.ids import time_ordered
from croupier.log.reader import Log
from croupier.state.components import ObjectPool
from croupier.state.fold import Fold
from croupier_storage import Fact, Storage, decision_fact, open_storage, reward_fact

GROUPS = (10, 100, 1000, 10_000)
ACTIONS = encode_actions(tuple(f"a{k}" for k in range(10)), None)
console = Console()


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
    """Pairs a second that one writer appends in groups of so many facts."""
    rng, first = np.random.default_rng(0), 1
    with open_storage(url, lease=True) as storage:
        batches = []
        for _ in range(max(1, 2 * count // group)):
            batches.append(pairs(first, group // 2, rng))
            first += group
        begin = time.perf_counter()
        for batch in batches:
            storage.append(batch, {ACTIONS.digest: ACTIONS.body})
        return (first - 1) / 2 / (time.perf_counter() - begin)


def born(url: str) -> None:
    """A store with the default configuration, without the River learner."""
    with Engine.open(url, seed=1, learner=None):
        pass


def fill(url: str, count: int, report: Any) -> None:
    """Append so many pairs in large groups."""
    rng, first = np.random.default_rng(0), 1
    with open_storage(url, create=False, lease=True) as storage:
        while first < 2 * count:
            batch = pairs(first, min(5000, count - first // 2), rng)
            storage.append(batch, {ACTIONS.digest: ACTIONS.body})
            first += len(batch)
            report(first // 2, count)


def folded(storage: Storage, after: Fold | None = None) -> Fold:
    """A fold at the head of a store."""
    from croupier.log.configuration import Configuration

    fold = after or Fold(ObjectPool(), Configuration.from_settings(storage.settings()), Log(storage))
    fold.run()
    return fold


def fold_rate(url: str) -> float:
    """Rewarded events a second that a fold of the default policy learns from the log (K = 10, d = 20)."""
    with open_storage(url, create=False, read_only=True) as storage:
        gc.collect()  # what the writers left behind is not to be paid for here; it stays enabled
        begin = time.perf_counter()
        fold = folded(storage)
        return fold.rewards / (time.perf_counter() - begin)


def opening(url: str, count: int, report: Any) -> float:
    """Seconds to open a store whose last 5 % of events lie behind its newest snapshot."""
    born(url)
    fill(url, count * 95 // 100, report)
    with Engine.open(url, learner=None) as engine:
        head = engine.position
    tail = pairs(head + 1, count * 5 // 100, np.random.default_rng(2))
    with open_storage(url, create=False, lease=True) as storage:
        for start in range(0, len(tail), 10_000):
            storage.append(tail[start : start + 10_000], {})
    begin = time.perf_counter()
    with Engine.open(url, learner=None) as engine:
        seconds = time.perf_counter() - begin
        if engine.position != head + len(tail):
            raise AssertionError("the store did not open at its head")
    return seconds


def main(
    count: Annotated[int, typer.Option(help="Pairs a measurement of the writer.")] = 20_000,
    events: Annotated[int, typer.Option(help="Events in the store that is opened.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(help="Of which the median counts.")] = 3,
    postgres: Annotated[bool, typer.Option(help="Start a PostgreSQL and measure it too.")] = True,
    to: Annotated[Path | None, typer.Option("--json", help="Write the numbers there.")] = None,
) -> None:
    """Time writing, folding and opening a log."""
    found: dict[str, Any] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "pairs_per_second": {}}
    with ExitStack() as stack, Progress(console=console, transient=True) as progress:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        task = progress.add_task("appending", total=None)
        server = started_postgres(stack) if postgres else None
        for backend in ("sqlite", *(("postgresql",) if server else ())):
            for group in GROUPS:
                rates = []
                for round_ in range(rounds):
                    url = (
                        f"sqlite:///{folder}/{group}-{round_}.db" if backend == "sqlite" else new_database(server or "")
                    )
                    rates.append(capacity(url, group, count if group > 10 else count // 10))
                found["pairs_per_second"][f"{backend}, {group} facts a group"] = median(rates)
        url = f"sqlite:///{folder}/fold.db"
        born(url)
        fill(url, 2 * count, lambda done, total: None)
        found["folded_events_per_second"] = median(fold_rate(url) for _ in range(rounds))
        progress.update(task, description="filling a store", total=events)
        url = f"sqlite:///{folder}/large.db"
        seconds = opening(url, events, lambda done, total: progress.update(task, completed=done))
        found["seconds_to_open"] = {"events": events, "seconds": seconds, "snapshot_at": "95 %"}
    show(found)
    if to is not None:
        to.write_text(json.dumps(found, indent=1))


def show(found: dict[str, Any]) -> None:
    """The numbers as a table."""
    table = Table("what", "how fast", title=f"The log, on {found['machine']} (medians)", title_justify="left")
    for name, rate in found["pairs_per_second"].items():
        table.add_row(f"writer, {name}", f"{rate:,.0f} pairs/s")
    table.add_row("fold, K = 10, d = 20, default policy", f"{found['folded_events_per_second']:,.0f} rewarded events/s")
    large = found["seconds_to_open"]
    table.add_row(f"opening {large['events']:,} events, snapshot at 95 %", f"{large['seconds']:.2f} s")
    console.print(table)
