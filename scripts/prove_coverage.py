"""How often intervals hold the truth on logs of a policy that learns: `python scripts/prove_coverage.py --runs 400`.

Each run is a new log of our own softmax policy, learning as it goes. Two targets are evaluated on it at twenty looks:
the uniform policy, and the one that is best in each segment; and how far the second is ahead of the first. A sequence
a run if it misses the truth at any look; a fixed-sample interval if it misses at the last one, of the runs that the
verdict passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from croupier.evaluation import ESTIMATORS, RULES, EstimatorInputs, LogBounds, Rules, Tally, judge, normal_fixed_sample
from croupier.evaluation.estimators.basic import find_estimators
from croupier.evaluation.evaluate import build_estimate
from croupier.evaluation.intervals import INTERVALS, interval_factories
from croupier.evaluation.pairs import PairAccumulator
from croupier.evaluation.passes.rows import Rows
from croupier_policies import Actions, Policy, SoftmaxPolicy, Vector, draw

SEGMENTS, ACTIONS, LOOKS = 4, 3, 20
SHAPE = np.array([[0.5, 1.0, 1.5], [1.2, 0.6, 1.2], [1.4, 1.0, 0.6], [1.0, 1.0, 1.0]])  # rates in units of their mean
FIXED = ("normal", "bootstrap", "likelihood", "bernstein")
SEQUENCES = ("betting-sequence", "bernstein-sequence", "stitched-sequence")
HEADINGS = ("target", "interval", "estimator", "passed", "missed last", "of passed", "missed ever", "width")
WATCHED = ("normal", *SEQUENCES)
ESTIMATED = ("ips", "snips", "dr", "sndr", "aw-dr")


class Log(NamedTuple):
    """What was logged: segments, the whole probability vectors, drawn actions and rewards; and the true rates."""

    segment: NDArray[np.int64]  # (n,)
    probabilities: NDArray[np.float64]  # (n, K)
    action: NDArray[np.int64]  # (n,)
    reward: Vector  # (n,)
    rates: NDArray[np.float64]  # (segments, K)


class Miss(NamedTuple):
    """One interval of one run: whether it missed at the end, at any look, and whether the verdict passed at the end."""

    target: str
    kind: str
    estimator: str
    last: bool
    ever: bool
    passed: bool
    width: float


def simulate(mean: float, n: int, seed: int, make: Callable[[], Policy] = SoftmaxPolicy) -> Log:
    """A log of n decisions of a policy that learns from each reward at once; rewards are 0 or 1."""
    rng, policy = np.random.default_rng(seed), make()
    rates, actions = mean * SHAPE, Actions(tuple(f"a{k}" for k in range(ACTIONS)))
    contexts = np.eye(SEGMENTS)
    segment, chance = rng.integers(0, SEGMENTS, n), rng.random((n, 2))
    log = Log(segment, np.empty((n, ACTIONS)), np.empty(n, dtype=np.int64), np.empty(n), rates)
    for t, s in enumerate(segment):
        p = policy.probabilities(contexts[s], actions)
        a = draw(p, chance[t, 0])
        r = float(chance[t, 1] < rates[s, a])
        policy.learn(contexts[s], actions, a, r, float(p[a]))
        log.probabilities[t], log.action[t], log.reward[t] = p, a, r
    return log


def targets(log: Log) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Each target's probabilities by segment, (segments, K)."""
    yield "uniform", np.full_like(log.rates, 1 / ACTIONS)
    yield "best", np.eye(ACTIONS)[log.rates.argmax(axis=1)]


def columns(log: Log, target: NDArray[np.float64]) -> EstimatorInputs:
    """What the estimators see; the reward model is wrong by a fifth, as models are."""
    model, row = 0.8 * log.rates, np.arange(len(log.action))
    w = target[log.segment, log.action] / log.probabilities[row, log.action]
    v = (target * model).sum(axis=1)[log.segment]
    return EstimatorInputs(w, log.reward, model[log.segment, log.action], v)


def misses(
    log: Log, floor: float, kinds: Sequence[str] = FIXED + SEQUENCES, looks: int = LOOKS, rules: Rules = RULES
) -> list[Miss]:
    """Every interval of both targets: the sequences and the normal one at every look, the others at the last."""
    found = []
    for label, target in targets(log):
        truth = float((target * log.rates).sum(axis=1).mean())
        rows, max_weight = columns(log, target), float(target.max()) * ACTIONS / floor
        squares = (target[log.segment] ** 2 / log.probabilities).sum(axis=1)
        parts = [slice(part[0], part[-1] + 1) for part in np.array_split(np.arange(len(rows.w)), looks)]
        watched = [kind for kind in kinds if kind in WATCHED]
        rest = [kind for kind in kinds if kind not in WATCHED]
        found += followed(label, rows, squares, truth, max_weight, watched, parts, rules) if watched else []
        found += followed(label, rows, squares, truth, max_weight, rest, [slice(None)], rules) if rest else []
    return found + apart(log, floor, looks, rules)


