"""One pass of a policy over a set, and the policies that take part."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from bakeoff_sets import Set
from croupier_policies import Actions, InverseGap, LinearPolicy, Policy, RidgeModel, VWPolicy, draw, registry, uniform

BASE = "--cb_explore_adf --cb_type mtr -q sa"
EXPLORERS = {  # Vowpal Wabbit's, with the settings of its own bake-off where that has one
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
    """A policy in the bake-off; several variants are several rates, of which a set's best is reported."""

    name: str
    variants: tuple[Callable[[], Policy], ...]
    scaled: bool  # whether its rows are scaled over the whole set beforehand


class Score(NamedTuple):
    """The errors of a contender on one set, one for each shuffle, and microseconds per event.

    Where there are several variants, `errors` are those of the best, `variant`, and `untuned` those of the first.
    """

    errors: list[float]
    micros: float
    variant: int
    untuned: list[float]


def contenders(tuned: bool) -> dict[str, Contender]:
    """Every exported policy that its defaults make, and Vowpal Wabbit's explorers where it is installed.

    Vowpal Wabbit's are without our floor: they explore as they do. Ours keep the floors of their defaults.
    """
    found = {}
    for name, kind in registry.implementations().items():
        if issubclass(kind, Policy) and name not in (*YARDSTICKS, VWPolicy.name):
            found[name] = Contender(name, (kind,), False)
    found["waves"] = Contender("waves", (_waves,), False)
    if find_spec("vowpalwabbit"):
        for name, options in EXPLORERS.items():
            lines = [f"{BASE} {options} -l {rate}" for rate in (RATES if tuned else (0.5,))]
            found[name] = Contender(name, tuple(_vw(line) for line in lines), True)
    return found


def _waves() -> Policy:
    """Inverse-gap weighting on a ridge model with 64 random Fourier features."""
    return LinearPolicy(model=RidgeModel(waves=64), law=InverseGap(epsilon=0.005))


def _vw(command: str) -> Callable[[], Policy]:
    return lambda: VWPolicy(command, epsilon=0.0)


def score(contender: Contender, data: Set, shuffles: int, rows: int) -> Score:
    """The best variant's errors, in hindsight where there are several."""
    scores: list[Score] = []
    for number, make in enumerate(contender.variants):
        began = time.perf_counter()
        runs = [error(make(), contender, data, shuffle, rows) for shuffle in range(shuffles)]
        events = shuffles * min(rows, len(data.labels))
        micros = 1e6 * (time.perf_counter() - began) / events
        scores.append(Score(runs, micros, number, scores[0].untuned if scores else runs))
    return min(scores, key=lambda found: sum(found.errors))


def error(policy: Policy, contender: Contender, data: Set, shuffle: int, rows: int) -> float:
    """The share of wrong actions drawn in one pass: every row once, each chosen before its reward is learned.

    Events and random numbers depend on the shuffle only, so that all contenders meet the same.
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
