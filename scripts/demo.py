"""The main job on real data: choose, reward, prove, and judge other policies from the log.

Each of 2,310 outdoor pictures (River's ImageSegments: 18 numbers a picture) shows one of seven things. The engine sees
the numbers, names one of the seven, and is told only whether it was right: what it would have earned with another name,
it never learns.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from croupier import Engine, verify
from croupier.evaluation import compare, evaluate

console = Console(highlight=False, width=110)
Stream = list[tuple[dict[str, float], str]]


def main(
    folder: Annotated[Path, typer.Option(help="Where the store and the picture go.")] = Path("out"),
    seed: Annotated[int, typer.Option(help="From which every draw is derived.")] = 7,
) -> None:
    """Play the stream into a store, prove the store, and evaluate other policies on it."""
    folder.mkdir(exist_ok=True)
    file = folder / "demo.db"
    for old in folder.glob("demo.db*"):
        old.unlink()
    url = f"sqlite:///{file}"
    stream = pictures(seed)
    names = sorted({name for _, name in stream})
    say("1  Choosing and learning", f"{len(stream):,} pictures, {len(names)} names to choose from: {', '.join(names)}.")
    right, state = play(url, stream, names, seed)
    picture = curve(right, stream, names, folder / "demo.png")
    say("2  Closing, opening again, proving")
    prove(url, state)
    say(
        "3  What would other policies have earned?",
        "Answered from the log alone. 'uniform' names at random, 'constant' always says the same, 'inverse-gap'",
        "explores by another law and learns along the log. 'logged' is the policy that ran.",
    )
    judge(url, names[0])
    console.print(f"\nThe store: {file}. The picture: {picture}. Ask the store more: croupier evaluate {file} --help\n")


def pictures(seed: int) -> Stream:
    """The data set in a shuffled order."""
    from river import datasets

    stream = [(dict(x), str(y)) for x, y in datasets.ImageSegments()]
    random.Random(seed).shuffle(stream)  # noqa: S311 - an order, not a secret
    return stream


def play(url: str, stream: Stream, names: list[str], seed: int) -> tuple[list[bool], str]:
    """One decision and one reward a picture; whether each was right, and the hash of the state at the end."""
    right: list[bool] = []
    shown = Counter(name for _, name in stream)
    constant = max(shown.values()) / len(stream)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), TimeElapsedColumn()
    with Engine.open(url, seed=seed) as engine, Progress(*columns, console=console) as progress:
        task = progress.add_task("pictures", total=len(stream), told="")
        for context, name in stream:
            decision = engine.choose(context, names)
            right.append(decision.action == name)
            engine.reward(decision.id, float(right[-1]))
            if len(right) % 70 == 0:
                lately = sum(right[-200:]) / len(right[-200:])
                progress.update(task, completed=len(right), told=f"right {lately:.0%} of the last 200")
        told = f"right {sum(right) / len(right):.1%} (at random {1 / len(names):.1%}, best constant {constant:.1%})"
        progress.update(task, completed=len(right), told=told)
        return right, engine.state_hash()


def prove(url: str, state: str) -> None:
    """The state comes back, and the log says the same as the engine did."""
    with Engine.open(url) as engine:
        same = engine.state_hash() == state
    console.print(
        f"The state re-opened from the store is {'the one that was closed' if same else 'ANOTHER'}, bit for bit."
    )
    found = verify(url)
    console.print(f"verify: {found.summary()}")
    if not (same and found.sound):
        raise typer.Exit(1)


def judge(url: str, constant: str) -> None:
    """Other policies on the same log, one by one and beside each other."""
    targets = ["logged", "uniform", f"constant:{constant}", "policy:inverse-gap"]
    console.print(evaluate(url, targets).table())
    say("4  Side by side", "Differences on the same decisions, which is more exact than two separate intervals.")
    console.print(compare(url, ["logged", "policy:inverse-gap", "uniform"]).table())


def curve(right: list[bool], stream: Stream, names: list[str], file: Path) -> Path:
    """The learning curve as a picture."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=120, layout="constrained")
    window = 150
    sums = [sum(right[max(0, i - window) : i]) / min(i, window) for i in range(20, len(right) + 1)]
    axes.plot(range(20, len(right) + 1), sums, color="#1b6ca8", label=f"Croupier, last {window} decisions")
    shown = Counter(name for _, name in stream)
    _line(axes, max(shown.values()) / len(stream), "best constant choice", "#b5651d")
    _line(axes, 1 / len(names), "choosing at random", "#888888", dashes=(1, 2))
    axes.set(xlabel="decisions", ylabel="share of right choices", ylim=(0, 1), xlim=(0, len(right)))
    axes.set_title("Learning from right or wrong alone", loc="left")
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)
    return file


def _line(axes: Any, height: float, label: str, color: str, dashes: tuple[int, int] = (4, 2)) -> None:
    axes.axhline(height, color=color, dashes=dashes, linewidth=1, label=f"{label} ({height:.0%})")


def say(title: str, *lines: str) -> None:
    """A heading and what it is about."""
    console.print(f"\n[bold]{title}[/bold]")
    for line in lines:
        console.print(line)


if __name__ == "__main__":
    typer.run(main)
