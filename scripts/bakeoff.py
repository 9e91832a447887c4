"""Every policy beside Vowpal Wabbit's explorers on classification sets: a table, a picture and a JSON file.

`python scripts/bakeoff.py --sets digits,splice --rows 1000 --shuffles 3`: one pass over every set, each row shown once,
a reward of 1 for the right class; the figure is the error of the drawn actions, exploration included.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import bakeoff_sets
from bakeoff_runs import Contender, Score, contenders, score

Results = dict[str, dict[str, Score]]  # by set, by contender


def run(names: list[str], chosen: dict[str, Contender], shuffles: int, rows: int) -> Results:
    """Every chosen contender on every set."""
    results: Results = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(names) * len(chosen))
        for name in names:
            data = bakeoff_sets.load(name)
            results[name] = {}
            for contender in chosen.values():
                progress.update(task, description=f"{name}: {contender.name}")
                results[name][contender.name] = score(contender, data, shuffles, rows)
                progress.advance(task)
    return results


def table(results: Results, chosen: list[str]) -> Table:
    """Mean errors, the best of each set in bold; below them the mean over sets and the time of one event."""
    shown = Table(title="error of the drawn action, one pass")
    shown.add_column("set")
    for name in chosen:
        shown.add_column(name, justify="right")
    for set_name, scores in results.items():
        means = {name: float(np.mean(found.errors)) for name, found in scores.items()}
        least = min(means.values())
        shown.add_row(set_name, *[f"[bold]{m:.3f}[/]" if m == least else f"{m:.3f}" for m in means.values()])
    shown.add_section()
    shown.add_row("mean", *[f"{mean(results, name):.3f}" for name in chosen])
    micros = [np.median([scores[name].micros for scores in results.values()]) for name in chosen]
    shown.add_row("µs an event", *[f"{value:,.0f}" for value in micros])
    return shown


def against(results: Results, name: str) -> list[str]:
    """In words, on how many sets a contender is better than the best of Vowpal Wabbit's explorers, and by how much."""
    lines = []
    for what, field in (("default", "untuned"), ("tuned", "errors")):
        margins = {}
        for set_name, scores in results.items():
            theirs = [
                float(np.mean(getattr(found, field))) for other, found in scores.items() if other.startswith("vw ")
            ]
            margins[set_name] = float(np.mean(scores[name].errors)) - min(theirs, default=np.inf)
        lower, near = sum(m < 0.0 for m in margins.values()), sum(m <= 0.01 for m in margins.values())
        worst = max(margins, key=lambda each: margins[each])
        lines.append(
            f"{name} against Vowpal Wabbit's best explorer of each set at {what} rates: lower on {lower} of "
            f"{len(margins)} sets, at most .01 above on {near}; at worst {margins[worst]:+.3f} ({worst})"
        )
    return lines


def mean(results: Results, name: str) -> float:
    """The mean over sets and shuffles."""
    return float(np.mean([np.mean(scores[name].errors) for scores in results.values()]))


def as_json(results: Results, settings: dict[str, Any]) -> str:
    """All of it, with the versions that it was made with."""
    packages = ("croupier", "river", "vowpalwabbit", "numpy", "scikit-learn")
    body = {name: {key: found._asdict() for key, found in scores.items()} for name, scores in results.items()}
    return json.dumps({"settings": settings, "versions": {p: _version(p) for p in packages}, "results": body}, indent=1)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ImportError:
        return None


def picture(results: Results, chosen: list[str], path: Path) -> None:
    """A row for every set, a mark for every contender; Vowpal Wabbit's are hollow."""
    from matplotlib.figure import Figure

    order = sorted(results, key=lambda name: -min(np.mean(found.errors) for found in results[name].values()))
    figure = Figure(figsize=(10, 1.8 + 0.36 * len(order)), layout="constrained")
    axes = figure.add_subplot()
    ours = [name for name in chosen if not name.startswith("vw ")]
    for number, name in enumerate(chosen):
        hollow = name not in ours
        place = number - len(ours) if hollow else number
        x = [np.mean(results[set_name][name].errors) for set_name in order]
        y = np.arange(len(order)) + (0.13 if hollow else -0.13)
        colour = f"C{place % 10}"
        face = "none" if hollow else colour
        axes.scatter(x, y, marker="osD^vPX"[place % 7], s=42, facecolor=face, edgecolor=colour, label=name, zorder=3)
    axes.set_yticks(range(len(order)), order)
    axes.set_xlim(left=0.0)
    axes.set_xlabel("error of the drawn action in one pass (left is better)")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=6, frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)


def _picked(asked: str, known: list[str], what: str) -> list[str]:
    picked = [name.strip() for name in asked.split(",") if name.strip()] or known
    if unknown := [name for name in picked if name not in known]:
        raise typer.BadParameter(f"no {what} called {', '.join(unknown)} here; there are {', '.join(known)}")
    return picked


def main(
    sets: Annotated[str, typer.Option(help="Names with commas between; all that are here by default.")] = "",
    policies: Annotated[str, typer.Option(help="Likewise.")] = "",
    shuffles: Annotated[int, typer.Option(min=1, help="Passes, each in its own order.")] = 2,
    rows: Annotated[int, typer.Option(min=1, help="At most so many of a set, those that come first.")] = 1000,
    tuned: Annotated[bool, typer.Option(help="Vowpal Wabbit's best of four learning rates per set.")] = False,
    out: Annotated[Path, typer.Option(help="Where bakeoff.json and bakeoff.png go.")] = Path(),
) -> None:
    """Run the bake-off."""
    known = contenders(tuned)
    chosen = _picked(policies, list(known), "policy")
    names = _picked(sets, bakeoff_sets.names(), "set")
    results = run(names, {name: known[name] for name in chosen}, shuffles, rows)
    Console(width=None if Console().is_terminal else 40 + 14 * len(chosen)).print(table(results, chosen))
    for name in chosen:
        if not name.startswith("vw ") and any(other.startswith("vw ") for other in chosen):
            Console(width=200).print(*against(results, name), sep="\n")
    out.mkdir(parents=True, exist_ok=True)
    (out / "bakeoff.json").write_text(as_json(results, {"shuffles": shuffles, "rows": rows, "tuned": tuned}) + "\n")
    picture(results, chosen, out / "bakeoff.png")


if __name__ == "__main__":
    typer.run(main)
