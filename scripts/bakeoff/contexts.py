"""Policies on contexts as applications have them, beside Vowpal Wabbit: `python -m bakeoff.contexts`.

Each row of the table is an environment (`bakeoff.rows`). A run is one contender on one row with one seed; its result
is appended to a file of JSON lines, and a run whose result is there is not repeated. "vw" stands for some dozens of
command lines: on each row all of them get the first seed, the best three the other seeds too, and the best of these is
printed.

`python -m bakeoff.contexts --row drift --policy softmax --policy vw --events 2000 --jobs 4`
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from bakeoff.players import PEER, POPULARITY, contender
from bakeoff.report import Results, all_cells, as_table, comparison, plot, ranked, remarks
from bakeoff.rows import rows
from bakeoff.runs import Job, jobs, run_all
from bench.output import JsonFile, console, turns, write_json
from croupier_policies import PolicyError

FINALISTS = 3  # command lines of Vowpal Wabbit that get every seed


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
    against: Annotated[str, typer.Option(help="Also compare every contender with this one, seed by seed.")] = "",
    picture: Annotated[Path | None, typer.Option(help="Also draw the learning curves into this file.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Run the study."""
    policies = _available(policy or ["softmax", POPULARITY, PEER])
    names, span = _select(row or [""]), range(first_seed, first_seed + seeds)
    plan = partial(jobs, names, policies, events=events, driver="engine" if engine else "direct")
    results = _run(plan(seeds=span[:1]), file, workers)
    finals = plan(seeds=span[1:], among=lambda name, each: ranked(results, name, each)[:FINALISTS])
    results |= _run(finals, file, workers)
    found, screen = all_cells(results, names, policies), console(50 + 18 * len(policies))
    screen.print(as_table(found, policies, seeds))
    if against:
        screen.print(comparison(found, policies, against))
    for line in remarks(found, results):
        screen.print(line, soft_wrap=True)
    if picture is not None:
        plot(found, results, picture)
    settings = {"seeds": list(span), "events": events, "engine": engine, "policies": policies}
    write_json(json_file, settings, [cell._asdict() for cell in found])


def _run(wanted: list[Job], file: Path, workers: int) -> Results:
    with turns(len(wanted)) as tick:
        return run_all(wanted, file, workers, tick)


def _available(policies: list[str]) -> list[str]:
    """The policies without Vowpal Wabbit where it is not installed. Raises BadParameter for an unknown one."""
    if PEER in policies and find_spec("vowpalwabbit") is None:
        console().print("Vowpal Wabbit is not installed, and does not take part")
        policies = [name for name in policies if name != PEER]
    for name in policies:
        try:
            contender(name).make()
        except (PolicyError, TypeError) as error:
            raise typer.BadParameter(f"{name!r}: {error}") from error
    return policies


def _select(parts: list[str]) -> list[str]:
    """The rows whose names contain one of these, less those whose data is missing, which are named."""
    available = rows()
    if unknown := [part for part in parts if not any(part in name for name in available)]:
        raise typer.BadParameter(f"no row has {unknown[0]!r} in its name; available: {'; '.join(available)}")
    chosen = {name: available[name].needs for name in available if any(part in name for part in parts)}
    absent = {name: needs for name, needs in chosen.items() if needs is not None and not needs.exists()}
    for name, needs in absent.items():
        console().print(f"{name}: skipped, {needs} does not exist")
    return [name for name in chosen if name not in absent]


if __name__ == "__main__":
    typer.run(main)