def apart(log: Log, floor: float, looks: int, rules: Rules) -> list[Miss]:
    """The interval and the sequence of the difference between both targets, at every look."""
    both = [target for _, target in targets(log)]
    truth = float(((both[1] - both[0]) * log.rates).sum(axis=1).mean())
    pair, missed = (
        PairAccumulator(ESTIMATORS["dr"], 1, 0, LogBounds()),
        {"normal": list[bool](), "betting-sequence": list[bool]()},
    )
    step = np.abs(both[1] - both[0])[log.segment]
    expected = step.sum(axis=1), (step**2 / log.probabilities).sum(axis=1)
    for part in np.array_split(np.arange(len(log.action)), looks):
        pair.add(_rows(log, both, floor, slice(part[0], part[-1] + 1), expected))
        intervals = normal_fixed_sample(*pair.difference(), 0.95), pair.sequence()
        for kind, interval in zip(missed, intervals, strict=True):
            missed[kind].append(interval is None or not interval.low <= truth <= interval.high)
    passed = min(pair.ess, pair.expected_ess) >= rules.ess
    widths = [interval.high - interval.low if interval else np.inf for interval in intervals]
    return [
        Miss("best - uniform", kind, "dr", each[-1], any(each), passed, width)
        for (kind, each), width in zip(missed.items(), widths, strict=True)
    ]


def _rows(
    log: Log, both: Sequence[NDArray[np.float64]], floor: float, part: slice, expected: tuple[Vector, Vector]
) -> Rows:
    own = [columns(log, target).select(part) for target in both]
    n = len(own[0].w)
    return Rows(
        reward=own[0].r,
        scaled=own[0].r,
        q=own[0].q,
        at=np.zeros(n),
        segments=(),
        w=tuple(each.w for each in own),
        v=tuple(each.v for each in own),
        outside=tuple(np.zeros(n) for _ in own),
        max_weight=tuple(float(target.max()) * ACTIONS / floor for target in both),
        expected_distances={(1, 0): (expected[0][part], expected[1][part])},
    )


def followed(
    label: str,
    rows: EstimatorInputs,
    squares: Vector,
    truth: float,
    max_weight: float,
    kinds: Sequence[str],
    looks: Sequence[slice],
    rules: Rules,
) -> list[Miss]:
    """The intervals of one target after each of these parts."""
    tally = Tally(find_estimators(ESTIMATED), interval_factories(kinds), LogBounds())
    missed: dict[tuple[str, str], list[bool]] = {}
    widths, passed = {}, {}
    for part in looks:
        batch = rows.select(part)
        tally.add(batch, np.zeros(len(batch.w)), max_weight, squares[part])
        verdict = judge(tally.diagnostics, rules, max_weight)
        for estimator in tally.estimators:
            estimate = build_estimate(tally, estimator, 0.95, verdict, rules)
            passed[estimator.name] = estimate.verdict.enough
            for kind, (low, high, *_) in estimate.intervals.items():
                missed.setdefault((kind, estimator.name), []).append(not low <= truth <= high)
                widths[kind, estimator.name] = high - low
    return [Miss(label, *key, each[-1], any(each), passed[key[1]], widths[key]) for key, each in missed.items()]


def one(seed: int, mean: float, n: int, epsilon: float, kinds: Sequence[str]) -> list[Miss]:
    """One run."""
    return misses(simulate(mean, n, seed, partial(SoftmaxPolicy, epsilon=epsilon)), epsilon, kinds)


def table(found: list[Miss], runs: int, title: str) -> Table:
    """Shares of misses by kind and estimator."""
    shown = Table(title=title, title_justify="left")
    for heading in HEADINGS:
        shown.add_column(heading, justify="left" if heading in ("target", "interval", "estimator") else "right")
    for key in sorted({each[:3] for each in found}):
        own = [each for each in found if each[:3] == key]
        passed = [each for each in own if each.passed]
        of_passed = f"{np.mean([each.last for each in passed]):.1%}" if passed else "none"
        last, ever = (f"{np.mean([getattr(each, name) for each in own]):.1%}" for name in ("last", "ever"))
        width = f"{np.median([each.width for each in own]):.4f}"
        shown.add_row(*key, f"{len(passed) / runs:.0%}", last, of_passed, ever, width)
    return shown


def main(
    runs: Annotated[int, typer.Option(help="Logs of each kind.")] = 200,
    n: Annotated[int, typer.Option(help="Decisions in each.")] = 20_000,
    epsilon: Annotated[float, typer.Option(help="The floor.")] = 0.01,
    processes: Annotated[int, typer.Option(help="Side by side.")] = 1,
    mean: Annotated[list[float] | None, typer.Option(help="Mean rewards; give it several times.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(INTERVALS)}.")] = None,
) -> None:
    """Simulate, and print how often each interval missed the truth; 5 % is allowed."""
    kinds = tuple(kind or FIXED + SEQUENCES)
    for rate in mean or (0.3, 0.03):
        run = partial(one, mean=rate, n=n, epsilon=epsilon, kinds=kinds)
        with ProcessPoolExecutor(processes) as pool:
            found = [
                each
                for result in track(pool.map(run, range(runs)), f"mean {rate:g}", runs, console=Console(stderr=True))
                for each in result
            ]
        Console(width=110).print(
            table(found, runs, f"{runs} logs of {n:,} decisions, mean reward about {rate:g}, ε = {epsilon:g}")
        )


if __name__ == "__main__":
    typer.run(main)
