"""Latency and throughput of choose and reward: Croupier beside Vowpal Wabbit and gittins.

All contenders see the same contexts in the same run and take turns in short rounds; figures are medians over the
rounds. The first rounds reward every decision at once, the later ones only after many further decisions.
"""

from __future__ import annotations

import math
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table

from bench.contenders import Contender, CroupierGroup, VowpalWabbitReused, installed
from bench.output import JsonFile, console, table, turns, write_json
from bench.timing import RATIO, ratio, take_turns, timed

FEATURES = 20
SEED = 7
BASE = -1.4  # the logit of the base rate: one click in five
PERCENTILES = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9}

Result = dict[str, Any]  # one row of the table, as in the JSON file


class Events(NamedTuple):
    """Simulated events: contexts, (n, d), and whether each action would be clicked, (n, K)."""

    contexts: NDArray[np.float64]
    clicks: NDArray[np.bool_]


class Round(NamedTuple):
    """The events of a round, and whether it only warms up."""

    events: Events
    warmup: bool


class Calls(NamedTuple):
    """Seconds of each call in one round of one contender, and its sum of rewards."""

    choose: list[float]
    reward: list[float]
    clicks: float


class RoundResult(NamedTuple):
    """What a contender did in one round, and the seconds it took, the flush at the end included."""

    calls: Calls
    seconds: float


class Plan(NamedTuple):
    """How much to run."""

    rounds: int
    events: int  # in a round
    warmup: int  # events before the first round, so that every action has been learned
    delay: int  # decisions between a decision and its reward, in the later rounds


