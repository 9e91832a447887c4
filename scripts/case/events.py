"""Recommenders on real events: fourteen days of a shop's invoices, and sessions of clicks, replayed in order.

Before a basket (an invoice, or the next event of a session) is known, every recommender lists k of the items that have
appeared so far; a position is a hit if its item is in the basket. Then the basket is revealed: the engine gets the
rewards of the positions that it showed and observes the basket, popularity counts it, and the nightly filter learns it
at night.

A hit is an item that was bought regardless of the list. The lists changed nothing about the purchases, and an item that
was not bought may have been unwanted or unseen, so these figures do not measure how much more a shop would sell. The
engine learns from its own positions alone, besides what it observes, as it would in production; its rivals do not learn
from their lists and do not explore.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from bench.output import console, table, write_json
from case.basket_loop import TwoStage, WholeCatalogue
from case.baskets import OTTO, RETAIL, Basket, Stream, read
from case.margins import margin
from case.recommenders import NightlyFilter, Popularity, Random, Recommender
from croupier.ratings.metrics import ndcg, recall

MEASURES = ("hit rate", "recall", "NDCG")
ENGINE, RIVALS = "croupier", ("popularity", "nightly filter")
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "events"


class Source(NamedTuple):
    """A data set: its files within the folder, the mapping to read them, and its origin."""

    title: str
    pattern: str
    mapping: dict[str, Any]
    origin: str


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


class Result(NamedTuple):
    """One recommender: its measures for each basket, (baskets, 3), the day, and whether the unit had come before."""

    measures: NDArray[np.float64]
    days: NDArray[np.int64]
    returning: NDArray[np.bool_]


def main(
    events: Annotated[Path, typer.Argument(help="Folder that contains online_retail/ and otto/.")] = SHARED,
    k: Annotated[int, typer.Option(min=1, help="Length of a list.")] = 10,
    days: Annotated[int, typer.Option(min=1, help="The most files of Online Retail to replay.")] = 14,
    folder: Annotated[Path, typer.Option(help="Folder for the charts and JSON files.")] = Path("out"),
) -> None:
    """Replay both data sets and print the results of every recommender."""
    folder.mkdir(exist_ok=True)
    screen = console(120)
    for name, source in SOURCES.items():
        files = sorted(events.glob(source.pattern))[:days]
        if not files:
            screen.print(
                f"\n{source.title}: left out, because there is no {events / source.pattern} ({source.origin})."
            )
            continue
        with Progress(console=screen, transient=True) as progress:
            stream, ingested = read(files, source.mapping, progress)
            screen.print(f"\n[bold]{source.title}[/bold]\n{ingested.summary()}")
            results = replay(stream, k, progress)
        figures = summary(results)
        rows = {"rows": ingested.rows, "kept": ingested.kept, "rejected": dict(ingested.rejected)}
        write_json(folder / f"case-{name}.json", {"k": k, "days": days}, {"ingested": rows, **figures})
        print_results(screen, figures, stream, k)
        chart = plot(figures, source.title, k, folder / f"case-{name}.png")
        screen.print(f"Chart: {chart}; figures: {folder / f'case-{name}.json'}")


def replay(stream: Stream, k: int, progress: Progress) -> dict[str, Result]:
    """Run all recommenders on the same baskets."""
    sizes = len(stream.items), k
    with tempfile.TemporaryDirectory() as store:
        makers: dict[str, Callable[[], Recommender[Basket]]] = {
            ENGINE: lambda: TwoStage(stream, f"sqlite:///{store}/ranked.db", k),
            "croupier, whole catalogue": lambda: WholeCatalogue(stream, f"sqlite:///{store}/whole.db", k),
            "nightly filter": lambda: NightlyFilter(len(stream.users), *sizes),
            "popularity": lambda: Popularity(*sizes),
            "random": lambda: Random(*sizes),
        }
        return {name: play(stream, make(), k, progress, name) for name, make in makers.items()}


def play(stream: Stream, recommender: Recommender[Basket], k: int, progress: Progress, name: str) -> Result:
    """Run a recommender over all baskets in order, with a night between two days.

    Lists begin once more than 2k items are known; guests get none.
    """
    rows: list[tuple[float, ...]] = []
    days, returning, known = list[int](), list[bool](), set[int]()
    day = stream.baskets[0].day
    task = progress.add_task(name, total=len(stream.baskets))
    for basket in stream.baskets:
        if basket.day > day:
            recommender.night()
            day = basket.day
        if basket.stocked > 2 * k and not basket.unit.startswith("guest "):
            recommender.stocked = basket.stocked
            rows.append(measure(recommender.recommend(basket), basket, k))
            days.append(day)
            returning.append(basket.user in known)
        known.add(basket.user)
        recommender.observe(basket, basket.items, [True] * len(basket.items), [True] * len(basket.items))
        progress.advance(task)
    recommender.close()
    return Result(np.array(rows), np.array(days), np.array(returning))


def measure(items: list[int], basket: Basket, k: int) -> tuple[float, ...]:
    """Whether there is a hit, recall@k and NDCG@k of a list. Items that have not appeared before cannot be listed."""
    size = max([basket.stocked - 1, *basket.items]) + 1
    scores, relevant = np.zeros(size), np.zeros(size, dtype=np.bool_)
    scores[items], relevant[basket.items] = np.arange(k, 0, -1), True
    return float(relevant[items].any()), recall(scores, relevant, k), ndcg(scores, relevant, k)


def summary(results: dict[str, Result]) -> dict[str, Any]:
    """Means over all, returning and new units, and by day; and the margins of the engine over its rivals."""
    engine = results[ENGINE]
    return {
        "baskets": len(engine.days),
        "returning": int(engine.returning.sum()),
        "recommenders": {name: _means(result) for name, result in results.items()},
        "margins": {
            rival: dict(zip(MEASURES, map(margin, (engine.measures - results[rival].measures).T), strict=True))
            for rival in RIVALS
        },
    }


def _means(result: Result) -> dict[str, Any]:
    by_day = {str(day): float(result.measures[result.days == day, 0].mean()) for day in np.unique(result.days)}
    groups = {"all": np.ones(len(result.days), np.bool_), "returning": result.returning, "new": ~result.returning}
    means = {name: result.measures[rows].mean(axis=0).tolist() for name, rows in groups.items()}
    return {**{name: dict(zip(MEASURES, row, strict=True)) for name, row in means.items()}, "by day": by_day}


def print_results(screen: Console, figures: dict[str, Any], stream: Stream, k: int) -> None:
    """Print the results."""
    columns = (*(f"{name}@{k}" for name in MEASURES), "hit rate, returning", "hit rate, new")
    rows = [
        (
            name,
            *(f"{row['all'][measure]:.4f}" for measure in MEASURES),
            *(f"{row[group]['hit rate']:.4f}" for group in ("returning", "new")),
        )
        for name, row in figures["recommenders"].items()
    ]
    title = (
        f"{figures['baskets']:,} baskets, {figures['returning']:,} of them of units that had come before; "
        f"{len(stream.users):,} units, {len(stream.items):,} items"
    )
    screen.print(table(title, ("recommender", *columns), rows))
    for rival, margins in figures["margins"].items():
        text = ", ".join(f"{name} {low:+.4f} to {high:+.4f}" for name, (low, high) in margins.items())
        screen.print(f"Margin of the engine over {rival} (95 % confidence sequences): {text}")


def plot(figures: dict[str, Any], title: str, k: int, file: Path) -> Path:
    """Draw the hit rates by day."""
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
