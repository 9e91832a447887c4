"""A shop of a thousand users and a thousand items: the loop beside popularity, a nightly filter, and chance.

Each recommender meets the same visitors at the same times, in a shop of its own. It shows three items; a visitor clicks
or not, and buys or not. Halfway, three in ten of the users turn to another taste from one visit to the next.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from croupier.studies.statistics.bounded import mean_sequence
from peers import Chance, Nightly, Popularity, Recommender
from shop import DEPTH, Shop, Visit
from shop_loop import Loop

console = Console(highlight=False, width=110)
WITHIN, SHARE = 30, 0.9  # visits after a change of taste by which this share of the old hit rate is to be regained
EXPLORE = 0.1  # of the places of those that learn from what they show, and are no bandits
BLOCK = 5  # visits in a point of the curve


class Played(NamedTuple):
    """What one recommender earned, visit by visit: hits, their probabilities, purchases, (visits,) each."""

    hits: NDArray[np.float64]
    chances: NDArray[np.float64]
    purchases: NDArray[np.float64]


def main(
    users: Annotated[int, typer.Option(help="Of the shop.")] = 1_000,
    items: Annotated[int, typer.Option(help="Of the shop.")] = 1_000,
    visits: Annotated[int, typer.Option(help="Over ten days.")] = 60_000,
    seed: Annotated[int, typer.Option(help="Of the shop.")] = 1,
    folder: Annotated[Path, typer.Option(help="Where the picture and the figures go.")] = Path("out"),
) -> None:
    """Play all four, and print how they did."""
    folder.mkdir(exist_ok=True)
    shop = Shop(users, items, visits, seed=seed)
    with tempfile.TemporaryDirectory() as store, Progress(console=console, transient=True) as progress:
        makers: dict[str, Callable[[], Recommender[Visit]]] = {
            "croupier": lambda: Loop(shop, f"sqlite:///{store}/shop.db"),
            "nightly filter": lambda: Nightly(users, items, DEPTH, EXPLORE),
            "popularity": lambda: Popularity(items, DEPTH, EXPLORE),
            "random": lambda: Chance(items, DEPTH),
        }
        played = {name: play(shop, make(), progress, name) for name, make in makers.items()}
    figures: dict[str, Any] = {name: told(shop, one) for name, one in played.items()}
    figures["margin"] = margin(played)
    (folder / "case.json").write_text(json.dumps(figures, indent=1))
    show(figures, played, shop)
    console.print(f"\nThe picture: {picture(figures, folder / 'case.png')}; the figures: {folder / 'case.json'}")


def play(shop: Shop, recommender: Recommender[Visit], progress: Progress, name: str) -> Played:
    """Every visit in order; a night after every day."""
    rows, day = [], 0
    task = progress.add_task(name, total=len(shop.visits))
    for visit in shop.visits:
        while day < int(visit.at):
            day += 1
            recommender.night()
        shown = recommender.show(visit)
        clicks, purchases = shop.respond(visit, shown)
        recommender.seen(visit, shown, clicks, purchases)
        rows.append((float(any(clicks)), shop.hit(visit, shown), float(sum(purchases))))
        progress.advance(task)
    recommender.close()
    return Played(*np.array(rows).T)


def told(shop: Shop, played: Played) -> dict[str, Any]:
    """Rates over all, before and after the changes of taste, and how soon the old rate was regained."""
    before, curve = reaction(shop, played)
    return {
        "hit rate": float(played.hits.mean()),
        "purchases": float(played.purchases.mean()),
        "before": before,
        "curve": curve,
        "regained": regained(before, curve),
    }


def regained(before: float, curve: list[float]) -> int | None:
    """The visit by which SHARE of the old rate was there to stay: the last one of the first block of those."""
    low = [k for k, rate in enumerate(curve) if rate < SHARE * before]
    first = low[-1] + 1 if low else 0
    return BLOCK * (first + 1) if first < len(curve) else None


def reaction(shop: Shop, played: Played) -> tuple[float, list[float]]:
    """The hit rate of those who change in the day before it, and by blocks of visits after it.

    The probability of a hit with the list that was shown, known in a simulation, says the same with less noise.
    """
    before: list[float] = []
    after, count = defaultdict[int, list[float]](list), defaultdict[int, int](int)
    for visit, chance in zip(shop.visits, played.chances, strict=True):
        change = shop.changed[visit.user]
        if change - 1.0 <= visit.at < change:
            before.append(chance)
        elif visit.at >= change:
            after[count[visit.user] // BLOCK].append(chance)
            count[visit.user] += 1
    return float(np.mean(before)), [float(np.mean(after[k])) for k in range(2 * WITHIN // BLOCK) if after[k]]


def margin(played: dict[str, Played]) -> list[float]:
    """A 95 % confidence sequence, at its last visit, for the hits a visit that the loop has more than the filter."""
    difference = played["croupier"].hits - played["nightly filter"].hits
    centre, reach, _ = mean_sequence((difference + 1.0) / 2.0, 0.05)
    return [float(2 * (end[-1]) - 1) for end in (centre - reach, centre + reach)]


def show(figures: dict[str, Any], played: dict[str, Played], shop: Shop) -> None:
    """The table, and what it says."""
    table = Table("recommender", *(f"{head}" for head in ("hit rate", "purchases", "before", "right after")))
    table.add_column(f"after {WITHIN} visits")
    table.add_column(f"{SHARE:.0%} regained by")
    for name in played:
        row = figures[name]
        late = row["curve"][WITHIN // BLOCK - 1] if len(row["curve"]) >= WITHIN // BLOCK else float("nan")
        when = {None: "never", BLOCK: "lost less"}.get(row["regained"], f"visit {row['regained']}")
        rates = [f"{row[key]:.3f}" for key in ("hit rate", "purchases", "before")]
        table.add_row(name, *rates, f"{row['curve'][0]:.3f}", f"{late:.3f}", when)
    sizes = f"{len(shop.visits):,} visits of {len(shop.known):,} users, {len(shop.features):,} items"
    console.print(f"\n[bold]{sizes}[/bold]")
    console.print(table)
    console.print(
        f"Hit rate: visits with a click. Purchases: a visit. 'Before' to 'regained': of the "
        f"{int(np.isfinite(shop.changed).sum())} users who change their taste, around that change."
    )
    low, high = figures["margin"]
    console.print(f"The loop has {low:.3f} to {high:.3f} more hits a visit than the filter, however often one looks.")


def picture(figures: dict[str, Any], file: Path) -> Path:
    """Hit rates around the change of taste."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name, row in figures.items():
        if name != "margin":
            visits = [-BLOCK, *(BLOCK * (k + 0.5) for k in range(len(row["curve"])))]
            (line,) = axes.plot(visits, [row["before"], *row["curve"]], marker="o", markersize=3, label=name)
            axes.axhline(SHARE * row["before"], color=line.get_color(), linewidth=0.6, linestyle=":")
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set(xlabel="visits of a user after the change of taste", ylabel="hit rate", ylim=(0, 1))
    axes.set_title("Users who turn to another taste, and who follows them (dotted: nine tenths of before)")
    fig.legend(frameon=False, loc="outside lower center", ncols=4)
    fig.savefig(file, dpi=120)
    plt.close(fig)
    return file


if __name__ == "__main__":
    typer.run(main)
