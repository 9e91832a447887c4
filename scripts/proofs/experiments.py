"""Error rates and power of experiments over many simulations: `python -m proofs.experiments`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Annotated, NamedTuple, TypeVar

import numpy as np
import typer

from bench.output import console, table
from croupier.state.experiment.assignment import Split, points
from croupier.state.experiment.buckets import HOLDOUT
from croupier.studies.promotion import RulingAction
from support import experiments as sim
from support.bounds import largest_count
from support.canaries import Canary, canary

T = TypeVar("T")
Runner = Callable[[Callable[[int], T], int], list[T]]


class Check(NamedTuple):
    """A claim, the figure that was found, and whether the claim holds."""

    claim: str
    found: str
    holds: bool


def false_positives(run: Runner[sim.AAResult], runs: int) -> Iterator[Check]:
    """False positives of A/A experiments that are analysed every day."""
    found, bound = run(sim.aa_experiment, runs), largest_count(runs, 0.05)
    counts = {name: sum(getattr(one, name) for one in found) for name in sim.AAResult._fields}
    looks = float(np.median([one.valid_looks for one in found]))
    yield Check("A/A: the sequence has a value at 5 looks or more (median)", f"{looks:g}", looks >= 5)
    for name in ("per_unit", "per_decision"):
        text = f"A/A: confidence sequence, {name}: at most {bound} false positives"
        yield Check(text, f"{counts[name]} of {runs}", counts[name] <= bound)
    for name in ("peeking", "independent_decisions"):
        text = f"A/A: invalid analysis, {name}: more than {bound} false positives"
        yield Check(text, f"{counts[name]} of {runs}", counts[name] > bound)


def power(run: Runner[float], runs: int) -> Iterator[Check]:
    """Sample size at which a true effect is found."""
    ratio = float(np.median(run(sim.stopping_ratio, runs)))
    yield Check("power: stops within twice the fixed sample (median)", f"{ratio:.2f}", ratio <= 2)


def covariate(run: Runner[tuple[float, float, float]], runs: int) -> Iterator[Check]:
    """CUPED at correlation .7."""
    found = np.array(run(sim.covariate_adjustment, runs))
    estimated, true = float(np.median(found[:, 2])), float(found[:, 1].var() / found[:, 0].var())
    text = "CUPED at .7: estimated variance ratio at most .55 (median)"
    yield Check(text, f"{estimated:.3f}; over runs {true:.3f}", estimated <= 0.55)


def split(false: Runner[bool], true: Runner[int | None], runs: int) -> Iterator[Check]:
    """Alarms of the sample-ratio test."""
    alarms, bound = sum(false(sim.false_alarm, runs)), largest_count(runs, 0.01)
    yield Check(f"SRM: at most {bound} false alarms", f"{alarms} of {runs}", alarms <= bound)
    raised = sorted(unit for unit in true(sim.true_alarm, runs) if unit is not None)
    share = len(raised) / runs
    found = f"{share:.1%}, median {raised[len(raised) // 2]} units"
    yield Check("SRM: 45/55 found within 3,500 units in 95 %", found, share >= 0.95)


def canaries(run: Runner[Canary], runs: int) -> Iterator[Check]:
    """Candidates under the promotion rule."""
    bound, few = largest_count(runs, 0.05), max(runs // 5, 1)
    for effect in (0.0, -0.05):
        found = Counter(one.action for one in run(partial(canary, effect=effect), runs))
        wrong = found[RulingAction.PROMOTE]
        text = f"canary: effect {effect:g} promoted at most {bound} times"
        yield Check(text, f"{wrong} of {runs}", wrong <= bound)
    good = sum(one.action is RulingAction.PROMOTE for one in run(partial(canary, effect=0.15), few))
    yield Check("canary: effect +.15 promoted in 95 %", f"{good} of {few}", good >= 0.95 * few)
    for name, effect, harm in (("effect -.3", -0.3, 0.0), ("a broken guardrail", 0.15, 0.6)):
        ends = run(partial(canary, effect=effect, harm=harm), few)
        withdrawn = [one for one in ends if one.action is RulingAction.WITHDRAW and not one.undecided]
        assigned = int(np.median([one.assigned for one in withdrawn])) if withdrawn else 0
        found_ = f"{len(withdrawn)} of {few}, {assigned} units assigned to it (median)"
        yield Check(f"canary: {name} withdrawn on evidence in 95 %", found_, len(withdrawn) >= 0.95 * few)


def assignments(process: int, units: int) -> bytes:
    """The variants of all units, as one process computes them."""
    names = np.array(["a", "b", "c", HOLDOUT])
    now = Split.from_weights({"a": 4, "b": 4}, holdout=0.1).with_weights({"a": 2, "b": 4, "c": 2})
    found = now.variants_at(points(7, "proof", (f"user-{k}" for k in range(units))))
    return bytes((found[:, None] == names).argmax(axis=1).astype(np.uint8).tobytes())


def sticky(pool: ProcessPoolExecutor, units: int) -> Iterator[Check]:
    """Assignment of every unit in four processes, and again in new ones."""
    first = list(pool.map(partial(assignments, units=units), range(4)))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as restarted:
        again = list(restarted.map(partial(assignments, units=units), range(2)))
    results = set(first + again)
    yield Check(
        f"assignment: {units:,} units, the same in 4 processes and after a restart",
        f"{len(results)} result(s)",
        len(results) == 1,
    )


def main(
    runs: Annotated[int, typer.Option(help="Number of A/A experiments; the others are in proportion.")] = 2_000,
    units: Annotated[int, typer.Option(help="Units that each process assigns.")] = 1_000_000,
    processes: Annotated[int, typer.Option(help="Number of processes.")] = 4,
) -> None:
    """Run every check and print what was found."""
    checks: list[Check] = []
    quarter = max(runs // 4, 20)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:

        def run(one: Callable[[int], T], count: int) -> list[T]:
            return list(pool.map(one, range(count), chunksize=5))

        for group in (
            false_positives(run, runs),
            power(run, quarter),
            covariate(run, quarter),
            split(run, run, runs),
            canaries(run, quarter),
            sticky(pool, units),
        ):
            checks += group
    rows = [(check.claim, check.found, "holds" if check.holds else "[red]fails[/]") for check in checks]
    console(120).print(table("Experiments", ("claim", "found", ""), rows, left=3))
    raise typer.Exit(not all(check.holds for check in checks))


if __name__ == "__main__":
    typer.run(main)
