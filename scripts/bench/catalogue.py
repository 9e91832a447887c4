"""Time of a choice over a whole catalogue, beside one matrix-vector product with its features and a softmax."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numba
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.output import JsonFile, console, table, write_json
from bench.timing import median_seconds, ratio
from croupier import Engine
from croupier.ratings import Catalogue
from croupier_policies import CataloguePolicy

SEED = 7
USERS = 50
RANK = 16
Array = NDArray[np.float64]
Call = Callable[[], object]


@numba.njit(cache=True, error_model="numpy")
def _product_softmax(matrix: Array, weights: Array, out: Array) -> None:  # compiled; the item axis innermost
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


def references(features: Array) -> dict[str, Call]:
    """One matrix-vector product and its softmax, in numpy and compiled."""
    weights = np.asarray(np.random.default_rng(SEED).normal(size=features.shape[1]))
    transposed = np.ascontiguousarray(features.T)

    def with_numpy() -> Array:
        scores = weights @ transposed
        scores -= scores.max()
        np.exp(scores, out=scores)
        return np.asarray(scores / scores.sum())

    def with_numba() -> Array:
        out = np.empty(features.shape[0])
        _product_softmax(transposed, weights, out)
        return out

    return {"product and softmax, numpy": with_numpy, "product and softmax, numba": with_numba}


def train(catalogue: Catalogue, rank: int, events: int) -> CataloguePolicy:
    """Train a policy on events of all users and many items."""
    rng, policy = np.random.default_rng(SEED), CataloguePolicy(rank=rank)
    for t in range(events):
        context: dict[str, float | str] = {"unit": f"u{t % USERS}", "hour": float(t % 24)}
        policy.learn(context, catalogue.actions, int(rng.integers(len(catalogue))), float(rng.random() < 0.2), 0.1)
    return policy


def choice(policy: CataloguePolicy, catalogue: Catalogue) -> Call:
    """The probabilities of a choice, without an engine."""
    context: dict[str, float | str] = {"unit": "u3", "hour": 3.0}
    return lambda: policy.probabilities(context, catalogue.actions)


def engine_calls(engine: Engine, catalogue: Catalogue) -> tuple[dict[str, Call], dict[str, Call]]:
    """The calls of an application: single choices with their rewards, and lists."""
    waiting: list[str] = []

    def choose() -> None:
        waiting.append(engine.choose({"hour": 3.0}, catalogue, unit="u3").id)

    def recommend(k: int) -> Call:
        return lambda: engine.recommend(k=k, actions=catalogue, context={"hour": 3.0}, unit="u3")

    single: dict[str, Call] = {
        "engine.choose": choose,
        "engine.reward": lambda: engine.reward(waiting.pop(), 1.0),
        "engine.choose, 3 items excluded": lambda: engine.choose(
            {"hour": 3.0}, catalogue, unit="u3", exclude=["i1", "i2", "i3"]
        ),
    }
    return single, {f"engine.recommend, k = {k}": recommend(k) for k in (1, 2, 3, 10)}


def measure(items: int, features: int, rounds: int) -> list[dict[str, Any]]:
    """All calls for one catalogue."""
    matrix = np.random.default_rng(SEED).normal(size=(items, features))
    catalogue = Catalogue([f"i{k}" for k in range(items)], matrix)
    reference = references(matrix)
    policies = {f"CataloguePolicy, rank {rank}": choice(train(catalogue, rank, 2_000), catalogue) for rank in (0, RANK)}
    found = [median_seconds(reference | policies, rounds, warmup=50)]
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        with Engine.open(url, policy=CataloguePolicy(rank=RANK), learner=None, seed=SEED) as engine:
            for t in range(500):
                listed = engine.recommend(k=2, actions=catalogue, context={"hour": float(t % 24)}, unit=f"u{t % USERS}")
                engine.reward(listed[0].id, float(t % 5 == 0))
            single, lists = engine_calls(engine, catalogue)
            found.append(median_seconds(single, rounds, warmup=5))
            found.append(median_seconds(lists, max(20, rounds // 20), warmup=5))
    fastest = min(found[0][name] for name in reference)
    size = {"items": items, "features": features}
    return [
        {**size, "call": name, "us": 1e6 * seconds, "reference_us": 1e6 * fastest}
        for times in found
        for name, seconds in times.items()
    ]


def as_table(results: list[dict[str, Any]]) -> Table:
    """The calls of one catalogue."""
    rows = [(row["call"], f"{row['us']:,.1f}", ratio(row["us"], row["reference_us"])) for row in results]
    title = f"{results[0]['items']:,} items, d = {results[0]['features']}; ratio: time divided by the faster product's"
    return table(title, ("call", "µs, median", "ratio"), rows)


def main(
    items: Annotated[list[int] | None, typer.Option(help="Items in a catalogue; may be given several times.")] = None,
    features: Annotated[int, typer.Option(min=1, max=63, help="Features of an item.")] = 32,
    rounds: Annotated[int, typer.Option(min=20, help="Rounds that count, of one call of each contender.")] = 2_000,
    json_file: JsonFile = None,
) -> None:
    """Time choices, rewards and lists over catalogues."""
    sizes = track(items or [1_000, 5_000], "catalogues", console=Console(stderr=True), transient=True)
    results = [measure(size, features, rounds) for size in sizes]
    for rows in results:
        console().print(as_table(rows), "\n")
    write_json(json_file, {"features": features, "rounds": rounds, "rank": RANK}, results)
