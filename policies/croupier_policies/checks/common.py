# ruff: noqa: S101  (these are tests: asserting is their work)
"""What holds for policies and learners alike: asking, learning, state and configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from croupier_policies import registry
from croupier_policies.base import Actions, Learner, Policy, Vector
from croupier_policies.checks import events
from croupier_policies.checks.events import Event
from croupier_policies.checks.states import elements, is_plain, same, stored
from croupier_policies.errors import PolicyError

Make = Callable[[], Any]


def ask(model: Policy | Learner, event: Event) -> Vector:
    """The probabilities of a policy, the predictions of a learner."""
    if isinstance(model, Policy):
        return model.probabilities(event.context, event.actions)
    return model.predict(event.context, event.actions)


def teach(model: Policy | Learner, log: Iterable[Event]) -> Any:
    """Fold in every event's own action; the model itself."""
    for event in log:
        model.learn(event.context, event.actions, event.taught, float(event.rewards[event.taught]), 0.5)
    return model


def check_untaught_answers(make: Make) -> None:
    """It answers before any reward, finitely, whatever it is shown."""
    for log in events.logs(3):
        for event in log:
            answer = ask(make(), event)
            assert answer.shape == (len(event.actions),), f"{answer.shape} for {len(event.actions)} actions"
            assert answer.dtype == np.float64, answer.dtype
            assert np.isfinite(answer).all(), answer


def check_asking_changes_nothing(make: Make) -> None:
    """Asking, also about what it has not met, leaves state and answers as they were."""
    for log in events.logs(40):
        model = teach(make(), log[:20])
        before, first = model.state(), [ask(model, event) for event in log]
        assert same(before, model.state()), "asking changed the state"
        again = [ask(model, event) for event in reversed(log)][::-1]
        assert same(first, again), "asking twice gave two answers"


def check_learning_is_deterministic(make: Make) -> None:
    """Two objects taught alike are equal bit for bit, asked in between or not."""
    for log in events.logs(40):
        one, other = make(), make()
        for event in log:
            ask(one, event)
            teach(one, [event])
        teach(other, log)
        assert same(one.state(), other.state()), "the same log gave two states"
        assert same([ask(one, event) for event in log], [ask(other, event) for event in log]), "two answers"


def check_state_round_trips(make: Make) -> None:
    """A stored and restored state is the same bit for bit, in answers and in all that is learned from there."""
    for log in events.logs(60):
        model = teach(make(), log[:30])
        state = model.state()
        assert is_plain(state), "a state is plain data and arrays"
        copy = teach(make(), log[29::-1])  # what was learned before, in another order, must be forgotten
        assert all(len(ask(copy, event)) for event in log)
        copy.restore(stored(state))
        assert same(copy.state(), state), "restored to another state"
        assert same([ask(copy, event) for event in log], [ask(model, event) for event in log]), "restored to others"
        kept = stored(state)
        assert same(teach(copy, log[30:]).state(), teach(model, log[30:]).state()), "learning went on differently"
        assert same(state, kept), "a state shares memory with its object"


def check_untaught_state_round_trips(make: Make) -> None:
    """So is the state of one that learned nothing, and `fresh` gives such a one."""
    for log in events.logs(20):
        model = teach(make(), log)
        model.restore(stored(make().state()))
        assert same(model.state(), make().state()), "not untaught again"
        assert same(teach(make(), log).fresh().state(), make().state()), "fresh() knows something"
        assert same(teach(model, log).state(), teach(make(), log).state()), "learning went on differently"


def check_late_rewards_are_learned(make: Make) -> None:
    """What was accepted when asking can be learned, whatever came in between."""
    for log in (*events.logs(20), events.widths(20)):
        model = make()
        accepted = []
        for event in log:
            try:
                ask(model, event)
            except PolicyError:
                continue
            accepted.append(event)
        assert len(accepted) > len(log) // 4, "hardly anything is accepted"
        for event in teach(model, accepted[::-1]) and log[:1]:
            assert np.isfinite(ask(model, event)).all()


def check_inputs_are_left_alone(make: Make) -> None:
    """Contexts, actions and their features are as they were, and may be read-only."""
    for log, untouched in zip(events.logs(30), events.logs(30), strict=True):
        model = make()
        for event, before in zip(log, untouched, strict=True):
            for row in (event.context, *(event.actions.rows or ())):
                if isinstance(row, np.ndarray):
                    row.flags.writeable = False
            ask(model, event)
            teach(model, [event])
            assert same([event.context, event.actions.ids], [before.context, before.actions.ids]), "input changed"
            assert same(event.actions.rows, before.actions.rows), "an action's features changed"


def check_extremes_stay_finite(make: Make) -> None:
    """Numbers as large, small or constant as the log may hold give finite answers, or are refused when asking."""
    ordinary = Event({"x": 0.5, "y": 1.0}, Actions(("a", "b")), np.array([1.0, 0.0]), 0)
    for log in events.extremes():
        model = make()
        for event in log:
            try:
                answer = ask(model, event)
            except PolicyError:
                continue
            assert np.isfinite(answer).all(), f"{answer} for {event.context}"
            teach(model, [event])
        assert np.isfinite(ask(model, ordinary)).all(), "an extreme row poisoned the rest"


def check_memory_is_bounded(make: Make) -> None:
    """With small limits (arguments called max_columns, max_bytes or limit) endless newcomers stop to cost memory."""
    config = _limited(make().config(), {"max_columns": 24, "max_bytes": 1 << 17, "limit": 64})
    sizes: list[int] = []
    refused: list[str] = []
    model: Any = type(make())(**config)
    for event in events.endless(400):
        try:
            ask(model, event)
        except PolicyError as error:
            refused.append(str(error))
        sizes.append(elements(teach(model, [event]).state()))
    assert sizes[-1] == sizes[300], "memory grows without bound"
    assert all("fewer" in reason for reason in refused), f"a refusal says what to give instead: {refused[:1]}"


def _limited(config: Any, limits: dict[str, int]) -> Any:
    """The configuration with these limits wherever it has them, in its parts too."""
    if isinstance(config, list):
        return [_limited(part, limits) for part in config]
    if not isinstance(config, dict):
        return config
    return {name: limits.get(name, _limited(part, limits)) for name, part in config.items()}


def check_config_rebuilds(make: Make) -> None:
    """Name and configuration, through JSON, give an object that answers and learns alike."""
    model = make()
    config = json.loads(json.dumps(model.config()))
    known = registry.implementations().get(model.name) is type(model)
    twin: Any = registry.build(model.name, config) if known else type(model)(**config)
    assert same(twin.config(), model.config()), "another configuration"
    for log in events.logs(20):
        one, other = teach(make(), log), teach(twin.fresh(), log)
        for event in log[:3]:
            alike = np.allclose(ask(one, event), ask(other, event), rtol=0.0, atol=1e-9)
            assert alike, "the rebuilt one answers differently"


COMMON: tuple[Callable[[Make], None], ...] = (
    check_untaught_answers,
    check_asking_changes_nothing,
    check_learning_is_deterministic,
    check_state_round_trips,
    check_untaught_state_round_trips,
    check_late_rewards_are_learned,
    check_inputs_are_left_alone,
    check_extremes_stay_finite,
    check_memory_is_bounded,
    check_config_rebuilds,
)
