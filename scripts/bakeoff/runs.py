"""Runs of the study of contexts: one contender in one environment with one seed, in processes of their own."""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from statistics import median
from typing import Literal, NamedTuple

import numpy as np

from bakeoff.players import PEER, Direct, Player, Served, variants
from bakeoff.rows import BLOCKS, MEMORY, Row, Run, rows
from bench.evaluation import peak_memory
from bench.timing import timed

TRIES = 20  # a contender that refuses so many first events is refused
LOOKS = 10  # how often the peak of the memory in use is read
Driver = Literal["direct", "engine"]


class Job(NamedTuple):
    """What identifies a run."""

    row: str
    contender: str
    seed: int
    events: int
    driver: Driver


def run(job: Job) -> Run:
    """Play one contender through one environment."""
    row, peer = rows()[job.row], job.contender.startswith(PEER)
    with tempfile.TemporaryDirectory() as folder:
        player: Player
        if peer or job.driver == "direct":
            player = Direct(job.contender, row.unit if peer else row.high, job.seed)
        else:
            url = f"sqlite:///{folder}/log.db" if row.on_disk else "sqlite://"
            player = Served(job.contender, row.high, job.seed, url)
        result = play(player, row, job.seed, job.events)
        player.close()
    return {**job._asdict(), **result}


def play(player: Player, row: Row, seed: int, events: int) -> Run:
    """Sums of expected rewards (obtained, uniform, best) and of rewards by block, times, failures and memory.

    A call that fails counts with the expected reward of a uniform choice; what it raised first is recorded.
    """
    sums, choosing, learning, memory = [], [], [], []
    failures, error = 0, ""
    for t, event in enumerate(row.environment(np.random.default_rng(seed), events)):
        uniform, best = float(event.means.mean()), float(event.means.max())
        obtained, reward = uniform, float(event.rewards.mean())
        try:
            k, seconds = timed(partial(player.choose, event), collect=False)
            choosing.append(seconds)
            learning.append(timed(partial(player.learn, float(event.rewards[k])), collect=False).seconds)
            obtained, reward = float(player.probabilities() @ event.means), float(event.rewards[k])
        except Exception as raised:  # whatever a contender raises is what the study counts
            failures, error = failures + 1, error or f"{type(raised).__name__}: {raised}"
        sums.append((obtained, uniform, best, reward))
        if (t + 1) % max(events // LOOKS, 1) == 0:
            memory.append(peak_memory())
        if failures == t + 1 == TRIES:
            break
    return {
        "played": len(sums),
        "blocks": [block.sum(axis=0).tolist() for block in np.array_split(np.array(sums), BLOCKS)],
        "choose_micros": _settled_micros(choosing),
        "learn_micros": _settled_micros(learning),
        "failures": failures,
        "error": error,
        "memory": memory,
    }


def _settled_micros(seconds: list[float]) -> float | None:
    """The median over the second half, in microseconds."""
    return 1e6 * median(seconds[len(seconds) // 2 :]) if seconds else None


def jobs(
    names: Sequence[str],
    policies: Sequence[str],
    seeds: Sequence[int],
    events: int | None,
    driver: Driver,
    among: Callable[[str, str], Sequence[str]] | None = None,
) -> list[Job]:
    """Every run of these policies on these rows; of all variants, or `among` those that a function of both names."""
    available = rows()
    return [
        Job(name, each, seed, min(events or row.events, row.events), driver)
        for name, row in ((name, available[name]) for name in names)
        for policy in policies
        if row.peers or policy != PEER
        for each in (variants(policy, row.extra) if among is None else among(name, policy))
        for seed in seeds
    ]


def run_all(wanted: Sequence[Job], file: Path, workers: int, tick: Callable[[str], None]) -> dict[Job, Run]:
    """The results of these jobs in their order: from the file of JSON lines, or new, and then appended to it.

    Args:
        wanted: The jobs.
        file: The results so far. Delete it after a change of an environment or a contender.
        workers: How many processes run at a time.
        tick: Called with a description when a job is done.
    """
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    done = {Job(*(each[name] for name in Job._fields)): each for each in map(json.loads, lines)}
    missing = [job for job in wanted if job not in done]
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as log:
        for job, result in _results(missing, workers):
            done[job] = result
            log.write(json.dumps(result) + "\n")
            log.flush()
            tick(f"{job.row}: {job.contender}, seed {job.seed}")
    return {job: done[job] for job in wanted}


def _results(missing: Sequence[Job], workers: int) -> Iterator[tuple[Job, Run]]:
    """Each job and its result, as they are done; a job whose memory counts has a process of its own."""
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # a core for each process
    spawn, available = multiprocessing.get_context("spawn"), rows()
    alone = [job for job in missing if MEMORY in available[job.row].measures]
    for group, each in (([job for job in missing if job not in alone], None), (alone, 1)):
        pool = ProcessPoolExecutor(workers, mp_context=spawn, max_tasks_per_child=each)
        try:
            futures = {pool.submit(run, job): job for job in group}
            yield from ((futures[future], future.result()) for future in as_completed(futures))
        finally:
            pool.shutdown(cancel_futures=True)  # after an interrupt too
