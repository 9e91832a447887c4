"""The promises about experiments, in full number: `python scripts/experiment_proofs.py`; exits 1 if one is not kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Annotated, NamedTuple, TypeVar

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import experiment_simulations as sim
from croupier.state.experiment.assignment import Split, points
from croupier.state.experiment.buckets import HOLDOUT
from croupier.studies.promotion import RulingAction
from experiment_canaries import Canary, canary

T = TypeVar("T")
Runner = Callable[[Callable[[int], T], int], list[T]]


class Promise(NamedTuple):
    """What was promised, what came of it, and whether it was kept."""

    text: str
    found: str
    kept: bool


def most(runs: int, rate: float) -> int:
    """The 99.9 % bound of a count: exceeded once in a thousand where the rate is right."""
    from scipy.stats import binom

    return int(binom.isf(0.001, runs, rate))


def same(run: Runner[sim.Same], runs: int) -> Iterator[Promise]:
    """A/A experiments with a look every day."""
    found, bound = run(sim.same, runs), most(runs, 0.05)
    counts = {name: sum(getattr(one, name) for one in found) for name in sim.Same._fields}
    spoken = float(np.median([one.spoken for one in found]))
    yield Promise("A/A: the sequence speaks at 5 looks or more (median)", f"{spoken:g}", spoken >= 5)
    for name in ("per_unit", "per_decision"):
        text = f"A/A: always-valid, {name}, wrong at most {bound} times"
        yield Promise(text, f"{counts[name]} of {runs}", counts[name] <= bound)
    for name in ("peeked_at", "over_decisions"):
        text = f"A/A: {name} is wrong more than {bound} times"
        yield Promise(text, f"{counts[name]} of {runs}", counts[name] > bound)


def power(run: Runner[float], runs: int) -> Iterator[Promise]:
    """Stopping on a true effect."""
    ratio = float(np.median(run(sim.stopped, runs)))
    yield Promise("power: stops within 2 fixed samples (median)", f"{ratio:.2f}", ratio <= 2)


def covariate(run: Runner[tuple[float, float, float]], runs: int) -> Iterator[Promise]:
    """CUPED at correlation .7."""
    found = np.array(run(sim.adjusted, runs))
    told, true = float(np.median(found[:, 2])), float(found[:, 1].var() / found[:, 0].var())
    text = "CUPED at .7: variance ratio at most .55 (told, median)"
    yield Promise(text, f"{told:.3f}; over runs {true:.3f}", told <= 0.55)


def split(false: Runner[bool], true: Runner[int | None], runs: int) -> Iterator[Promise]:
    """Alarms about the split."""
    alarms, bound = sum(false(sim.false_alarm, runs)), most(runs, 0.01)
    yield Promise(f"SRM: at most {bound} false alarms", f"{alarms} of {runs}", alarms <= bound)
    raised = sorted(unit for unit in true(sim.true_alarm, runs) if unit is not None)
    share = len(raised) / runs
    found = f"{share:.1%}, median {raised[len(raised) // 2]} units"
    yield Promise("SRM: 45/55 found within 3,500 units in 95 %", found, share >= 0.95)


def canaries(run: Runner[Canary], runs: int) -> Iterator[Promise]:
    """Candidates under the rule of promotion."""
    bound, few = most(runs, 0.05), max(runs // 5, 1)
    for effect in (0.0, -0.05):
        found = Counter(one.action for one in run(partial(canary, effect=effect), runs))
        wrong = found[RulingAction.PROMOTE]
        text = f"canary: effect {effect:g} promoted at most {bound} times"
        yield Promise(text, f"{wrong} of {runs}", wrong <= bound)
    good = sum(one.action is RulingAction.PROMOTE for one in run(partial(canary, effect=0.15), few))
    yield Promise("canary: effect +.15 promoted in 95 %", f"{good} of {few}", good >= 0.95 * few)
    for name, effect, harm in (("effect -.3", -0.3, 0.0), ("a broken guardrail", 0.15, 0.6)):
        ends = run(partial(canary, effect=effect, harm=harm), few)
        gone = [one for one in ends if one.action is RulingAction.WITHDRAW and not one.undecided]
        met = int(np.median([one.met for one in gone])) if gone else 0
        found_ = f"{len(gone)} of {few}, {met} units met it (median)"
        yield Promise(f"canary: {name} withdrawn on evidence in 95 %", found_, len(gone) >= 0.95 * few)


def assigned(part: int, units: int) -> bytes:
    """The variants of all units, as one process sees them."""
    names = np.array(["a", "b", "c", HOLDOUT])
    now = Split.of({"a": 4, "b": 4}, holdout=0.1).changed({"a": 2, "b": 4, "c": 2})
    found = now.owners(points(7, "proof", (f"user-{k}" for k in range(units))))
    return bytes((found[:, None] == names).argmax(axis=1).astype(np.uint8).tobytes())


def sticky(pool: ProcessPoolExecutor, units: int) -> Iterator[Promise]:
    """Every unit in four processes, and after a restart of all of them."""
    first = list(pool.map(partial(assigned, units=units), range(4)))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as restarted:
        again = list(restarted.map(partial(assigned, units=units), range(2)))
    answers = set(first + again)
    yield Promise(
        f"assignment: {units:,} units in 4 processes and after a restart",
        f"{len(answers)} answer(s)",
        len(answers) == 1,
    )


def main(
    runs: Annotated[int, typer.Option(help="A/A experiments; others run in proportion")] = 2_000,
    units: Annotated[int, typer.Option(help="units that are assigned in every process")] = 1_000_000,
    processes: Annotated[int, typer.Option(help="side by side")] = 4,
) -> None:
    """Run every proof and print what came of it."""
    table, kept = Table("promise", "found", "", title="experiments"), True
    quarter = max(runs // 4, 20)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:

        def run(one: Callable[[int], T], count: int) -> list[T]:
            return list(pool.map(one, range(count), chunksize=5))

        for proof in (
            same(run, runs),
            power(run, quarter),
            covariate(run, quarter),
            split(run, run, runs),
            canaries(run, quarter),
            sticky(pool, units),
        ):
            for promise in proof:
                table.add_row(promise.text, promise.found, "kept" if promise.kept else "[red]broken[/]")
                kept = kept and promise.kept
    Console(width=120).print(table)
    raise typer.Exit(not kept)


if __name__ == "__main__":
    typer.run(main)
