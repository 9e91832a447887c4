"""The main use on real data: choose, reward, verify the log, and evaluate other policies on it.

Each of 2,310 outdoor images (River's ImageSegments, 18 numbers an image) shows one of seven classes. The engine gets
the numbers, chooses a class, and learns only whether it was right, not what another class would have earned. Every
image appears three times, each time in a new order. One choice in ten explores, which costs a little reward and makes
it possible to evaluate other policies on the log.
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
    folder: Annotated[Path, typer.Option(help="Folder for the store and the chart.")] = Path("out"),
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 7,
) -> None:
    """Run the engine on the images, verify its store, and evaluate other policies on it."""
    folder.mkdir(exist_ok=True)
    file = folder / "demo.db"
    for old in folder.glob("demo.db*"):
        old.unlink()
    url = f"sqlite:///{file}"
    stream = images(seed)
    names = sorted({name for _, name in stream})
    print_section(
        "1  Choose and learn",
        f"{len(stream):,} images to classify: {', '.join(names)}. The engine learns only whether",
        f"it was right. One choice in {1 / FLOOR:.0f} explores, so that other policies can be evaluated on the log.",
    )
    right, state = play(url, stream, names, seed)
    chart = curve(right, stream, names, folder / "demo.png")
    print_section("2  Close, reopen and verify")
    check(url, state)
    print_section(
        "3  What would other policies have earned?",
        "Estimated from the log alone. 'uniform' chooses at random, 'constant' always chooses the same class,",
        "'inverse-gap' explores differently and learns along the log, and 'logged' is the policy that ran. The three",
        "columns are three estimators, which weight each logged reward by the ratio of both policies' probabilities.",
    )
    evaluate_targets(url, names[0])
    console.print(f"\nStore: {file}. Learning curve: {chart}. More: .venv/bin/croupier evaluate --help\n")


def images(seed: int) -> Stream:
    """The data set three times, each time in a new order: pairs of features and class."""
    from river import datasets

    rng = random.Random(seed)  # noqa: S311 - an order, not a secret
    once = [(dict(x), str(y)) for x, y in datasets.ImageSegments()]  # type: ignore[no-untyped-call] # River ships no types
    return [pair for _ in range(PASSES) for pair in rng.sample(once, len(once))]


def play(url: str, stream: Stream, names: list[str], seed: int) -> tuple[list[bool], str]:
    """One decision and one reward for each image; whether each was right, and the state hash at the end."""
    right: list[bool] = []
    counts = Counter(name for _, name in stream)
    constant = max(counts.values()) / len(stream)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[status]}"), TimeElapsedColumn()
    with Engine.open(url, policy=POLICY, seed=seed) as engine, Progress(*columns, console=console) as progress:
        task = progress.add_task("images", total=len(stream), status="")
        for context, name in stream:
            decision = engine.choose(context, names)
            right.append(decision.action == name)
            engine.reward(decision.id, float(right[-1]))
            if len(right) % 70 == 0:
                recent = sum(right[-200:]) / len(right[-200:])
                progress.update(task, completed=len(right), status=f"right {recent:.0%} of the last 200")
        status = f"right {sum(right) / len(right):.1%} (uniform {1 / len(names):.1%}, best constant {constant:.1%})"
        progress.update(task, completed=len(right), status=status)
        return right, engine.state_hash()


def check(url: str, state: str) -> None:
    """Compare the reopened state with the closed one, and verify the log. Exits with 1 if either check fails."""
    with Engine.open(url, policy=POLICY) as engine:
        same = engine.state_hash() == state
    console.print(f"The reopened state {'equals' if same else 'DIFFERS FROM'} the closed one, bit for bit.")
    verification = verify(url)
    console.print(f"verify: {verification.summary()}")
    if not (same and verification.sound):
        raise typer.Exit(1)


def evaluate_targets(url: str, constant: str) -> None:
    """Evaluate other policies on the log, and compare them."""
    targets = ["logged", "policy:inverse-gap", "uniform", f"constant:{constant}"]
    with bar("reading the log", console) as progress:
        evaluation = evaluate(url, targets, progress=progress)
    console.print(reports.as_text(evaluation))
    print_section(
        "4  Compare", "Differences on the same decisions, which are more precise than two separate intervals."
    )
    with bar("reading the log", console) as progress:
        comparison = compare(url, targets[:3], progress=progress)
    console.print(reports.as_text(comparison))


def curve(right: list[bool], stream: Stream, names: list[str], file: Path) -> Path:
    """Draw the learning curve."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=120, layout="constrained")
    window = 150
    sums = [sum(right[max(0, i - window) : i]) / min(i, window) for i in range(20, len(right) + 1)]
    axes.plot(range(20, len(right) + 1), sums, color="#1b6ca8", label=f"Croupier, last {window} decisions")
    counts = Counter(name for _, name in stream)
    best, uniform = max(counts.values()) / len(stream), 1 / len(names)
    if best - uniform > 0.01:
        axes.axhline(best, color="#b5651d", dashes=(4, 2), linewidth=1, label=f"best constant class ({best:.0%})")
    label = "uniform" if best - uniform > 0.01 else "uniform, and the best constant class"
    axes.axhline(uniform, color="#888888", dashes=(1, 2), linewidth=1, label=f"{label} ({uniform:.0%})")
    axes.set(xlabel="decisions", ylabel="fraction right", ylim=(0, 1), xlim=(0, len(right)))
    axes.set_title("Learning from right or wrong alone", loc="left")
    axes.legend(frameon=False, loc="center right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)
    return file


def print_section(title: str, *lines: str) -> None:
    """Print a heading and its text."""
    console.print(f"\n[bold]{title}[/bold]")
    for line in lines:
        console.print(line)


if __name__ == "__main__":
    typer.run(main)
