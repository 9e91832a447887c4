"""A simulated shop of a thousand users and items: the engine beside a nightly filter, popularity and random lists.

Each recommender gets the same visits at the same times, in a shop of its own. It shows three items, each of which the
visitor may click and buy. Halfway, the taste of three in ten of the users changes from one visit to the next.
"""

from __future__ import annotations

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

from bench.output import console, table, write_json
from case.margins import margin
from case.recommenders import NightlyFilter, Popularity, Random, Recommender
from case.shop import DEPTH, Shop, Visit
from case.shop_loop import ShopLoop

WITHIN, SHARE = 30, 0.9  # visits after a change of taste, and the fraction of the old hit rate to recover by then
EXPLORE = 0.1  # fraction of random items of the recommenders that learn from their own lists but are not bandits
BLOCK = 5  # visits that a point of the curve averages


class Result(NamedTuple):
    """One recommender, visit by visit: hits, their probabilities, purchases, (visits,) each."""

    hits: NDArray[np.float64]
    hit_probabilities: NDArray[np.float64]
    purchases: NDArray[np.float64]


def main(
    users: Annotated[int, typer.Option(help="Number of users.")] = 1_000,
    items: Annotated[int, typer.Option(help="Number of items.")] = 1_000,
    visits: Annotated[int, typer.Option(help="Number of visits, over ten days.")] = 60_000,
    seed: Annotated[int, typer.Option(help="Seed of the shop.")] = 1,
    folder: Annotated[Path, typer.Option(help="Folder for case.png and case.json.")] = Path("out"),
) -> None:
    """Run all four recommenders and print their results."""
    folder.mkdir(exist_ok=True)
    screen = console(110)
    shop = Shop(users, items, visits, seed=seed)
    with tempfile.TemporaryDirectory() as store, Progress(console=screen, transient=True) as progress:
        makers: dict[str, Callable[[], Recommender[Visit]]] = {
            "croupier": lambda: ShopLoop(shop, f"sqlite:///{store}/shop.db"),
            "nightly filter": lambda: NightlyFilter(users, items, DEPTH, EXPLORE),
            "popularity": lambda: Popularity(items, DEPTH, EXPLORE),
            "random": lambda: Random(items, DEPTH),
        }
        results = {name: play(shop, make(), progress, name) for name, make in makers.items()}
    figures = {name: summary(shop, result) for name, result in results.items()}
    lead = margin(results["croupier"].hits - results["nightly filter"].hits)
    settings = {"users": users, "items": items, "visits": visits, "seed": seed}
    write_json(folder / "case.json", settings, {"recommenders": figures, "margin": lead})
    print_results(screen, figures, lead, shop)
    screen.print(f"\nChart: {plot(figures, folder / 'case.png')}; figures: {folder / 'case.json'}")


def play(shop: Shop, recommender: Recommender[Visit], progress: Progress, name: str) -> Result:
    """Run a recommender over all visits in order, with a night after each day."""
    rows, day = [], 0
    task = progress.add_task(name, total=len(shop.visits))
    for visit in shop.visits:
        while day < int(visit.at):
            day += 1
            recommender.night()
        recommended = recommender.recommend(visit)
        clicks, purchases = shop.respond(visit, recommended)
        recommender.observe(visit, recommended, clicks, purchases)
        rows.append((float(any(clicks)), shop.hit(visit, recommended), float(sum(purchases))))
        progress.advance(task)
    recommender.close()
    return Result(*np.array(rows).T)


def summary(shop: Shop, result: Result) -> dict[str, Any]:
    """Overall rates, the hit rate before and after a change of taste, and the visit by which it has recovered."""
    before, curve = reaction(shop, result)
    return {
        "hit rate": float(result.hits.mean()),
        "purchases": float(result.purchases.mean()),
        "before": before,
        "curve": curve,
        "recovered": recovery_visit(before, curve),
    }


def recovery_visit(before: float, curve: list[float]) -> int | None:
    """The visit from which the hit rate stays at SHARE of the old one or more: the last of the first such block."""
    low = [k for k, rate in enumerate(curve) if rate < SHARE * before]
    first = low[-1] + 1 if low else 0
    return BLOCK * (first + 1) if first < len(curve) else None


def reaction(shop: Shop, result: Result) -> tuple[float, list[float]]:
    """The hit rate of users with a change of taste: on the day before it, and by blocks of visits after it.

    It averages the probabilities of a hit with the lists shown, which are known in a simulation and less noisy.
    """
    before: list[float] = []
    after, count = defaultdict[int, list[float]](list), defaultdict[int, int](int)
    for visit, probability in zip(shop.visits, result.hit_probabilities, strict=True):
        change = shop.change_times[visit.user]
        if change - 1.0 <= visit.at < change:
            before.append(probability)
        elif visit.at >= change:
            after[count[visit.user] // BLOCK].append(probability)
            count[visit.user] += 1
    return float(np.mean(before)), [float(np.mean(after[k])) for k in range(2 * WITHIN // BLOCK) if after[k]]


def print_results(screen: Console, figures: dict[str, dict[str, Any]], lead: tuple[float, float], shop: Shop) -> None:
    """Print the results."""
    headings = ("hit rate", "purchases", "before", "right after", f"after {WITHIN} visits", f"{SHARE:.0%} recovered by")
    rows = []
    for name, row in figures.items():
        late = row["curve"][WITHIN // BLOCK - 1] if len(row["curve"]) >= WITHIN // BLOCK else float("nan")
        when = {None: "never", BLOCK: "lost less"}.get(row["recovered"], f"visit {row['recovered']}")
        rates = (f"{row[key]:.3f}" for key in ("hit rate", "purchases", "before"))
        rows.append((name, *rates, f"{row['curve'][0]:.3f}", f"{late:.3f}", when))
    title = f"{len(shop.visits):,} visits of {len(shop.user_features):,} users, {len(shop.features):,} items"
    screen.print(table(title, ("recommender", *headings), rows))
    screen.print(
        f"Hit rate: fraction of visits with a click. Purchases: mean number a visit. The columns from 'before' on: the "
        f"{int(np.isfinite(shop.change_times).sum())} users whose taste changes, around that change."
    )
    screen.print(
        f"The engine has {lead[0]:.3f} to {lead[1]:.3f} more hits a visit than the nightly filter (95 % confidence "
        "sequence)."
    )


def plot(figures: dict[str, dict[str, Any]], file: Path) -> Path:
    """Draw the hit rates around the change of taste."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name, row in figures.items():
        visits = [-BLOCK, *(BLOCK * (k + 0.5) for k in range(len(row["curve"])))]
        (line,) = axes.plot(visits, [row["before"], *row["curve"]], marker="o", markersize=3, label=name)
        axes.axhline(SHARE * row["before"], color=line.get_color(), linewidth=0.6, linestyle=":")
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set(xlabel="visits of a user after the change of taste", ylabel="hit rate", ylim=(0, 1))
    axes.set_title("Users whose taste changes (dotted: nine tenths of the hit rate before)")
    fig.legend(frameon=False, loc="outside lower center", ncols=4)
    fig.savefig(file, dpi=120)
    plt.close(fig)
    return file


if __name__ == "__main__":
    typer.run(main)
