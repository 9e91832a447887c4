"""The loop on real events: fourteen days of a shop's invoices, and sessions of clicks, replayed as they came.

Before a basket (an invoice, or the next event of a session) is known, everyone recommends k items out of those that
have appeared so far; a place is a hit where its item is in the basket. Then the basket is known to all: the loop gets
the rewards of the places it has shown, and observes the basket; popularity counts it; the filter learns it at night.

What is counted is a hit among what was in the basket anyhow. Showing changed nothing of what was bought, and an item
that was not bought may not have been wanted, or not been seen: this is less than what matters, how much more a shop
would sell. The loop learns from its own places alone (and from what it observes), as it would live; its rivals need no
chance, and play none.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from croupier.ratings.metrics import ndcg, recall
from croupier.studies.statistics.bounded import mean_sequence
from events import OTTO, RETAIL, Basket, Stream, read
from events_loop import Ranked, Whole
from peers import Chance, Nightly, Popularity, Recommender

console = Console(highlight=False, width=120)
MEASURES = ("hit rate", "recall", "NDCG")
LOOP, RIVALS = "croupier", ("popularity", "nightly filter")


BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "events"


class Source(NamedTuple):
    """Where events are within the folder, and how they are read."""

    title: str
    pattern: str
    mapping: dict[str, Any]
    where: str


SOURCES = {
    "retail": Source(
        "Online Retail: an invoice's items",
        "online_retail/by-day/*.csv",
        RETAIL,
        "UCI's Online Retail, a CSV file a day",
    ),
    "otto": Source(
        "OTTO: the next event of a session", "otto/train_sample.jsonl", OTTO, "a sample of otto-de/recsys-dataset"
    ),
}


class Played(NamedTuple):
    """What one recommender's lists had in common with the baskets: measures (baskets, 3), by day and kind of unit."""

    measures: NDArray[np.float64]
    days: NDArray[np.int64]
    returning: NDArray[np.bool_]


def main(
    events: Annotated[Path, typer.Argument(help="The folder with online_retail/ and otto/.")] = BESIDE,
    k: Annotated[int, typer.Option(min=1, help="Places in a list.")] = 10,
    days: Annotated[int, typer.Option(min=1, help="At most so many files of Online Retail.")] = 14,
    folder: Annotated[Path, typer.Option(help="Where the pictures and the figures go.")] = Path("out"),
) -> None:
    """Replay both, and print how everyone did."""
    folder.mkdir(exist_ok=True)
    for name, source in SOURCES.items():
        files = sorted(events.glob(source.pattern))[:days]
        if not files:
            console.print(f"\n{source.title}: left out. There is no {events / source.pattern}: {source.where}.")
            continue
        with Progress(console=console, transient=True) as progress:
            stream, found = read(files, source.mapping, progress)
            console.print(f"\n[bold]{source.title}[/bold]\n{found.summary()}")
            played = replay(stream, k, progress)
        figures = told(played)
        rows = {"rows": found.rows, "kept": found.kept, "rejected": dict(found.rejected)}
        (folder / f"case-{name}.json").write_text(json.dumps({"k": k, "ingested": rows, **figures}, indent=1))
        show(figures, stream, k)
        drawn = picture(figures, source.title, k, folder / f"case-{name}.png")
        console.print(f"The picture: {drawn}; the figures: {folder / f'case-{name}.json'}")


def replay(stream: Stream, k: int, progress: Progress) -> dict[str, Played]:
    """All contenders on the same baskets."""
    sizes = len(stream.items), k
    with tempfile.TemporaryDirectory() as store:
        makers: dict[str, Callable[[], Recommender[Basket]]] = {
            LOOP: lambda: Ranked(stream, f"sqlite:///{store}/ranked.db", k),
            "croupier, whole catalogue": lambda: Whole(stream, f"sqlite:///{store}/whole.db", k),
            "nightly filter": lambda: Nightly(len(stream.users), *sizes),
            "popularity": lambda: Popularity(*sizes),
            "random": lambda: Chance(*sizes),
        }
        return {name: play(stream, make(), k, progress, name) for name, make in makers.items()}


