"""The main job on real data: choose, reward, prove, and judge other policies from the log.

Each of 2,310 outdoor pictures (River's ImageSegments: 18 numbers a picture) shows one of seven things. The engine sees
the numbers, names one of the seven, and is told only whether it was right: what it would have earned with another name,
it never learns. Every picture comes up three times, in a new order each time; one choice in ten explores, which costs a
little and makes the log able to judge other policies.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from croupier import Engine, SoftmaxPolicy, compare, evaluate, reports, verify
from croupier.cli.progress import bar

console = Console(highlight=False, width=110)
Stream = list[tuple[dict[str, float], str]]
FLOOR, PASSES = 0.1, 3
POLICY = SoftmaxPolicy(epsilon=FLOOR)


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
    say(
        "1  Choosing and learning",
        f"{len(stream):,} pictures to name: {', '.join(names)}. The engine is told only whether",
        f"it was right. One choice in {1 / FLOOR:.0f} explores: the price of a log that can judge other policies.",
    )
    right, state = play(url, stream, names, seed)
    picture = curve(right, stream, names, folder / "demo.png")
    say("2  Closing, opening again, proving")
    prove(url, state)
    say(
        "3  What would other policies have earned?",
        "Answered from the log alone. 'uniform' names at random, 'constant' always says the same, 'inverse-gap'",
        "explores by another law and learns along the log. 'logged' is the policy that ran. The three columns are",
        "three ways of weighting what was logged by how much likelier the other policy would have made it.",
    )
    judge(url, names[0])
    console.print(f"\nThe store: {file}. The learning curve: {picture}. Ask more: .venv/bin/croupier evaluate --help\n")


def pictures(seed: int) -> Stream:
    """The data set three times, each time in a new order."""
    from river import datasets

    rng = random.Random(seed)  # noqa: S311 - an order, not a secret
    once = [(dict(x), str(y)) for x, y in datasets.ImageSegments()]  # type: ignore[no-untyped-call] # River ships no types
    return [pair for _ in range(PASSES) for pair in rng.sample(once, len(once))]


def play(url: str, stream: Stream, names: list[str], seed: int) -> tuple[list[bool], str]:
    """One decision and one reward a picture; whether each was right, and the hash of the state at the end."""
    right: list[bool] = []
    shown = Counter(name for _, name in stream)
    constant = max(shown.values()) / len(stream)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), TimeElapsedColumn()
    with Engine.open(url, policy=POLICY, seed=seed) as engine, Progress(*columns, console=console) as progress:
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
    with Engine.open(url, policy=POLICY) as engine:
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
    targets = ["logged", "policy:inverse-gap", "uniform", f"constant:{constant}"]
    with bar("reading the log", console) as progress:
        evaluation = evaluate(url, targets, progress=progress)
    console.print(reports.as_text(evaluation))
    say("4  Side by side", "Differences on the same decisions, which are more exact than two separate intervals.")
    with bar("reading the log", console) as progress:
        comparison = compare(url, targets[:3], progress=progress)
    console.print(reports.as_text(comparison))


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
    best, chance = max(shown.values()) / len(stream), 1 / len(names)
    if best - chance > 0.01:
        axes.axhline(best, color="#b5651d", dashes=(4, 2), linewidth=1, label=f"best constant choice ({best:.0%})")
    label = "at random" if best - chance > 0.01 else "at random, and the best constant choice"
    axes.axhline(chance, color="#888888", dashes=(1, 2), linewidth=1, label=f"{label} ({chance:.0%})")
    axes.set(xlabel="decisions", ylabel="share of right choices", ylim=(0, 1), xlim=(0, len(right)))
    axes.set_title("Learning from right or wrong alone", loc="left")
    axes.legend(frameon=False, loc="center right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)
    return file


def say(title: str, *lines: str) -> None:
    """A heading and what it is about."""
    console.print(f"\n[bold]{title}[/bold]")
    for line in lines:
        console.print(line)


if __name__ == "__main__":
    typer.run(main)
