"""Anything in any order: the in-memory store is the oracle of SQLite, and the log always proves itself."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from croupier import (
    CroupierError,
    Engine,
    Experiment,
    Features,
    InverseGapPolicy,
    Rewards,
    SoftmaxPolicy,
    UniformPolicy,
    verify,
)
from croupier.log.ids import counted
from croupier.runtime import experiment_ops

rules = st.sampled_from(
    [
        Rewards(),
        Rewards(window=20.0, default=0.0),
        Rewards("sum", window=20.0),
        Rewards("last", window=20.0, default=0.5),
    ]
)
sets = st.sets(st.sampled_from("abcd"), min_size=1)


class Life(RuleBasedStateMachine):
    """The same calls on both engines, which must answer alike and end in one state."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.now, self.ids, self.experiments = 0.0, list[str](), 0

    @initialize(rule=rules, featured=st.booleans())
    def begin(self, rule: Rewards, featured: bool) -> None:
        self.rule, self.featured = rule, featured
        self.urls = [f"sqlite:///{Path(self.folder.name) / 'store.db'}", "memory://"]
        self.sources = [counted(), counted()]
        self.engines = [self._open(place) for place in range(2)]

    def _open(self, place: int) -> Engine:
        engine = Engine.open(
            self.urls[place],
            seed=7,
            learner=None,
            rewards=self.rule,
            features=Features(numbers={"price": "standard"}, windows=[5.0], units=1) if self.featured else None,
            ids=self.sources[place],
            clock=lambda: self.now,
            snapshot_every=7,
        )
        if engine._ticker is not None:
            engine._ticker.close()  # it runs by the wall's clock: windows close here when the machine says so
        return engine

    def both(self, call: Any) -> Any:
        answers = []
        for engine in self.engines:
            try:
                answers.append(call(engine))
            except CroupierError as error:
                answers.append((type(error), str(error)))
        assert answers[0] == answers[1]
        return answers[0]

    @rule(
        x=st.integers(-2, 2),
        actions=sets,
        deferred=st.booleans(),
        unit=st.sampled_from(["u", "v"]),
    )
    def choose(self, x: int, actions: set[str], deferred: bool, unit: str) -> None:
        self.now += 1.0

        def call(engine: Engine) -> tuple[str, str, float]:
            decision = engine.choose({"x": x}, sorted(actions), deferred=deferred, unit=unit)
            return decision.id, decision.action, decision.propensity

        self.ids.append(self.both(call)[0])

    @rule(unit=st.sampled_from(["u", "v"]), price=st.sampled_from([None, 1.0, 2.5]), key=st.sampled_from([None, "k1"]))
    def observe(self, unit: str, price: float | None, key: str | None) -> None:
        self.now += 1.0
        self.both(lambda engine: engine.observe(unit, "view", "a", price=price, key=key))

    @precondition(lambda self: self.ids)
    @rule(which=st.integers(0, 30), value=st.sampled_from([0.0, 0.25, 1.0]), key=st.sampled_from([None, "k1", "k2"]))
    def reward(self, which: int, value: float, key: str | None) -> None:
        self.both(lambda engine: engine.reward(self.ids[which % len(self.ids)], value, key=key))

    @precondition(lambda self: self.ids)
    @rule(which=st.integers(0, 30), what=st.sampled_from(["activate", "retract"]))
    def say(self, which: int, what: str) -> None:
        self.both(lambda engine: getattr(engine, what)(self.ids[which % len(self.ids)]))

    @precondition(lambda self: self.ids)
    @rule(which=st.integers(0, 30), value=st.sampled_from([0.0, 0.5]))
    def correct(self, which: int, value: float) -> None:
        self.both(lambda engine: engine.correct(self.ids[which % len(self.ids)], value))

    @precondition(lambda self: self.ids)
    @rule(which=st.integers(0, 30))
    def take(self, which: int) -> None:
        self.both(lambda engine: engine.action_taken(self.ids[which % len(self.ids)], "z"))

    @rule(seconds=st.sampled_from([1.0, 25.0]))
    def expire(self, seconds: float) -> None:
        self.now += seconds
        self.both(lambda engine: engine.expire())

    @rule()
    def rebase(self) -> None:
        self.both(lambda engine: engine.rebase())

    @rule()
    def snapshot(self) -> None:
        self.both(lambda engine: engine.snapshots.take())

    @rule(unit=st.sampled_from(["u", "w"]))
    def forget(self, unit: str) -> None:
        self.both(lambda engine: engine.forget(unit))

    @rule(back=st.integers(0, 20))
    def roll_back(self, back: int) -> None:
        self.both(lambda engine: engine.snapshots.roll_back(max(0, engine.position - back)))

    @rule(
        learn_from=st.sampled_from(["own", "all"]),
        holdout=st.sampled_from([0.0, 0.3]),
        warm_start=st.booleans(),
        shadow=st.booleans(),
    )
    def start(self, learn_from: Any, holdout: float, warm_start: bool, shadow: bool) -> None:
        self.experiments += 1
        shadows = {"soft": SoftmaxPolicy(epsilon=0.5)} if shadow else {}
        experiment = Experiment(
            f"e{self.experiments}",
            {"old": None, "new": InverseGapPolicy(), "even": UniformPolicy()},
            window=10.0,
            holdout=holdout,
            learn_from=learn_from,
            warm_start=warm_start,
            shadows=shadows,
        )
        self.both(lambda engine: engine.experiments.start(experiment))

    @rule(old=st.integers(0, 2), new=st.integers(0, 2))
    def weigh(self, old: int, new: int) -> None:
        self.both(lambda engine: engine.experiments.set_weights({"old": old, "new": new}))

    @rule(variant=st.sampled_from([None, "old", "new"]))
    def conclude(self, variant: str | None) -> None:
        if variant is None:
            self.both(lambda engine: engine.experiments.stop())
        else:
            self.both(lambda engine: experiment_ops.promote(engine._loop, variant, {}))

    @rule()
    def reopen(self) -> None:
        before = self.both(lambda engine: engine.state_hash())
        self.engines[0].close()
        found = verify(self.urls[0])
        assert found.sound, found.difference
        self.engines[0] = self._open(0)
        assert self.engines[0].state_hash() == before

    @invariant()
    def same(self) -> None:
        if hasattr(self, "engines"):
            self.both(lambda engine: (engine.position, engine.state_hash()))

    def teardown(self) -> None:
        if hasattr(self, "engines"):
            for engine in self.engines:
                engine.close()
            found = verify(self.urls[0])
            assert found.sound, found.difference
        self.folder.cleanup()


def test_any_life_is_the_same_on_both_stores() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call] # hypothesis ships it so
        Life,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