def plan_for(actions: int, rounds: int, events: int, delay: int, quick: bool) -> Plan:
    """Fewer events where there are many actions, so that the run takes minutes."""
    if quick:
        return Plan(rounds=2, events=200, warmup=100, delay=100)
    return Plan(rounds, min(events, max(1_000, events * 10 // actions)), max(500, 3 * actions), delay)


def simulate(actions: int, events: int, number: int) -> Events:
    """Events of one round from a fixed model of clicks: logit = θ_a·x - 1.4, x ~ N(0, I), θ_a ~ N(0, I/d).

    Args:
        actions: The number of actions, K.
        events: The number of events, n.
        number: The number of the round, from which its contexts and clicks are derived.
    """
    theta = np.random.default_rng(SEED).standard_normal((FEATURES, actions)) / FEATURES**0.5
    rng = np.random.default_rng((SEED, number))
    contexts = rng.standard_normal((events, FEATURES))
    probabilities = 1.0 / (1.0 + np.exp(-BASE - contexts @ theta))
    return Events(contexts, rng.random((events, actions)) < probabilities)


class Runner:
    """A contender and its decisions that wait for a reward."""

    def __init__(self, contender: Contender, actions: Sequence[str]) -> None:
        self.contender = contender
        self._indices = {action: index for index, action in enumerate(actions)}
        self._waiting: deque[tuple[Any, float]] = deque()

    def run(self, delay: int, turn: Round) -> RoundResult:
        """Choose for each context; whenever more than `delay` decisions wait, reward the oldest."""
        upto = len(turn.events.contexts)
        if not turn.warmup:
            upto = round(self.contender.event_share * upto)
        events = Events(turn.events.contexts[:upto], turn.events.clicks[:upto])
        return RoundResult(*timed(partial(self._run, events, delay)))

    def _run(self, events: Events, delay: int) -> Calls:
        choose: list[float] = []
        reward: list[float] = []
        clicked = 0.0
        contender, indices, waiting = self.contender, self._indices, self._waiting
        for x, clicks in zip(*events, strict=True):
            start = perf_counter()
            id, action = contender.choose(x)
            choose.append(perf_counter() - start)
            waiting.append((id, float(clicks[indices[action]])))
            if len(waiting) > delay:
                id, value = waiting.popleft()
                start = perf_counter()
                contender.reward(id, value)
                reward.append(perf_counter() - start)
                clicked += value
        contender.flush()
        return Calls(choose, reward, clicked)


def measure(
    actions: int, plan: Plan, kinds: Sequence[type[Contender]], folder: Path, tick: Callable[[str], None]
) -> list[Result]:
    """All rounds for one number of actions: those with immediate rewards, then those with delayed ones."""
    names = [f"a{k}" for k in range(actions)]
    runners = [Runner(kind(names, folder), names) for kind in kinds]
    numbers = count()
    try:
        return [
            row
            for delay, runs in ((0, runners), (plan.delay, [r for r in runners if r.contender.delayed_rewards]))
            for row in _measure(actions, delay, plan, runs, numbers, tick)
        ]
    finally:
        for runner in runners:
            runner.contender.close()


def _measure(
    actions: int, delay: int, plan: Plan, runners: list[Runner], numbers: Iterator[int], tick: Callable[[str], None]
) -> list[Result]:
    """One warm-up round, which fills the queue of waiting decisions if there is one, and the rounds that count."""

    def rounds() -> Iterator[Round]:
        yield Round(simulate(actions, delay or plan.warmup, next(numbers)), warmup=True)
        for _ in range(plan.rounds):
            yield Round(simulate(actions, plan.events, next(numbers)), warmup=False)

    results = take_turns(
        {runner.contender: partial(runner.run, delay) for runner in runners},
        rounds(),
        tick=lambda contender: tick(f"{actions} actions, rewards {timing(delay)}: {contender.name}"),
    )
    return [_result(actions, delay, contender, its) for contender, its in results.items()]


def _result(actions: int, delay: int, contender: Contender, rounds: list[RoundResult]) -> Result:
    """The medians over the rounds."""
    pairs = len(rounds[0].calls.reward)
    return {
        "actions": actions,
        "delay": delay,
        "contender": contender.name,
        "durable": contender.durable,
        "pairs_per_round": pairs,
        "choose_us": _percentiles([each.calls.choose for each in rounds]),
        "reward_us": _percentiles([each.calls.reward for each in rounds]),
        "pairs_per_second": float(np.median([pairs / each.seconds for each in rounds])),
        "mean_reward": float(np.mean([each.calls.clicks / pairs for each in rounds])),
    }


def _percentiles(rounds: list[list[float]]) -> dict[str, float]:
    medians = np.median([np.percentile(seconds, list(PERCENTILES.values())) for seconds in rounds], axis=0)
    return {name: 1e6 * float(seconds) for name, seconds in zip(PERCENTILES, medians, strict=True)}


def timing(delay: int) -> str:
    """When rewards arrive, in words."""
    return f"{delay:,} decisions late" if delay else "at once"


def as_table(actions: int, delay: int, results: list[Result]) -> Table:
    """The rows of one number of actions and one delay, with the ratio of Croupier's time to each contender's."""
    names = " / ".join(PERCENTILES)
    columns = ("contender", "durable", f"choose, µs\n{names}", f"reward, µs\n{names}", "pairs\na second", "ratio")
    ours = next((1e6 / row["pairs_per_second"] for row in results if row["contender"] == CroupierGroup.name), math.nan)
    rows = []
    for row in results:
        times = [" / ".join(f"{row[call][name]:,.0f}" for name in PERCENTILES) for call in ("choose_us", "reward_us")]
        speed = row["pairs_per_second"]
        rows.append((row["contender"], row["durable"], *times, f"{speed:,.0f}", ratio(ours, 1e6 / speed)))
    return table(f"{actions} actions, rewards {timing(delay)}; ratio: {RATIO}", columns, rows, left=2)


def summary(actions: int, delay: int, results: list[Result]) -> str | None:
    """A sentence on Croupier beside its fastest peer, or None where one of the two did not run."""
    speed = {row["contender"]: row["pairs_per_second"] for row in results}
    ours, peer = speed.get(CroupierGroup.name), speed.get(VowpalWabbitReused.name)
    if ours is None or peer is None:
        return None
    return (
        f"{actions} actions, rewards {timing(delay)}: Croupier, with a durable log, serves {ours:,.0f} pairs of choose "
        f"and reward a second, {ours / peer:.2f} times as many as Vowpal Wabbit with reused examples, which stores "
        f"nothing ({peer:,.0f})."
    )


def main(
    actions: Annotated[list[int] | None, typer.Option(help="Number of actions; may be given several times.")] = None,
    events: Annotated[
        int, typer.Option(min=1, help="Events in a round of 10 actions; fewer for more actions.")
    ] = 10_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds that count.")] = 5,
    delay: Annotated[int, typer.Option(min=1, help="Decisions between a decision and its delayed reward.")] = 10_000,
    quick: Annotated[bool, typer.Option(help="Run a few events only, to see that everything works.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Time choose and reward, Croupier beside those of its peers that are installed."""
    screen = console()
    kinds, missing = installed()
    for kind in missing:
        screen.print(f"{kind.name} is left out: the package {kind.package} is not installed")
    sizes = actions or ([10] if quick else [10, 100, 1000])
    plans = {size: plan_for(size, rounds, events, delay, quick) for size in sizes}
    results = _run(plans, kinds)
    for size, plan in plans.items():
        for wait in (0, plan.delay):
            rows = [row for row in results if (row["actions"], row["delay"]) == (size, wait)]
            screen.print(as_table(size, wait, rows))
            if sentence := summary(size, wait, rows):
                screen.print(sentence, "\n")
    settings = {"features": FEATURES, "plans": {str(size): plan._asdict() for size, plan in plans.items()}}
    write_json(json_file, settings, results)


def _run(plans: dict[int, Plan], kinds: list[type[Contender]]) -> list[Result]:
    total = sum((plan.rounds + 1) * (len(kinds) + sum(k.delayed_rewards for k in kinds)) for plan in plans.values())
    with turns(total) as tick, tempfile.TemporaryDirectory() as folder:
        return [row for size, plan in plans.items() for row in measure(size, plan, kinds, Path(folder), tick)]
