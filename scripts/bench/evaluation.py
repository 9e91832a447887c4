"""Estimators, intervals and bootstrap beside the formulas of the Open Bandit Pipeline, in the same run.

`python -m bench evaluation` simulates a million logged rows of ten actions and times five estimators:

* the pipeline's formulas for the point estimates, which take the whole tables of the target's probabilities and of the
  estimated rewards, (n, K) each;
* ours for point estimates and normal intervals, from the columns that a log gives, (n,) each, and from the same tables;
* the pipeline's bootstrap (draw n rows with replacement, average, repeat) and ours, with as many draws.

Then it streams ten million rows from a Parquet file (`--stream 0` leaves that out): two targets, point estimates,
normal intervals, confidence sequences, diagnostics and the estimates over time, in a process of its own whose peak
memory is printed, beside that for a tenth of the rows.

The pipeline itself needs old versions of numpy and pandas; its formulas are written out here, positions included, in
the order in which it computes them.
"""

from __future__ import annotations

import resource
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
from rich.table import Table

from bench.output import JsonFile, console, table, write_json
from bench.timing import RATIO, median_seconds, ratio, timed
from croupier import reports
from croupier.evaluation import EstimatorInputs, LogBounds, SampleMoments, normal_fixed_sample
from croupier.evaluation.datasets import evaluate_dataset, from_path
from croupier.evaluation.datasets.tables import arrow
from croupier.evaluation.estimators.basic import find_estimators
from croupier.evaluation.evidence.tally import Tally, moments
from croupier.evaluation.intervals import INTERVALS
from croupier.evaluation.intervals.bootstrap import Bootstrap
from croupier_policies import Vector

BATCH = 1 << 18  # rows simulated and written at a time
NAMES = ("ips", "snips", "dm", "dr", "sndr")


class Feedback(NamedTuple):
    """Logged rows with whole tables: target probabilities and estimated rewards, (n, K, 1) each."""

    action: NDArray[np.int64]
    position: NDArray[np.int64]
    reward: Vector
    pscore: Vector
    target: NDArray[np.float64]
    model: NDArray[np.float64]


