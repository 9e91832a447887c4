"""Policies on contexts as applications have them, beside Vowpal Wabbit: `python -m bakeoff.contexts`.

Each row of the table is an environment (`bakeoff.rows`). A run is one contender on one row with one seed; its result
is appended to a file of JSON lines, and a run whose result is there is not repeated. "vw" stands for some dozens of
command lines, of which the best on each row is printed, chosen with hindsight.

`python -m bakeoff.contexts --row drift --policy softmax,vw --seeds 3 --events 2000`
"""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Literal, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bakeoff.players import PEER, POPULARITY, Direct, Player, Served, variants
from bakeoff.rows import BLOCKS, RSS, SETS, Measure, Row, Run, rows
from bench.evaluation import peak_memory
from bench.output import JsonFile, console, table, write_json
from bench.timing import timed

TRIES = 20  # a contender that refuses so many first events is refused
LOOKS = 10  # how often the peak of the memory in use is read
Driver = Literal["direct", "engine"]


class Job(NamedTuple):
    """One run."""

    row: str
    contender: str
    seed: int
    events: int
    driver: Driver


def run(job: Job) -> Run:
    """Play one contender through one environment."""
    row = rows()[job.row]
    peer = job.contender.startswith(PEER)
    with tempfile.TemporaryDirectory() as folder:
        player: Player
        if peer or job.driver == "direct":
            player = Direct(job.contender, row.unit if peer else row.high, job.seed)
        else:
            player = Served(
                job.contender, row.high, job.seed, f"sqlite:///{folder}/log.db" if row.on_disk else "sqlite://"
            )
        result = play(player, row, job.seed, job.events)
        player.close()
    return {**job._asdict(), **result}


