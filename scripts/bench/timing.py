"""How every benchmark is timed: contenders take turns, the first rounds warm up, and medians over rounds are reported.

Taking turns spreads whatever slows the machine down over all contenders.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Hashable, Iterable, Mapping
from statistics import median
from time import perf_counter
from typing import Generic, NamedTuple, TypeVar

RATIO = "Croupier's time divided by the contender's"
I = TypeVar("I")  # noqa: E741 # the type of an input
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Timed(NamedTuple, Generic[T]):
    """The result of a call, and the seconds it took."""

    result: T
    seconds: float


def timed(call: Callable[[], T], clock: Callable[[], float] = perf_counter, collect: bool = True) -> Timed[T]:
    """Time one call.

    Args:
        call: What to time.
        clock: A clock in seconds.
        collect: Whether to collect garbage first, so that the call does not pay for that of earlier ones. The collector
            stays enabled in either case. Leave it out for calls of microseconds, which it would dominate.
    """
    if collect:
        gc.collect()
    start = clock()
    result = call()
    return Timed(result, clock() - start)


def take_turns(
    contenders: Mapping[K, Callable[[I], T]],
    rounds: Iterable[I],
    warmup: int = 1,
    tick: Callable[[K], object] = lambda _: None,
) -> dict[K, list[T]]:
    """Run every contender once a round.

    Args:
        contenders: What to run, by name; each is called with the input of the round.
        rounds: The input of each round, warm-up rounds included.
        warmup: The number of rounds, at the beginning, whose results are discarded.
        tick: Called with the name of a contender before its turn.

    Returns:
        The results of each contender, in the order of the rounds.
    """
    results: dict[K, list[T]] = {name: [] for name in contenders}
    for number, value in enumerate(rounds):
        for name, run in contenders.items():
            tick(name)
            result = run(value)
            if number >= warmup:
                results[name].append(result)
    return results


def median_seconds(calls: Mapping[K, Callable[[], object]], rounds: int, warmup: int = 1) -> dict[K, float]:
    """The median time of each call over so many rounds, after the warm-up."""
    gc.collect()
    runs = {name: _seconds_of(call) for name, call in calls.items()}
    return {name: median(times) for name, times in take_turns(runs, range(warmup + rounds), warmup).items()}


def _seconds_of(call: Callable[[], object]) -> Callable[[object], float]:
    return lambda _: timed(call, collect=False).seconds


def ratio(ours: float, peer: float) -> str:
    """Croupier's time divided by the peer's, as text: below 1 where Croupier is faster."""
    return f"{ours / peer:.2f}"