def simulate(n: int, k: int, seed: int = 0) -> Feedback:
    """A log of n rows of k actions, clicks around 5 %."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 0.5, (n, k))
    logging = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    action = (logging.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(max=k - 1)
    target = rng.dirichlet(np.ones(k), n)
    rates, row = 0.1 * rng.random((n, k)), np.arange(n)
    reward = (rng.random(n) < rates[row, action]).astype(np.float64)
    model = rates * rng.uniform(0.7, 1.3, (n, k))
    position = np.zeros(n, dtype=np.int64)
    return Feedback(action, position, reward, logging[row, action], target[:, :, None], model[:, :, None])


def round_rewards(log: Feedback, name: str) -> Vector:
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
    of_action = log.model[row, log.action, log.position]
    weight = iw / iw.mean() if name == "sndr" else iw
    return np.asarray(np.average(q, weights=pi, axis=1) + weight * (log.reward - of_action))


def pipeline(log: Feedback) -> list[float]:
    """Five point estimates."""
    return [float(round_rewards(log, name).mean()) for name in NAMES]


def ours(columns: EstimatorInputs) -> list[tuple[float, float, float]]:
    """Five point estimates with normal intervals."""
    estimators = find_estimators(NAMES)
    sums = moments(columns, estimators)
    estimates = [each.estimate(sums[each.name]) for each in estimators]
    return [(value, *normal_fixed_sample(value, error, 0.95)[:2]) for value, error in estimates]


def columns_of(log: Feedback) -> EstimatorInputs:
    """The columns that the estimators need, from the tables."""
    target, model = log.target[:, :, 0], log.model[:, :, 0]
    index = np.arange(len(target)) * target.shape[1] + log.action  # indices into the flattened tables
    v = np.einsum("ij,ij->i", target, model)
    return EstimatorInputs(target.ravel().take(index) / log.pscore, log.reward, model.ravel().take(index), v)


def pipeline_bootstrap(log: Feedback, draws: int) -> list[float]:
    """Upper ends of 95 % intervals: resample the rounds with replacement and average, `draws` times."""
    rng, ends = np.random.RandomState(12345), []
    for name in NAMES:
        values = round_rewards(log, name)
        means = [rng.choice(values, size=len(values), replace=True).mean() for _ in range(draws)]
        ends.append(float(np.percentile(means, 97.5)))
    return ends


def our_bootstrap(log: Feedback, draws: int) -> list[float]:
    """The same from one pass of Poisson counts for all five estimators."""
    columns, estimators = columns_of(log), find_estimators(NAMES)
    terms = {each.name: each.terms(columns) for each in estimators}
    bootstrap = Bootstrap(estimators, LogBounds(), draws)
    bootstrap.add(columns, terms)
    return [bootstrap.interval(each, SampleMoments.of(terms[each.name]), 0.95).high for each in estimators]


def write_log(file: Path, rows: int, actions: int, seed: int = 0) -> None:
    """Simulate and write a Parquet log, batch by batch; the column `pi` is the probability of a target."""
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


def stream(file: Path, actions: int) -> tuple[float, float, float]:
    """Seconds for the whole evaluation, and the peak memory of this process in MB before and after it."""
    log = from_path(file, candidates=actions)
    before = peak_memory()
    run = timed(lambda: reports.as_json(evaluate_dataset(log, ["uniform", "column:pi"], floor=1 / actions)))
    return run.seconds, before, peak_memory()


def peak_memory() -> float:
    """The peak memory of this process in MB; where there is no /proc, that of its parent counts too."""
    status = Path("/proc/self/status")
    if status.exists():
        (peak,) = [line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM")]
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_streaming(rows: int, actions: int) -> list[dict[str, float]]:
    """Streaming of a tenth of the rows and of all of them, each in a process of its own."""
    results = []
    with TemporaryDirectory() as folder:
        for n in (rows // 10, rows):
            file = Path(folder) / f"{n}.parquet"
            write_log(file, n, actions)
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                seconds, before, after = pool.submit(stream, file, actions).result()
            size = file.stat().st_size / 1e6
            results.append({"rows": n, "file_mb": size, "seconds": seconds, "peak_mb": after, "peak_mb_before": before})
    return results


def measure(rows: int, actions: int, draws: int, rounds: int) -> dict[str, tuple[float, float | None]]:
    """Seconds of Croupier and, where it has an equivalent, of the pipeline's formulas."""
    log = simulate(rows, actions)
    columns = columns_of(log)
    if not np.allclose(pipeline(log), [value for value, *_ in ours(columns)], rtol=1e-9):
        raise ValueError("the point estimates differ from the pipeline's: timing them would compare other estimators")
    calls: dict[str, Callable[[], object]] = {
        "pipeline": lambda: pipeline(log),
        "tables": lambda: ours(columns_of(log)),
        "columns": lambda: ours(columns),
    }
    tenth = max(draws // 10, 1)
    resampling: dict[str, Callable[[], object]] = {
        "pipeline": lambda: pipeline_bootstrap(log, tenth),
        "ours": lambda: our_bootstrap(log, draws),
    }
    tallies = {kind: partial(_tally, columns, kind) for kind in INTERVALS}
    points, bootstrap = median_seconds(calls, rounds), median_seconds(resampling, 1)
    return {
        "points / points and intervals, from tables": (points["tables"], points["pipeline"]),
        "points / points and intervals, from columns": (points["columns"], points["pipeline"]),
        f"bootstrap, {draws} draws": (bootstrap["ours"], bootstrap["pipeline"] * draws / tenth),
        **{f"a whole tally with {kind}": (each, None) for kind, each in median_seconds(tallies, 1, warmup=0).items()},
    }


def as_table(found: dict[str, tuple[float, float | None]], title: str) -> Table:
    """Times of Croupier beside those of the pipeline's formulas."""
    rows = [
        (what, "", f"{seconds * 1e3:,.0f} ms", "")
        if peer is None
        else (what, f"{peer * 1e3:,.0f} ms", f"{seconds * 1e3:,.0f} ms", ratio(seconds, peer))
        for what, (seconds, peer) in found.items()
    ]
    return table(title, ("what", "the pipeline's formulas", "Croupier", "ratio"), rows)


def streaming_table(results: list[dict[str, float]]) -> Table:
    """Speed and memory of streaming."""
    columns = ("rows", "file", "seconds", "rows/s", "peak memory", "peak before the evaluation")
    rows = [
        (
            f"{each['rows']:,}",
            f"{each['file_mb']:,.0f} MB",
            f"{each['seconds']:.1f}",
            f"{each['rows'] / each['seconds']:,.0f}",
            f"{each['peak_mb']:,.0f} MB",
            f"{each['peak_mb_before']:,.0f} MB",
        )
        for each in results
    ]
    return table("Streamed from Parquet, two targets, intervals and confidence sequences", columns, rows, left=0)


def main(
    rows: Annotated[int, typer.Option(help="Rows of the log in memory.")] = 1_000_000,
    actions: Annotated[int, typer.Option(help="Actions in each row.")] = 10,
    draws: Annotated[int, typer.Option(help="Bootstrap draws.")] = 100,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds that count.")] = 5,
    streaming: Annotated[int, typer.Option("--stream", help="Rows to stream from Parquet; 0 for none.")] = 10_000_000,
    json_file: JsonFile = None,
) -> None:
    """Time the estimators and their intervals beside the Open Bandit Pipeline's formulas."""
    found, screen = measure(rows, actions, draws, rounds), console()
    screen.print(as_table(found, f"{rows:,} rows, {actions} actions, five estimators; ratio: {RATIO}"))
    streamed = measure_streaming(streaming, actions) if streaming else []
    if streamed:
        screen.print(streaming_table(streamed))
    seconds = {what: {"croupier": each, "pipeline": peer} for what, (each, peer) in found.items()}
    settings = {"rows": rows, "actions": actions, "draws": draws, "rounds": rounds}
    write_json(json_file, settings, {"seconds": seconds, "streaming": streamed})


def _tally(columns: EstimatorInputs, kind: str) -> None:
    tally = Tally(find_estimators(["ips", "dr"]), {kind: INTERVALS[kind]}, LogBounds())
    tally.add(columns, np.zeros(len(columns.w)), 100.0)
    for each in tally.estimators:
        tally.intervals(each, 0.95)
