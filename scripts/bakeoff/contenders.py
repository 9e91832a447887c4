"""The policies of the bake-off, and one pass of a policy over a data set."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from bakeoff.datasets import Dataset
from bench.timing import timed
from croupier_policies import Actions, InverseGap, LinearPolicy, Policy, RidgeModel, VWPolicy, draw, registry, uniform

BASE = "--cb_explore_adf --cb_type mtr -q sa"
EXPLORERS = {  # Vowpal Wabbit's, with the settings of its own bake-off where it has them
    "vw greedy": "--epsilon 0",
    "vw epsilon": "--epsilon 0.02",
    "vw softmax": "--softmax --lambda 20",
    "vw squarecb": "--squarecb --gamma_scale 500",
    "vw regcb": "--regcb --regcbopt --mellowness 0.01",
    "vw bag": "--bag 4 --greedify --epsilon 0",
    "vw cover": "--cover 4 --nounif --psi 0.01 --epsilon 0",
}
RATES = (0.5, 0.05, 2.0, 8.0)  # the default first
YARDSTICKS = ("constant", "uniform")


class Contender(NamedTuple):
    """A policy in the bake-off; if it has several variants (learning rates), the best one of each set is reported."""

    name: str
    variants: tuple[Callable[[], Policy], ...]
    scaled: bool  # whether it gets the rows that are scaled over the whole set


class Score(NamedTuple):
    """The errors of a contender on one set, one for each shuffle, and microseconds per event.

    If there are several variants, `errors` are those of the best, `variant`, and `untuned` those of the first.
    """

    errors: list[float]
    micros: float
    variant: int
    untuned: list[float]


def contenders(tuned: bool) -> dict[str, Contender]:
    """Every exported policy that needs no arguments, and the explorers of Vowpal Wabbit if it is installed.

    The explorers run without an exploration floor of ours. Our policies use their default floors.
    """
    result = {}
    for name, kind in registry.implementations().items():
        if issubclass(kind, Policy) and name not in (*YARDSTICKS, VWPolicy.name):
            result[name] = Contender(name, (kind,), False)
    result["waves"] = Contender("waves", (_waves,), False)
    if find_spec("vowpalwabbit"):
        for name, options in EXPLORERS.items():
            lines = [f"{BASE} {options} -l {rate}" for rate in (RATES if tuned else (0.5,))]
            result[name] = Contender(name, tuple(_vw(line) for line in lines), True)
    return result


def _waves() -> Policy:
    """Inverse-gap weighting on a ridge model with 64 random Fourier features."""
    return LinearPolicy(model=RidgeModel(waves=64), law=InverseGap(epsilon=0.005))


def _vw(command: str) -> Callable[[], Policy]:
    return lambda: VWPolicy(command, epsilon=0.0)


def score(contender: Contender, data: Dataset, shuffles: int, rows: int) -> Score:
    """The errors of the variant that is best in hindsight."""
    scores: list[Score] = []
    for number, make in enumerate(contender.variants):
        runs, seconds = timed(partial(_errors, contender, make, data, shuffles, rows))
        micros = 1e6 * seconds / (shuffles * min(rows, len(data.labels)))
        scores.append(Score(runs, micros, number, scores[0].untuned if scores else runs))
    return min(scores, key=lambda each: sum(each.errors))


def _errors(contender: Contender, make: Callable[[], Policy], data: Dataset, shuffles: int, rows: int) -> list[float]:
    return [error(make(), contender, data, shuffle, rows) for shuffle in range(shuffles)]


def error(policy: Policy, contender: Contender, data: Dataset, shuffle: int, rows: int) -> float:
    """The fraction of wrong actions drawn in one pass, in which each row is predicted before its reward is learned.

    Events and random numbers depend on the shuffle only, so that they are the same for all contenders.
    """
    order = np.random.default_rng(shuffle).permutation(len(data.labels))[:rows]
    actions = Actions(tuple(f"class{k}" for k in range(data.classes)))
    source, wrong = data.scaled if contender.scaled else data.raw, 0
    for t, i in enumerate(order):
        p = policy.probabilities(source[i], actions)
        k = int(draw(p, uniform(shuffle, "draw", str(t))))
        reward = float(k == data.labels[i])
        policy.learn(source[i], actions, k, reward, float(p[k]))
        wrong += reward == 0.0
    return wrong / len(order)