def play(stream: Stream, recommender: Recommender[Basket], k: int, progress: Progress, name: str) -> Played:
    """Every basket in order; a night between two days; lists from when 2k items are known, and for no guests."""
    rows: list[tuple[float, ...]] = []
    days, returning, met = list[int](), list[bool](), set[int]()
    day = stream.baskets[0].day
    task = progress.add_task(name, total=len(stream.baskets))
    for basket in stream.baskets:
        if basket.day > day:
            recommender.night()
            day = basket.day
        if basket.stocked > 2 * k and not basket.unit.startswith("guest "):
            recommender.stocked = basket.stocked
            rows.append(measured(recommender.show(basket), basket, k))
            days.append(day)
            returning.append(basket.user in met)
        met.add(basket.user)
        recommender.seen(basket, basket.items, [True] * len(basket.items), [True] * len(basket.items))
        progress.advance(task)
    recommender.close()
    return Played(np.array(rows), np.array(days), np.array(returning))


def measured(shown: list[int], basket: Basket, k: int) -> tuple[float, ...]:
    """Whether there is a hit, recall@k and NDCG@k; items that have not appeared before can be in no list."""
    size = max([basket.stocked - 1, *basket.items]) + 1
    scores, there = np.zeros(size), np.zeros(size, dtype=np.bool_)
    scores[shown], there[basket.items] = np.arange(k, 0, -1), True
    return float(there[shown].any()), recall(scores, there, k), ndcg(scores, there, k)


def told(played: dict[str, Played]) -> dict[str, Any]:
    """Means over all, over returning units and new ones, by day, and the loop's margins."""
    figures: dict[str, Any] = {"baskets": len(played[LOOP].days), "returning": int(played[LOOP].returning.sum())}
    figures["recommenders"] = {name: _means(one) for name, one in played.items()}
    figures["margins"] = {rival: margins(played[LOOP], played[rival]) for rival in RIVALS}
    return figures


def _means(one: Played) -> dict[str, Any]:
    by_day = {str(day): float(one.measures[one.days == day, 0].mean()) for day in np.unique(one.days)}
    groups = {"all": np.ones(len(one.days), np.bool_), "returning": one.returning, "new": ~one.returning}
    means = {name: one.measures[rows].mean(axis=0).tolist() for name, rows in groups.items()}
    return {**{name: dict(zip(MEASURES, row, strict=True)) for name, row in means.items()}, "by day": by_day}


def margins(loop: Played, rival: Played) -> dict[str, list[float]]:
    """95 % confidence sequences, at the last basket, for how much more the loop has a basket, of each measure."""
    found = {}
    for name, difference in zip(MEASURES, (loop.measures - rival.measures).T, strict=True):
        centre, reach, _ = mean_sequence((difference + 1.0) / 2.0, 0.05)
        found[name] = [float(2.0 * end[-1] - 1.0) for end in (centre - reach, centre + reach)]
    return found


def show(figures: dict[str, Any], stream: Stream, k: int) -> None:
    """The table, and the margins."""
    table = Table("recommender", *(f"{name}@{k}" for name in MEASURES))
    for group in ("returning", "new"):
        table.add_column(f"hit rate, {group}")
    for name, row in figures["recommenders"].items():
        table.add_row(
            name,
            *(f"{row['all'][measure]:.4f}" for measure in MEASURES),
            *(f"{row[group]['hit rate']:.4f}" for group in ("returning", "new")),
        )
    baskets, back = figures["baskets"], figures["returning"]
    console.print(
        f"{baskets:,} baskets, {back:,} of them of units that had come before; {len(stream.users):,} units, "
        f"{len(stream.items):,} items"
    )
    console.print(table)
    for rival, found in figures["margins"].items():
        parts = (f"{name} {low:+.4f} to {high:+.4f}" for name, (low, high) in found.items())
        console.print(f"The loop beside {rival}, however often one looks: {', '.join(parts)}")


def picture(figures: dict[str, Any], title: str, k: int, file: Path) -> Path:
    """Hit rates by day."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name, row in figures["recommenders"].items():
        days = [np.datetime64(int(day), "D") for day in row["by day"]]
        axes.plot(days, list(row["by day"].values()), marker="o", markersize=3, label=name)
    axes.set(ylabel=f"hit rate@{k}", ylim=(0, 1), title=title)
    axes.tick_params("x", rotation=30)
    fig.legend(frameon=False, loc="outside lower center", ncols=5)
    fig.savefig(file, dpi=120)
    plt.close(fig)
    return file


if __name__ == "__main__":
    typer.run(main)
