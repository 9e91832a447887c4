"""The policies on the reference simulations: their lift as a fraction of the oracle's, or their regret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bakeoff.contenders import BASE, EXPLORERS
from bench.output import JsonFile, console, table, write_json
from croupier_policies import (
    BankModel,
    HybridModel,
    InverseGap,
    InverseGapPolicy,
    LinearPolicy,
    LogisticModel,
    Policy,
    RidgeModel,
    Softmax,
    SoftmaxPolicy,
    Thompson,
    UniformPolicy,
    Vector,
    VWPolicy,
)
from support import simulations
from support.simulations import Stream

Make = Callable[[], Policy]
DEFAULTS: dict[str, Make] = {"softmax": SoftmaxPolicy, "inverse-gap": InverseGapPolicy, "uniform": UniformPolicy}
LINEAR: dict[str, Make] = {
    "softmax, no squares": lambda: SoftmaxPolicy(squares=False),
    "inverse-gap, no squares": lambda: InverseGapPolicy(squares=False),
    "softmax, squares always": lambda: LinearPolicy(model=RidgeModel(), law=Softmax()),
    "logistic": lambda: LinearPolicy(model=LogisticModel(squares=False)),
}
PEERS: dict[str, Make] = {"LinTS": lambda: LinearPolicy(model=RidgeModel(squares=False), law=Thompson())}
for _name, _options in (EXPLORERS if find_spec("vowpalwabbit") else {}).items():
    PEERS[_name] = partial(VWPolicy, f"{BASE} {_options}", epsilon=0.0)
BANK: dict[str, Make] = {"bank": lambda: LinearPolicy(model=BankModel())}
HYBRID: dict[str, Make] = {
    "hybrid": lambda: LinearPolicy(model=HybridModel()),
    "hybrid, inverse-gap": lambda: LinearPolicy(model=HybridModel(), law=InverseGap(alpha=0.25)),
}
PER_ACTION: dict[str, Make] = {  # models in which actions do not learn from one another
    "per-action ridge": lambda: LinearPolicy(model=RidgeModel(squares=False)),
    "per-action ridge, squares": lambda: LinearPolicy(model=RidgeModel()),
}
NO_FLOOR: dict[str, Make] = {
    "softmax, ε = 0": lambda: SoftmaxPolicy(epsilon=0.0),
    "inverse-gap, ε = 0": lambda: InverseGapPolicy(epsilon=0.0),
}
CONTEXT_FREE = "contextfree"
LIFT = "fraction of the oracle's lift"
CONSTANT = "the best constant action, in hindsight"
REGRET = "regret divided by that of Thompson sampling"


@dataclass(frozen=True)
class Figure:
    """A measure of one policy on one simulation: the mean over seeds and its standard error."""

    simulation: str
    measure: str
    policy: str
    mean: float
    error: float


def _second_half(stream: Stream, expected: Vector) -> float:
    return simulations.lift(stream, expected, len(expected) // 2)


@dataclass(frozen=True)
class Simulation:
    """A stream for each seed, the measure of a policy's expected rewards on it, and the policies."""

    name: str
    stream: Callable[[int], Stream]
    policies: dict[str, Make]
    measure: Callable[[Stream, Vector], float] = simulations.lift


def all_simulations(scale: float, peers: bool = False) -> list[Simulation]:
    """The reference simulations, each with `scale` times its usual number of events."""
    others = PEERS if peers else {}
    long, middle, short = (max(int(n * scale), 20) for n in (100_000, 30_000, 20_000))
    return [
        *(
            Simulation(
                f"clicks(.01, {count}, {long}), second half",
                lambda seed, count=count: simulations.clicks(0.01, count, long, seed),  # type: ignore[misc]
                DEFAULTS | LINEAR | others,
                _second_half,
            )
            for count in (10, 50)
        ),
        Simulation(
            f"continuous(10, {short})",
            lambda seed: simulations.continuous(10, short, seed),
            DEFAULTS | LINEAR | others,
        ),
        Simulation(f"steady(10, {short})", lambda seed: simulations.clicks(0.2, 10, short, seed), DEFAULTS | BANK),
        Simulation(
            f"drift(10, {short}), second half",
            lambda seed: simulations.drift(10, short, seed),
            DEFAULTS | BANK,
            _second_half,
        ),
        Simulation(f"many(100, {short})", lambda seed: simulations.many(100, short, seed), DEFAULTS | HYBRID),
        Simulation(f"many(1000, {middle})", lambda seed: simulations.many(1000, middle, seed), HYBRID | PER_ACTION),
    ]


def figures(seeds: int, scale: float, peers: bool, only: str) -> Iterator[Figure]:
    """Every policy on each of its simulations."""
    for simulation in all_simulations(scale, peers):
        if only not in simulation.name:
            continue
        constant = [_constant(simulation, seed) for seed in range(seeds)]
        yield _figure(simulation.name, LIFT, CONSTANT, constant)
        for policy, make in simulation.policies.items():
            values = []
            for seed in range(seeds):
                stream = simulation.stream(seed)
                values.append(simulation.measure(stream, simulations.play(make(), stream, seed)))
            yield _figure(simulation.name, LIFT, policy, values)
    n = max(int(10_000 * scale), 20)
    if only not in CONTEXT_FREE:
        return
    for policy, make in (DEFAULTS | NO_FLOOR).items():
        ratios = [simulations.regret_ratio(make, n, [seed]) for seed in range(seeds)]
        yield _figure(f"{CONTEXT_FREE}({n})", REGRET, policy, ratios)


def _constant(simulation: Simulation, seed: int) -> float:
    stream = simulation.stream(seed)
    return max(simulation.measure(stream, stream.means[:, k]) for k in range(len(stream.actions)))


def _figure(simulation: str, measure: str, policy: str, values: list[float]) -> Figure:
    error = float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0
    return Figure(simulation, measure, policy, float(np.mean(values)), error)


def as_table(figures: list[Figure], seeds: int) -> Table:
    """A row for each policy on each simulation."""
    rows = [(each.simulation, each.policy, each.measure, f"{each.mean:.3f} ± {each.error:.3f}") for each in figures]
    columns = ("simulation", "policy", "measure", "mean")
    return table(f"Mean over {seeds} seeds (± standard error)", columns, rows, left=3)


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds.")] = 3,
    scale: Annotated[float, typer.Option(min=0.001, help="Number of events, as a fraction of the usual one.")] = 1.0,
    peers: Annotated[bool, typer.Option(help="Add LinTS and the explorers of Vowpal Wabbit on clicks: slow.")] = False,
    only: Annotated[str, typer.Option(help="Run only simulations whose names contain this text.")] = "",
    json_file: JsonFile = None,
) -> None:
    """Run the reference simulations with the policies that suit each."""
    chosen = [each for each in all_simulations(scale, peers) if only in each.name]
    total = sum(1 + len(each.policies) for each in chosen) + len(DEFAULTS | NO_FLOOR) * (only in CONTEXT_FREE)
    results = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("simulating", total=total)
        for figure in figures(seeds, scale, peers, only):
            results.append(figure)
            progress.update(task, advance=1, description=f"{figure.policy} on {figure.simulation}")
    console().print(as_table(results, seeds))
    settings = {"seeds": seeds, "scale": scale, "peers": peers, "only": only}
    write_json(json_file, settings, [asdict(figure) for figure in results])


if __name__ == "__main__":
    typer.run(main)
