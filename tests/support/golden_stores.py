"""The golden logs: small stores of one of everything, written with fixed seeds, times and ids."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from croupier import (
    Catalogue,
    CataloguePolicy,
    Decision,
    Drift,
    Engine,
    Experiment,
    FactorLearner,
    Features,
    InverseGapPolicy,
    LinearPolicy,
    Rewards,
    RiverLearner,
    RiverPolicy,
    Rule,
    SoftmaxPolicy,
    UniformPolicy,
)
from croupier_policies import BankModel, EpsilonGreedy, HybridModel, InverseGap, RidgeModel, Thompson

START = 1_700_000_000.0
SEED = 20_231_114
ACTIONS = ("a", "b", "c", "d")
ITEMS = Catalogue([f"i{k}" for k in range(40)], np.random.default_rng(3).normal(size=(40, 4)))
QUICK = {"name": "page-hinkley", "delta": 0.05, "threshold": 0.5, "min_instances": 5}


class Clock:
    """The engine's time: that of the last event, so that nothing happens by itself between two of them."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float) -> float:
        """Later by so much."""
        self.now += seconds
        return self.now


Play = Callable[[Engine, Clock], None]
Ask = Callable[[Engine, float, int], list[Decision]]


@dataclass(frozen=True)
class Golden:
    """One store: how it is opened, what happens in it, and what is asked of a copy of it.

    Attributes:
        play: Writes the log.
        ask: New decisions, the n-th of them at a time.
        new: Arguments of `Engine.open` for the new store alone.
        always: Those that have to be given every time.
        targets: Of its evaluation, beside `logged`, `uniform` and its first snapshot.
    """

    play: Play
    ask: Ask
    new: Mapping[str, Any] = field(default_factory=dict)
    always: Mapping[str, Any] = field(default_factory=dict)
    targets: tuple[str, ...] = ("constant:a", 'policy:inverse-gap:{"squares": false}')

    def open(self, url: str, clock: Clock, **more: Any) -> Engine:
        """The engine of a store that exists."""
        return Engine.open(url, clock=clock, **{**self.always, **more})

    def write(self, file: Path) -> None:
        """Write the store anew, in one file, as a crash would leave it: with facts behind its last snapshot."""
        clock = Clock()
        file.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "store.db"
            with self.open(f"sqlite:///{path}", clock, seed=SEED, **self.new) as engine:
                self.play(engine, clock)
                engine.flush()
                engine.snapshots.list()  # which waits until every one of them is in the store
                connection = sqlite3.connect(path)
                connection.execute("VACUUM INTO ?", (str(file),))
                connection.close()


def mapping(rng: random.Random) -> dict[str, Any]:
    """A context of numbers, strings, booleans and gaps."""
    context: dict[str, Any] = {"hour": rng.randrange(24), "price": rng.lognormvariate(0, 1), "new": rng.random() < 0.4}
    return context | {"device": rng.choice(["phone", "desk", None])}


def likes(context: Mapping[str, Any], action: str) -> float:
    """The chance of a click."""
    return (0.2 + 0.6 * (context["hour"] < 12)) if action == "a" else 0.5 - 0.1 * ACTIONS.index(action)


def play_default(engine: Engine, clock: Clock) -> None:
    """Contexts and candidates that come and go; rewards at once, late, twice, never."""
    rng, waiting = random.Random(1), []
    for n in range(220):
        context = mapping(rng) | ({f"late{n // 80}": rng.gauss(0, 3)} if rng.random() < 0.3 else {})
        actions = rng.sample(ACTIONS, rng.randrange(2, 5))
        at, without = clock.tick(1.5), actions[:1] if n % 7 == 0 else []
        shown = engine.choose(context, actions, unit=f"u{n % 40}", id=f"d{n}", exclude=without, at=at)
        if rng.random() < 0.9:
            waiting.append((shown.id, float(rng.random() < likes(context, shown.action))))
        while len(waiting) > 12:
            id, value = waiting.pop(rng.randrange(len(waiting)))
            engine.reward(id, value, key=f"k-{id}" if n % 5 == 0 else None, at=clock.tick(0.25))
        if n in (90, 180):
            engine.snapshots.take()


def ask_default(engine: Engine, at: float, n: int) -> list[Decision]:
    """The same with all candidates."""
    context = mapping(random.Random(1000 + n))
    return [engine.choose(context, ACTIONS, unit=f"u{n}", id=f"new{n}", at=at)]


def priced(rng: random.Random) -> dict[str, dict[str, Any]]:
    """Candidates with features, a newcomer among them now and then."""
    ids = [*ACTIONS[:3], f"x{rng.randrange(6)}"]
    return {id: {"price": rng.random(), "brand": rng.choice(["n", "m"])} for id in ids}


