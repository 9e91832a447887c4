"""The rows of the table: an environment, how many events, and what is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bakeoff import datasets
from bakeoff import environments as env
from bakeoff.labelled import BANKING, banking, classification
from support import simulations

BLOCKS = 40  # the parts of a run whose sums are recorded
SETS = "set "  # the beginning of the name of a row of labelled data
Run = dict[str, Any]  # what `bakeoff.runs.run` returns


class Measure(NamedTuple):
    """A number that a run yields, and whether a larger one is better."""

    name: str
    of: Callable[[Run], float]
    larger: bool = True


def _sums(run: Run, start: float, end: float) -> Any:
    """The sums of obtained, uniform and best expected rewards and of rewards, over a part of the blocks, (4,)."""
    blocks = np.array(run["blocks"])
    return blocks[int(start * len(blocks)) : int(np.ceil(end * len(blocks)))].sum(axis=0)


def lift(start: float = 0.0, end: float = 1.0, name: str = "lift") -> Measure:
    """(obtained − uniform) / (best − uniform), in expected rewards, over a part of the events."""

    def of(run: Run) -> float:
        obtained, uniform, best, _ = _sums(run, start, end)
        return float((obtained - uniform) / (best - uniform))

    return Measure(name, of)


ERROR = Measure("error", lambda run: float(1.0 - _sums(run, 0.0, 1.0)[3] / run["played"]), larger=False)
CHOOSE = Measure("µs a choice", lambda run: run["choose_micros"], larger=False)
LEARN = Measure("µs a reward", lambda run: run["learn_micros"], larger=False)
MEMORY = Measure(
    "MB more in the second half",
    lambda run: float(run["memory"][-1] - run["memory"][len(run["memory"]) // 2 - 1]),
    False,
)
HALF = lift(0.5, 1.0, "lift, second half")
SO_FAR = tuple(lift(0.0, share, f"lift at {100 * share:g} %") for share in (1.0, 0.1, 0.2))


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        environment: What happens.
        events: How often; for data, at most.
        measures: The first of them decides which options of Vowpal Wabbit are best.
        high: The declared largest reward; the smallest is 0.
        unit: A usual large reward, by which those of Vowpal Wabbit are divided: it is told no range.
        extra: Options of Vowpal Wabbit of which each is tried: crosses, forgetting.
        peers: Whether Vowpal Wabbit takes part.
        needs: The folder without which the row is skipped.
        on_disk: Whether an engine's log is a file, so that it takes no memory.
    """

    environment: env.Environment
    events: int
    measures: tuple[Measure, ...] = (lift(),)
    high: float = 1.0
    unit: float = 1.0
    extra: tuple[str, ...] = ("",)
    peers: bool = True
    needs: Path | None = None
    on_disk: bool = False


CROSSED = ("", "--interactions ssa")
FORGETTING = ("", "--power_t 0")


def rows() -> dict[str, Row]:
    """The rows by name, those of missing data among them."""
    return {
        "banking, 77 intents": Row(banking(77, 1.0, 0.0), 13_083, (ERROR, CHOOSE, LEARN), needs=BANKING),
        "banking, 10 groups": Row(banking(10, 0.5, 0.05), 8_000, (HALF,), needs=BANKING),
        "banking, texts": Row(banking(20, 0.5, 0.05, as_text=True), 12_000, (lift(), HALF), needs=BANKING),
        "embedding 768": Row(env.embedding, 8_000),
        "linear 64": Row(env.linear, 30_000),
        "nonlinear 64": Row(env.nonlinear, 30_000, extra=CROSSED),
        "xor": Row(env.xor, 10_000, extra=CROSSED),
        "steps": Row(env.steps, 10_000),
        "users x items": Row(env.tastes, 50_000, SO_FAR),
        "crossing categories": Row(env.crossing, 10_000, extra=CROSSED),
        "drift, abrupt": Row(env.abrupt, 12_000, extra=FORGETTING),
        "drift, gradual": Row(env.gradual, 12_000, extra=FORGETTING),
        "drift, seasonal": Row(env.seasonal, 12_000, extra=FORGETTING),
        "300 items, 50 live": Row(env.catalogue, 20_000),
        "500 items x 384": Row(env.wide_catalogue, 5_000, (lift(), HALF, CHOOSE, LEARN), peers=False),
        "measurements": Row(env.measured(None), 10_000),
        "measurements, outliers": Row(env.measured(env.OUTLIER), 10_000),
        "amounts": Row(env.amounts, 10_000, high=100.0, unit=100.0),
        "amounts, range 1e5": Row(env.amounts, 10_000, high=1e5, unit=100.0),
        "revenue, range 1e5": Row(env.revenue, 10_000, high=1e5, unit=100.0),
        **{f"clicks 1 %, {count} actions": Row(_clicks(count), 100_000, (HALF,)) for count in (10, 50)},
        "continuous": Row(env.from_stream(partial(simulations.continuous, 10)), 20_000),
        **{f"{SETS}{name}": Row(classification(name), 5_000, (ERROR,)) for name in datasets.shared()},
        "10 strings": Row(env.strings(10), 20_000, (LEARN, lift()), peers=False),
        "10,000 strings": Row(env.strings(10_000), 20_000, (LEARN, lift()), peers=False),
        "novelty": Row(env.novelty, 200_000, (lift(), HALF, MEMORY), peers=False, on_disk=True),
    }


def _clicks(count: int) -> env.Environment:
    return env.from_stream(lambda n, seed: simulations.clicks(0.01, count, n, seed))
