"""Estimators, intervals and bootstrap beside the plain formulas of the Open Bandit Pipeline, in the same run.

`python scripts/bench.py evaluation` makes a million logged rows of ten actions and times five estimators:

* points: the pipeline's formulas, which take the target's whole probability table and the reward model's, (n, K) each;
* ours: points and normal intervals, from the columns that a log gives, (n,) each, and the table where they need it;
* bootstrap: its resampling (draw n rows with replacement, average, again) beside ours, with as many draws.

Then it streams ten million rows from a Parquet file (`--stream 0` leaves that out): two targets, points, normal
intervals, confidence sequences, diagnostics and the course over the log, in a process of its own whose peak memory is
printed, beside that for a tenth of the rows.

The pipeline itself needs old versions of numpy and pandas; its formulas are written out here, positions included, in
the order in which it computes them.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from croupier import reports
from croupier.evaluation import EstimatorInputs, LogBounds, SampleMoments, normal_fixed_sample
from croupier.evaluation.datasets import evaluate_dataset, from_path
from croupier.evaluation.datasets.tables import arrow
from croupier.evaluation.estimators.basic import find_estimators
from croupier.evaluation.evidence.tally import Tally, moments
from croupier.evaluation.intervals import INTERVALS
from croupier.evaluation.intervals.bootstrap import Bootstrap
from croupier_policies import Vector

BATCH = 1 << 18  # rows made and written at a time
NAMES = ("ips", "snips", "dm", "dr", "sndr")


class Feedback(NamedTuple):
    """Logged rows with the whole tables: target probabilities and estimated rewards, (n, K, 1) each."""

    action: NDArray[np.int64]
    position: NDArray[np.int64]
    reward: Vector
    pscore: Vector
    target: NDArray[np.float64]
    model: NDArray[np.float64]


def made(n: int, k: int, seed: int = 0) -> Feedback:
    """A log of n rows of k actions, clicks around 5 %."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 0.5, (n, k))
    logging = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    drawn = (logging.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(max=k - 1)
    target = rng.dirichlet(np.ones(k), n)
    rates, row = 0.1 * rng.random((n, k)), np.arange(n)
    reward = (rng.random(n) < rates[row, drawn]).astype(np.float64)
    model = rates * rng.uniform(0.7, 1.3, (n, k))
    place = np.zeros(n, dtype=np.int64)
    return Feedback(drawn, place, reward, logging[row, drawn], target[:, :, None], model[:, :, None])


def rounds(log: Feedback, name: str) -> Vector:
    """The pipeline's estimated reward of each round, whose mean is the estimate."""
    row = np.arange(len(log.action))
    if name == "dm":
        q, pi = log.model[row, :, log.position], log.target[row, :, log.position]
        return np.asarray(np.average(q, weights=pi, axis=1))
    iw = log.target[row, log.action, log.position] / log.pscore
    if name == "ips":
        return log.reward * iw
    if name == "snips":
        return np.asarray(log.reward * iw / iw.mean())
    q, pi = log.model[row, :, log.position], log.target[row, :, log.position]
    drawn = log.model[row, log.action, log.position]
    max_weight = iw / iw.mean() if name == "sndr" else iw
    return np.asarray(np.average(q, weights=pi, axis=1) + max_weight * (log.reward - drawn))


def theirs(log: Feedback) -> list[float]:
    """Five points."""
    return [float(rounds(log, name).mean()) for name in NAMES]


def ours(columns: EstimatorInputs) -> list[tuple[float, float, float]]:
    """Five points with normal intervals."""
    estimators = find_estimators(NAMES)
    gathered = moments(columns, estimators)
    estimates = [each.estimate(gathered[each.name]) for each in estimators]
    return [(value, *normal_fixed_sample(value, error, 0.95)[:2]) for value, error in estimates]


def reduced(log: Feedback) -> EstimatorInputs:
    """What the estimators need of the tables."""
    target, model = log.target[:, :, 0], log.model[:, :, 0]
    drawn = np.arange(len(target)) * target.shape[1] + log.action  # places in the tables, row by row
    v = np.einsum("ij,ij->i", target, model)
    return EstimatorInputs(target.ravel().take(drawn) / log.pscore, log.reward, model.ravel().take(drawn), v)


def their_bootstrap(log: Feedback, draws: int) -> list[float]:
    """Upper ends of 95 % intervals: resample the rounds with replacement, average, and again."""
    rng, ends = np.random.RandomState(12345), []
    for name in NAMES:
        values = rounds(log, name)
        means = [rng.choice(values, size=len(values), replace=True).mean() for _ in range(draws)]
        ends.append(float(np.percentile(means, 97.5)))
    return ends


def our_bootstrap(log: Feedback, draws: int) -> list[float]:
    """The same by one pass of Poisson counts for all five."""
    columns, estimators = reduced(log), find_estimators(NAMES)
    terms = {each.name: each.terms(columns) for each in estimators}
    gathering = Bootstrap(estimators, LogBounds(), draws)
    gathering.add(columns, terms)
    return [gathering.interval(each, SampleMoments.of(terms[each.name]), 0.95).high for each in estimators]


def written(file: Path, rows: int, actions: int, seed: int = 0) -> None:
    """A Parquet log of so many rows, made and written batch by batch; `pi` is a target's probability."""
    pa, parquet = arrow("pyarrow"), arrow("pyarrow.parquet")
    rng, writer = np.random.default_rng(seed), None
    for start in range(0, rows, BATCH):
        n = min(BATCH, rows - start)
        action = rng.integers(0, actions, n)
        target = rng.dirichlet(np.ones(actions), n)[np.arange(n), action]
        columns = {
            "reward": (rng.random(n) < 0.05).astype(np.float64),
            "propensity": np.full(n, 1 / actions),
            "action": action,
            "pi": target,
        }
        batch = pa.RecordBatch.from_pydict(columns)
        writer = writer or parquet.ParquetWriter(file, batch.schema)
        writer.write_batch(batch)
    if writer is not None:
        writer.close()


def streamed(file: Path, actions: int) -> tuple[float, float, float]:
    """Seconds for the whole evaluation, and the peak memory of this process in MB before and after it."""
    log = from_path(file, candidates=actions)
    before, start = peak(), time.perf_counter()
    reports.as_json(evaluate_dataset(log, ["uniform", "column:pi"], floor=1 / actions))
    return time.perf_counter() - start, before, peak()


def peak() -> float:
    """The most memory that this process has held, in MB; where there is no /proc, its parent's before it counts too."""
    status = Path("/proc/self/status")
    if status.exists():
        (held,) = [line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM")]
        return int(held.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def stream(rows: int, actions: int) -> Table:
    """A tenth of the rows and all of them, each in a process of its own."""
    shown = Table(title="streamed from Parquet, two targets, intervals and sequences")
    for heading in ("rows", "file", "seconds", "rows/s", "peak memory", "of which before"):
        shown.add_column(heading, justify="right")
    with TemporaryDirectory() as folder:
        for n in (rows // 10, rows):
            file = Path(folder) / f"{n}.parquet"
            written(file, n, actions)
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                taken, before, after = pool.submit(streamed, file, actions).result()
            size = f"{file.stat().st_size / 1e6:,.0f} MB"
            shown.add_row(f"{n:,}", size, f"{taken:.1f}", f"{n / taken:,.0f}", f"{after:,.0f} MB", f"{before:,.0f} MB")
    return shown


def seconds(call: Callable[[], object], repeats: int) -> float:
    """The median time of a call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def main(
    rows: Annotated[int, typer.Option(help="Logged rows.")] = 1_000_000,
    actions: Annotated[int, typer.Option(help="Candidates in each.")] = 10,
    draws: Annotated[int, typer.Option(help="Bootstrap draws.")] = 100,
    repeats: Annotated[int, typer.Option(help="Of each timing, whose median counts.")] = 5,
    streaming: Annotated[int, typer.Option("--stream", help="Rows to stream from Parquet; 0 for none.")] = 10_000_000,
) -> None:
    """Time the estimators and their intervals beside the peer's way."""
    log = made(rows, actions)
    agreed = np.allclose(theirs(log), [value for value, *_ in ours(reduced(log))], rtol=1e-9)
    columns = reduced(log)
    peer, mine = seconds(lambda: theirs(log), repeats), seconds(lambda: ours(reduced(log)), repeats)
    gathered = seconds(lambda: ours(columns), repeats)
    their_draws = seconds(lambda: their_bootstrap(log, max(draws // 10, 1)), 1) * draws / max(draws // 10, 1)
    our_draws = seconds(lambda: our_bootstrap(log, draws), 1)
    shown = Table(title=f"{rows:,} rows, {actions} actions, five estimators; points agree to 1e-9: {agreed}")
    for heading in ("what", "the pipeline's formulas", "ours", "ratio"):
        shown.add_column(heading, justify="left" if heading == "what" else "right")
    for what, a, b in (
        ("points / points and intervals, from tables", peer, mine),
        ("points / points and intervals, from columns", peer, gathered),
        (f"bootstrap, {draws} draws", their_draws, our_draws),
    ):
        shown.add_row(what, f"{a * 1e3:,.0f} ms", f"{b * 1e3:,.0f} ms", f"{a / b:.1f}")
    for kind in INTERVALS:
        taken = seconds(partial(_tally, columns, kind), 1)
        shown.add_row(f"a whole tally with {kind}", "", f"{taken * 1e3:,.0f} ms", "")
    console = Console(width=110)
    console.print(shown)
    if streaming:
        console.print(stream(streaming, actions))


def _tally(columns: EstimatorInputs, kind: str) -> None:
    tally = Tally(find_estimators(["ips", "dr"]), {kind: INTERVALS[kind]}, LogBounds())
    tally.add(columns, np.zeros(len(columns.w)), 100.0)
    for each in tally.estimators:
        tally.intervals(each, 0.95)