def play_hybrid(engine: Engine, clock: Clock) -> None:
    """Rewards between -1 and 3, of actions that have features."""
    rng = random.Random(2)
    for n in range(160):
        context, actions = mapping(rng), priced(rng)
        shown = engine.choose(context, actions, unit=f"u{n % 30}", id=f"d{n}", at=clock.tick(2.0))
        engine.reward(shown.id, round(3.0 - 4.0 * actions[shown.action]["price"] * rng.random(), 3), at=clock.tick(1.0))
        if n in (70, 130):
            engine.snapshots.take()


def ask_hybrid(engine: Engine, at: float, n: int) -> list[Decision]:
    """The same."""
    rng = random.Random(1000 + n)
    return [engine.choose(mapping(rng), priced(rng), id=f"new{n}", at=at)]


def play_bank(engine: Engine, clock: Clock) -> None:
    """Array contexts, and a world that turns round in the middle."""
    rng = np.random.default_rng(4)
    for n in range(240):
        x = rng.normal(size=3)
        shown = engine.choose(x, ACTIONS[:3], unit=f"u{n % 30}", id=f"d{n}", at=clock.tick(1.0))
        good = float(x[ACTIONS.index(shown.action)] > 0) if n < 120 else float(x[0] < 0)
        engine.reward(shown.id, good if rng.random() < 0.9 else 0.5, at=clock.tick(0.5))
        if n in (100, 200):
            engine.snapshots.take()


def ask_bank(engine: Engine, at: float, n: int) -> list[Decision]:
    """The same."""
    return [engine.choose(np.random.default_rng(1000 + n).normal(size=3), ACTIONS[:3], id=f"new{n}", at=at)]


def play_river(engine: Engine, clock: Clock) -> None:
    """Mappings, rewarded at once."""
    rng = random.Random(5)
    for n in range(180):
        context = mapping(rng)
        shown = engine.choose(context, ACTIONS[:3], unit=f"u{n % 30}", id=f"d{n}", at=clock.tick(1.0))
        engine.reward(shown.id, float(rng.random() < likes(context, shown.action)), at=clock.tick(0.5))
        if n in (80, 150):
            engine.snapshots.take()


def play_catalogue(engine: Engine, clock: Clock) -> None:
    """Lists of up to four places, and single choices without what the list has shown."""
    for n in range(70):
        unit, context = f"u{n % 7}", {"hour": float(n % 24)}
        shown = engine.recommend(k=1 + n % 4, actions=ITEMS, unit=unit, context=context, id=f"l{n}", at=clock.tick(2.0))
        for decision in shown:
            good = int(decision.action[1:]) % (2 + n % 7) == 0
            engine.reward(decision.id, float(good), at=clock.tick(0.25))
        engine.choose(context, ITEMS, unit=unit, exclude=shown.actions, id=f"d{n}", at=clock.tick(0.5))
        if n in (30, 60):
            engine.snapshots.take()


def ask_catalogue(engine: Engine, at: float, n: int) -> list[Decision]:
    """A list for a unit that is known, or is not."""
    return list(engine.recommend(k=2 + n % 2, actions=ITEMS, unit=f"u{2 * n}", id=f"new{n}", at=at))


def play_experiment(engine: Engine, clock: Clock) -> None:
    """Weights that change, a promotion, the way back from it, and another experiment that still runs."""
    rng, number = random.Random(6), 0

    def live(decisions: int, units: int, mark: str) -> None:
        nonlocal number
        for _ in range(decisions):
            context, unit = mapping(rng), f"{mark}{rng.randrange(units)}"
            shown = engine.choose(context, ACTIONS[:3], unit=unit, id=f"d{number}", at=clock.tick(1.0))
            number += 1
            engine.reward(shown.id, float(rng.random() < likes(context, shown.action)), at=clock.tick(0.5))
            if number % 2 == 0:
                engine.observe(unit, "visit", at=clock.tick(0.25))

    live(20, 20, "u")
    shadow = {"shadow": InverseGapPolicy(squares=False)}
    variants = {"old": None, "new": LinearPolicy(model=RidgeModel(), law=EpsilonGreedy())}
    harm = {"visit": 9.0}
    engine.experiments.start(
        Experiment("first", variants, 20.0, holdout=0.1, guardrails=harm, shadows=shadow, planned_units=100)
    )
    live(85, 400, "v")
    engine.experiments.set_weights({"old": 1.0, "new": 3.0})
    engine.snapshots.take()
    live(50, 400, "w")
    clock.tick(60.0)
    engine.experiments.promote("new", Rule(min_effect=-5.0, tolerance=5.0))
    live(15, 20, "u")
    engine.experiments.roll_back()
    live(15, 20, "u")
    even = UniformPolicy()
    again = {"old": None, "greedy": InverseGapPolicy(squares=False)}
    engine.experiments.start(
        Experiment(
            "second",
            again,
            20.0,
            {"old": 2.0, "greedy": 1.0},
            learn_from="all",
            warm_start=True,
            shadows={"even": even},
        )
    )
    engine.snapshots.take()
    live(25, 40, "x")


