"""What a choice over a whole catalogue costs, beside one plain pass over its matrix and the softmax of that.

The contenders take turns, a call each, so that whatever slows the machine slows all of them; figures are medians.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numba
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench_loop import machine
from croupier import Engine
from croupier.ratings import Catalogue
from croupier_policies import CataloguePolicy

SEED = 7
USERS = 50
RANK = 16
Array = NDArray[np.float64]
Call = Callable[[], object]


@numba.njit(cache=True, error_model="numpy")
def _pass(matrix: Array, weights: Array, out: Array) -> None:  # compiled; the item axis innermost
    for k in range(out.shape[0]):
        out[k] = 0.0
    for a in range(matrix.shape[0]):
        for k in range(out.shape[0]):
            out[k] += weights[a] * matrix[a, k]
    top, total = out.max(), 0.0
    for k in range(out.shape[0]):
        out[k] = np.exp(out[k] - top)
        total += out[k]
    for k in range(out.shape[0]):
        out[k] /= total


def passes(features: Array) -> dict[str, Call]:
    """One plain pass and its softmax, in numpy and compiled."""
    weights = np.asarray(np.random.default_rng(SEED).normal(size=features.shape[1]))
    turned = np.ascontiguousarray(features.T)

    def with_numpy() -> Array:
        scores = weights @ turned
        scores -= scores.max()
        np.exp(scores, out=scores)
        return np.asarray(scores / scores.sum())

    def with_numba() -> Array:
        out = np.empty(features.shape[0])
        _pass(turned, weights, out)
        return out

    return {"one pass and softmax, numpy": with_numpy, "one pass and softmax, numba": with_numba}


def taught(catalogue: Catalogue, rank: int, events: int) -> CataloguePolicy:
    """A policy that has met all users and many items."""
    rng, policy = np.random.default_rng(SEED), CataloguePolicy(rank=rank)
    for t in range(events):
        context: dict[str, float | str] = {"unit": f"u{t % USERS}", "hour": float(t % 24)}
        policy.learn(context, catalogue.actions, int(rng.integers(len(catalogue))), float(rng.random() < 0.2), 0.1)
    return policy


def medians(calls: dict[str, Call], rounds: int, warm: int = 50) -> dict[str, float]:
    """Microseconds of every call, taken in turns."""
    for call in calls.values():
        for _ in range(warm):
            call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            before = perf_counter()
            call()
            times[name].append(perf_counter() - before)
    return {name: 1e6 * float(np.median(its)) for name, its in times.items()}


def asking(policy: CataloguePolicy, catalogue: Catalogue) -> Call:
    """A choice without an engine."""
    context: dict[str, float | str] = {"unit": "u3", "hour": 3.0}
    return lambda: policy.probabilities(context, catalogue.actions)


def served(engine: Engine, catalogue: Catalogue) -> tuple[dict[str, Call], dict[str, Call]]:
    """The calls of an application: single choices, and lists."""
    waiting: list[str] = []

    def choose() -> None:
        waiting.append(engine.choose({"hour": 3.0}, catalogue, unit="u3").id)

    def listing(k: int) -> Call:
        return lambda: engine.recommend(k=k, actions=catalogue, context={"hour": 3.0}, unit="u3")

    single: dict[str, Call] = {
        "engine.choose": choose,
        "engine.reward": lambda: engine.reward(waiting.pop(), 1.0),
        "engine.choose, 3 items excluded": lambda: engine.choose(
            {"hour": 3.0}, catalogue, unit="u3", exclude=["i1", "i2", "i3"]
        ),
    }
    return single, {f"engine.recommend, k = {k}": listing(k) for k in (1, 2, 3, 10)}


def measure(items: int, features: int, rounds: int) -> list[dict[str, Any]]:
    """Everything for one catalogue."""
    matrix = np.random.default_rng(SEED).normal(size=(items, features))
    catalogue = Catalogue([f"i{k}" for k in range(items)], matrix)
    plain = passes(matrix)
    alone = plain | {
        f"CataloguePolicy, rank {rank}": asking(taught(catalogue, rank, 2_000), catalogue) for rank in (0, RANK)
    }
    found = [medians(alone, rounds)]
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        with Engine.open(url, policy=CataloguePolicy(rank=RANK), learner=None, seed=SEED) as engine:
            for t in range(500):
                listed = engine.recommend(k=2, actions=catalogue, context={"hour": float(t % 24)}, unit=f"u{t % USERS}")
                engine.reward(listed[0].id, float(t % 5 == 0))
            single, lists = served(engine, catalogue)
            found += [medians(single, rounds, 5), medians(lists, max(20, rounds // 20), 5)]
    least = min(found[0][name] for name in plain)
    rows = [(name, us) for times in found for name, us in times.items()]
    return [{"items": items, "features": features, "what": name, "us": us, "passes": us / least} for name, us in rows]


def shown(rows: list[dict[str, Any]]) -> Table:
    """As a table."""
    table = Table("what", title=f"{rows[0]['items']:,} items, d = {rows[0]['features']}", title_justify="left")
    table.add_column("µs, median", justify="right")
    table.add_column("× the faster plain pass", justify="right")
    for row in rows:
        table.add_row(row["what"], f"{row['us']:,.1f}", f"{row['passes']:.2f}")
    return table


def bench(
    items: Annotated[list[int] | None, typer.Option(help="Sizes of catalogues; give it several times.")] = None,
    features: Annotated[int, typer.Option(min=1, max=63, help="Shared features of an item.")] = 32,
    rounds: Annotated[int, typer.Option(min=20, help="Calls of each contender.")] = 2_000,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write everything here.")] = None,
) -> None:
    """Time choices, rewards and lists over catalogues."""
    console = Console(width=None if sys.stdout.isatty() else 130)
    sizes = track(items or [1_000, 5_000], "catalogues", console=Console(stderr=True), transient=True)
    results = [measure(size, features, rounds) for size in sizes]
    for rows in results:
        console.print(shown(rows), "\n")
    if json_file is not None:
        settings = {"features": features, "rounds": rounds, "rank": RANK}
        json_file.write_text(json.dumps({"machine": machine(), "settings": settings, "results": results}, indent=2))