def play(player: Player, row: Row, seed: int, events: int) -> Run:
    """Expected rewards, times, failures and memory of one run.

    A call that fails counts with the expected reward of a uniform choice; what it raised first is recorded.
    """
    sums, choosing, learning, memory = [], [], [], []
    failures, error = 0, ""
    for t, event in enumerate(row.environment(np.random.default_rng(seed), events)):
        uniform, best = float(event.means.mean()), float(event.means.max())
        obtained, reward = uniform, float(event.rewards.mean())
        try:
            (p, k), seconds = timed(partial(player.choose, event), collect=False)
            choosing.append(seconds)
            learning.append(timed(partial(player.learn, float(event.rewards[k])), collect=False).seconds)
            obtained, reward = float(p @ event.means), float(event.rewards[k])
        except Exception as raised:  # whatever a contender raises is what the study counts
            failures, error = failures + 1, error or f"{type(raised).__name__}: {raised}"
        sums.append((obtained, uniform, best, reward))
        if (t + 1) % max(events // LOOKS, 1) == 0:
            memory.append(peak_memory())
        if failures == t + 1 == TRIES:
            break
    return {
        "played": len(sums),
        "blocks": [block.sum(axis=0).tolist() for block in np.array_split(np.array(sums), BLOCKS)],
        "choose_micros": 1e6 * median(choosing[len(choosing) // 2 :] or [np.nan]),
        "learn_micros": 1e6 * median(learning[len(learning) // 2 :] or [np.nan]),
        "failures": failures,
        "error": error,
        "memory": memory,
    }


def jobs(names: Iterable[str], policies: Sequence[str], seeds: range, events: int | None, driver: Driver) -> list[Job]:
    """Every run that the table needs."""
    available = rows()
    return [
        Job(name, each, seed, min(events or row.events, row.events), driver)
        for name, row in ((name, available[name]) for name in names)
        for policy in policies
        if row.peers or policy != PEER
        for each in variants(policy, row.extra)
        for seed in seeds
    ]


def run_all(wanted: Sequence[Job], file: Path, workers: int) -> dict[Job, Run]:
    """The runs, from the file where they are in it; the others are done by processes of their own, and appended."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    done = {Job(*(each[name] for name in Job._fields)): each for each in map(json.loads, lines)}
    missing = [job for job in wanted if job not in done]
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # one core for each process
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(workers, mp_context=spawn, max_tasks_per_child=1) as pool,
        Progress(console=Console(stderr=True), transient=True) as progress,
        file.open("a", encoding="utf-8") as log,
    ):
        task = progress.add_task("", total=len(missing))
        for future in as_completed([pool.submit(run, job) for job in missing]):
            result = future.result()
            done[Job(*(result[name] for name in Job._fields))] = result
            log.write(json.dumps(result) + "\n")
            log.flush()
            progress.update(task, advance=1, description=f"{result['row']}: {result['contender']}")
    return {job: done[job] for job in wanted}


class Cell(NamedTuple):
    """A measure of one contender on one row, over the seeds."""

    row: str
    measure: str
    policy: str
    values: list[float]
    options: str  # the variant that was best
    failures: int
    error: str
    refused: bool

    def __str__(self) -> str:
        if self.refused:
            return "refused"
        mean = float(np.mean(self.values))
        failed = f" ({self.failures:,} failed)" if self.failures else ""
        return (f"{mean:.3f}" if abs(mean) < 10.0 else f"{mean:.0f}") + failed


def cells(results: dict[Job, Run], name: str, policy: str) -> list[Cell]:
    """The measures of a contender on a row; of several variants, those of the one whose first measure is best."""
    row = rows()[name]
    found: dict[str, list[Run]] = {}
    for job, result in results.items():
        if job.row == name and job.contender in variants(policy, row.extra):
            found.setdefault(job.contender, []).append(result)
    if not found:
        return []
    best = max(found, key=lambda each: _score(row.measures[0], found[each]))
    runs = found[best]
    failures, refused = sum(each["failures"] for each in runs), _refused(runs)
    error = next((each["error"] for each in runs if each["error"]), "")
    return [
        Cell(name, each.name, policy, [] if refused else [each.of(run) for run in runs], best, failures, error, refused)
        for each in row.measures
    ]


def _refused(runs: list[Run]) -> bool:
    return any(each["failures"] == each["played"] for each in runs)


def _score(measure: Measure, runs: list[Run]) -> float:
    if _refused(runs):
        return -np.inf
    mean = float(np.mean([measure.of(each) for each in runs]))
    return mean if measure.larger else -mean


def as_table(found: list[Cell], policies: Sequence[str], seeds: int) -> Table:
    """A line for each measure of each row, and one for the mean over the sets of labelled data."""
    by_line: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in found:
        by_line.setdefault((cell.row, cell.measure), {})[cell.policy] = cell
    lines = [(*line, *(str(by_line[line].get(each, "–")) for each in policies)) for line in by_line]
    sets = [line for line in by_line if line[0].startswith(SETS)]
    if len(sets) > 1:
        means = (_mean([by_line[line][each] for line in sets if each in by_line[line]]) for each in policies)
        lines.append((f"mean of {len(sets)} sets", sets[0][1], *means))
    return table(f"Mean over {seeds} seeds", ("row", "measure", *policies), lines, left=2)


def _mean(found: list[Cell]) -> str:
    if not found or any(cell.refused for cell in found):
        return "–"
    return f"{np.mean([np.mean(cell.values) for cell in found]):.3f}"


def remarks(found: list[Cell], results: dict[Job, Run]) -> list[str]:
    """The best options of Vowpal Wabbit, what was raised, and the memory of long runs."""
    firsts = [cell for cell in found if cell.measure == rows()[cell.row].measures[0].name]
    lines = [f"{cell.row}: {cell.options}" for cell in firsts if cell.policy == PEER]
    lines += [f"{cell.row}, {cell.policy}: {cell.error}" for cell in firsts if cell.error]
    lines += [
        f"{job.row}, {job.contender}, seed {job.seed}: peak memory in MB "
        + " ".join(f"{m:.0f}" for m in each["memory"])
        for job, each in results.items()
        if RSS in rows()[job.row].measures
    ]
    return lines


def plot(found: list[Cell], results: dict[Job, Run], file: Path) -> None:
    """Draw a panel for each row: the lift of each contender, block by block, mean over seeds."""
    from matplotlib.figure import Figure

    names, policies = (list(dict.fromkeys(values)) for values in ([c.row for c in found], [c.policy for c in found]))
    across = min(4, len(names))
    figure = Figure(figsize=(3.6 * across, 2.6 * -(-len(names) // across) + 0.5), layout="constrained")
    panels = figure.subplots(-(-len(names) // across), across, squeeze=False).flat
    for name, axes in zip(names, panels, strict=False):
        for cell in (c for c in found if c.row == name and c.measure == rows()[name].measures[0].name):
            runs = [each for job, each in results.items() if (job.row, job.contender) == (name, cell.options)]
            obtained, uniform, best, _ = np.sum([each["blocks"] for each in runs], axis=0).T
            place = np.linspace(0.0, runs[0]["played"], BLOCKS + 1)[1:]
            color = f"C{policies.index(cell.policy)}"
            axes.plot(place, (obtained - uniform) / (best - uniform), color=color, linewidth=1.2)
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
    for index, policy in enumerate(policies):
        axes.plot([], [], color=f"C{index}", label=policy)
    figure.legend(loc="outside lower center", ncols=6, frameon=False, fontsize=9)
    figure.savefig(file, dpi=130)


def main(
    row: Annotated[list[str] | None, typer.Option(help="Rows whose names contain this; by default all.")] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help='"vw", "popularity", a policy\'s name, or one with flat rows: "NAME flat".')
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds.")] = 3,
    first_seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    events: Annotated[int | None, typer.Option(min=1, help="The most events of a run; by default the row's.")] = None,
    engine: Annotated[bool, typer.Option(help="Run policies through `Engine`, rather than by themselves.")] = False,
    workers: Annotated[int, typer.Option("--jobs", min=1, help="Number of runs at a time.")] = 1,
    file: Annotated[Path, typer.Option("--results", help="JSON lines, a run each.")] = Path("out/contexts.jsonl"),
    picture: Annotated[Path | None, typer.Option(help="Also draw the learning curves into this file.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Run the study."""
    policies = policy or ["softmax", POPULARITY, PEER]
    names = _select(row or [""])
    file.parent.mkdir(parents=True, exist_ok=True)
    span = range(first_seed, first_seed + seeds)
    results = run_all(jobs(names, policies, span, events, "engine" if engine else "direct"), file, workers)
    found = [cell for name in names for each in policies for cell in cells(results, name, each)]
    screen = console(40 + 16 * len(policies))
    screen.print(as_table(found, policies, seeds))
    for line in remarks(found, results):
        screen.print(line, soft_wrap=True)
    if picture is not None:
        plot(found, results, picture)
    settings = {"seeds": list(span), "events": events, "engine": engine, "policies": policies}
    write_json(json_file, settings, [cell._asdict() for cell in found])


def _select(parts: list[str]) -> list[str]:
    """The rows whose names contain one of these, less those whose data is missing, which are named."""
    available = rows()
    chosen = [name for name in available if any(part in name for part in parts)]
    if not chosen:
        raise typer.BadParameter(f"no row is named so; available: {', '.join(available)}")
    for name in chosen:
        if (needs := available[name].needs) is not None and not needs.exists():
            console().print(f"{name}: skipped, {needs} does not exist")
    return [name for name in chosen if (needs := available[name].needs) is None or needs.exists()]


if __name__ == "__main__":
    typer.run(main)