def ask_experiment(engine: Engine, at: float, n: int) -> list[Decision]:
    """Units of either variant."""
    return [engine.choose(mapping(random.Random(1000 + n)), ACTIONS[:3], unit=f"x{n}", id=f"new{n}", at=at)]


def play_features(engine: Engine, clock: Clock) -> None:
    """Views before decisions, and a unit whose taste turns round."""
    rng = random.Random(7)
    for n in range(96):
        unit, item = "uvw"[n % 3], rng.choice(ACTIONS[:2])
        if n % 2:
            brand = {"price": round(rng.random(), 3), "brand": rng.choice(["n", "m"])}
            engine.observe(unit, rng.choice(["view", "cart"]), item, key=f"o{n}", at=clock.tick(40.0), **brand)
        shown = engine.choose({"slot": n % 4}, ACTIONS[:2], unit=unit, id=f"d{n}", at=clock.tick(20.0))
        liked = "a" if unit == "u" and n < 50 else "b"
        engine.reward(shown.id, float(shown.action == liked) if rng.random() < 0.95 else 0.5, at=clock.tick(5.0))
        if n in (40, 80):
            engine.snapshots.take()


def ask_features(engine: Engine, at: float, n: int) -> list[Decision]:
    """Known units, and one that is not."""
    return [engine.choose({"slot": n % 4}, ACTIONS[:2], unit="uvwz"[n % 4], id=f"new{n}", at=at)]


def play_corrections(engine: Engine, clock: Clock) -> None:
    """Rewards that come late, are corrected, retracted or never come; decisions that are deferred or overruled."""
    rng, late = random.Random(8), deque[str]()

    def tick(seconds: float) -> float:
        engine.expire(clock.tick(seconds))  # at fixed moments, and not when the engine's own thread wakes up
        return clock.now

    for n in range(160):
        context, id, deferred = mapping(rng), f"d{n}", n % 10 == 3
        shown = engine.choose(context, ACTIONS[:3], unit=f"u{n % 25}", id=id, deferred=deferred, at=tick(2.0))
        if deferred and n % 20 == 3:
            engine.activate(id, at=tick(0.25))
        if n % 16 == 5:
            engine.action_taken(id, "b", at=tick(0.25))
        if deferred and n % 20 != 3:
            continue  # it is never shown
        if n % 8 == 1:
            late.append(id)
        elif n % 8 != 2:
            engine.reward(id, float(rng.random() < likes(context, shown.action)), at=tick(0.5))
            if n % 9 == 0:
                engine.correct(id, 0.25, at=tick(0.5))
            if n % 14 == 0:
                engine.retract(id, at=tick(0.5))
        if len(late) > 3:
            engine.reward(late.popleft(), 1.0, at=tick(0.5))  # its window has closed by now
        if n in (60, 110):
            engine.snapshots.take()
        if n in (80, 140):
            engine.rebase()


STORES: dict[str, Golden] = {
    "default": Golden(play_default, ask_default, {"policy": SoftmaxPolicy()}),
    "hybrid": Golden(
        play_hybrid,
        ask_hybrid,
        {"policy": LinearPolicy(model=HybridModel(), law=Thompson())},
        {"reward_range": (-1.0, 3.0)},
    ),
    "bank": Golden(
        play_bank,
        ask_bank,
        {
            "policy": LinearPolicy(
                model=BankModel(members=[RidgeModel(), RidgeModel(half_life=40.0)], memory=50.0, lead=2.0),
                law=InverseGap(),
            )
        },
    ),
    "river": Golden(play_river, ask_default, {"policy": RiverPolicy(), "learner": RiverLearner()}),
    "catalogue": Golden(
        play_catalogue,
        ask_catalogue,
        {"policy": CataloguePolicy(rank=4, max_columns=8), "learner": FactorLearner(rank=4)},
        targets=('policy:catalogue:{"rank": 2, "max_columns": 8}',),
    ),
    "experiment": Golden(play_experiment, ask_experiment, {"policy": SoftmaxPolicy(squares=False)}),
    "features": Golden(
        play_features,
        ask_features,
        {
            "policy": SoftmaxPolicy(squares=False),
            "features": Features(
                kinds=("view", "cart"),
                half_lives=(3_600.0,),
                numbers={"price": "standard"},
                categories={"brand": "one-hot"},
                events=("price",),
                last=2,
            ),
            "drift": Drift(unit=QUICK, action=QUICK, retain=0.25),
        },
    ),
    "corrections": Golden(
        play_corrections,
        ask_default,
        {"policy": SoftmaxPolicy(squares=False)},
        {"rewards": Rewards(window=20.0, default=0.1)},
    ),
}
