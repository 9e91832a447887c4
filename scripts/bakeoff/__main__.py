"""Every policy beside the explorers of Vowpal Wabbit on classification data: a table, a figure and a JSON file.

`python -m bakeoff --sets digits,splice --rows 1000 --shuffles 3` makes one pass over each set in three orders, with a
reward of 1 for the right class, and reports the error of the drawn actions, exploration included.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bakeoff import datasets
from bakeoff.contenders import Contender, Score, contenders, score
from bench.output import console, table, write_json

Results = dict[str, dict[str, Score]]  # by set, by contender


def run(names: list[str], chosen: dict[str, Contender], shuffles: int, rows: int) -> Results:
    """Score every chosen contender on every set."""
    results: Results = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(names) * len(chosen))
        for name in names:
            data = datasets.load(name)
            results[name] = {}
            for contender in chosen.values():
                progress.update(task, description=f"{name}: {contender.name}")
                results[name][contender.name] = score(contender, data, shuffles, rows)
                progress.advance(task)
    return results


def as_table(results: Results, chosen: list[str]) -> Table:
    """Mean errors, the least of each set in bold; below them the mean over sets and the time of one event."""
    rows = []
    for set_name, scores in results.items():
        means = {name: float(np.mean(score.errors)) for name, score in scores.items()}
        least = min(means.values())
        rows.append((set_name, *(f"[bold]{m:.3f}[/]" if m == least else f"{m:.3f}" for m in means.values())))
    result = table("error of the drawn action, one pass", ("set", *chosen), rows)
    result.add_section()
    result.add_row("mean", *[f"{mean(results, name):.3f}" for name in chosen])
    micros = [np.median([scores[name].micros for scores in results.values()]) for name in chosen]
    result.add_row("µs an event", *[f"{value:,.0f}" for value in micros])
    return result


def comparison(results: Results, name: str) -> list[str]:
    """Sentences on how many sets a contender beats the best of Vowpal Wabbit's explorers, and by how much."""
    lines = []
    for rates, field in (("default", "untuned"), ("tuned", "errors")):
        margins = {}
        for set_name, scores in results.items():
            peers = [float(np.mean(getattr(score, field))) for other, score in scores.items() if _is_peer(other)]
            margins[set_name] = float(np.mean(scores[name].errors)) - min(peers, default=np.inf)
        lower, near = sum(m < 0.0 for m in margins.values()), sum(m <= 0.01 for m in margins.values())
        worst = max(margins, key=lambda each: margins[each])
        lines.append(
            f"{name} beside the best explorer of Vowpal Wabbit on each set, {rates} learning rates: lower error on "
            f"{lower} of {len(margins)} sets, at most .01 higher on {near}; in the worst case {margins[worst]:+.3f} "
            f"({worst})"
        )
    return lines


def _is_peer(name: str) -> bool:
    return name.startswith("vw ")


def mean(results: Results, name: str) -> float:
    """The mean over sets and shuffles."""
    return float(np.mean([np.mean(scores[name].errors) for scores in results.values()]))


def plot(results: Results, chosen: list[str], path: Path) -> None:
    """Draw a row for every set and a marker for every contender; those of Vowpal Wabbit are hollow."""
    from matplotlib.figure import Figure

    order = sorted(results, key=lambda name: -min(np.mean(score.errors) for score in results[name].values()))
    figure = Figure(figsize=(10, 1.8 + 0.36 * len(order)), layout="constrained")
    axes = figure.add_subplot()
    ours = [name for name in chosen if not _is_peer(name)]
    for number, name in enumerate(chosen):
        hollow = name not in ours
        index = number - len(ours) if hollow else number
        x = [np.mean(results[set_name][name].errors) for set_name in order]
        y = np.arange(len(order)) + (0.13 if hollow else -0.13)
        colour = f"C{index % 10}"
        face = "none" if hollow else colour
        axes.scatter(x, y, marker="osD^vPX"[index % 7], s=42, facecolor=face, edgecolor=colour, label=name, zorder=3)
    axes.set_yticks(range(len(order)), order)
    axes.set_xlim(left=0.0)
    axes.set_xlabel("error of the drawn action in one pass (lower is better)")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=6, frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)


def _select(value: str, available: list[str], what: str) -> list[str]:
    names = [name.strip() for name in value.split(",") if name.strip()] or available
    if unknown := [name for name in names if name not in available]:
        raise typer.BadParameter(f"unknown {what}: {', '.join(unknown)}; available: {', '.join(available)}")
    return names


def main(
    sets: Annotated[str, typer.Option(help="Data sets, separated by commas; by default all that are available.")] = "",
    policies: Annotated[str, typer.Option(help="Policies, separated by commas; by default all.")] = "",
    shuffles: Annotated[int, typer.Option(min=1, help="Passes over a set, each in a different order.")] = 2,
    rows: Annotated[int, typer.Option(min=1, help="The most rows of a set that a pass uses.")] = 1000,
    tuned: Annotated[
        bool, typer.Option(help="Use the best of four learning rates of Vowpal Wabbit on each set.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for bakeoff.json and bakeoff.png.")] = Path(),
) -> None:
    """Run the bake-off."""
    available = contenders(tuned)
    chosen = _select(policies, list(available), "policy")
    names = _select(sets, datasets.names(), "set")
    results = run(names, {name: available[name] for name in chosen}, shuffles, rows)
    console(40 + 14 * len(chosen)).print(as_table(results, chosen))
    for name in chosen:
        if not _is_peer(name) and any(map(_is_peer, chosen)):
            console(200).print(*comparison(results, name), sep="\n")
    out.mkdir(parents=True, exist_ok=True)
    scores = {name: {key: each._asdict() for key, each in found.items()} for name, found in results.items()}
    write_json(out / "bakeoff.json", {"shuffles": shuffles, "rows": rows, "tuned": tuned}, scores)
    plot(results, chosen, out / "bakeoff.png")


if __name__ == "__main__":
    typer.run(main)
