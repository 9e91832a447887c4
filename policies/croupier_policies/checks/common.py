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
from croupier_policies.checks.states import bitwise_equal, count_elements, is_plain_data, through_storage
from croupier_policies.errors import PolicyError

Factory = Callable[[], Any]


def query(model: Policy | Learner, event: Event) -> Vector:
    """The probabilities of a policy, the predictions of a learner."""
    if isinstance(model, Policy):
        return model.probabilities(event.context, event.actions)
    return model.predict(event.context, event.actions)


def train(model: Policy | Learner, log: Iterable[Event]) -> Any:
    """Fold in every event's own action; the model itself."""
    for event in log:
        model.learn(event.context, event.actions, event.chosen, float(event.rewards[event.chosen]), 0.5)
    return model


def check_untrained_model_predicts(make: Factory) -> None:
    """It answers before any reward, finitely, whatever it is shown."""
    for log in events.logs(3):
        for event in log:
            answer = query(make(), event)
            assert answer.shape == (len(event.actions),), f"{answer.shape} for {len(event.actions)} actions"
            assert answer.dtype == np.float64, answer.dtype
            assert np.isfinite(answer).all(), answer


def check_predicting_changes_nothing(make: Factory) -> None:
    """Asking, also about what it has not met, leaves state and answers as they were."""
    for log in events.logs(40):
        model = train(make(), log[:20])
        before, first = model.state(), [query(model, event) for event in log]
        assert bitwise_equal(before, model.state()), "asking changed the state"
        again = [query(model, event) for event in reversed(log)][::-1]
        assert bitwise_equal(first, again), "asking twice gave two answers"


def check_learning_is_deterministic(make: Factory) -> None:
    """Two objects taught alike are equal bit for bit, asked in between or not."""
    for log in events.logs(40):
        one, other = make(), make()
        for event in log:
            query(one, event)
            train(one, [event])
        train(other, log)
        assert bitwise_equal(one.state(), other.state()), "the same log gave two states"
        assert bitwise_equal([query(one, event) for event in log], [query(other, event) for event in log]), (
            "two answers"
        )


def check_state_round_trips(make: Factory) -> None:
    """A stored and restored state is the same, bit for bit, in answers and in all that is learned from there."""
    for log in events.logs(60):
        model = train(make(), log[:30])
        state = model.state()
        assert is_plain_data(state), "a state is plain data and arrays"
        copy = train(make(), log[29::-1])  # what was learned before, in another order, must be forgotten
        assert all(len(query(copy, event)) for event in log)
        copy.restore(through_storage(state))
        assert bitwise_equal(copy.state(), state), "restored to another state"
        assert bitwise_equal([query(copy, event) for event in log], [query(model, event) for event in log]), (
            "restored to others"
        )
        kept = through_storage(state)
        assert bitwise_equal(train(copy, log[30:]).state(), train(model, log[30:]).state()), (
            "learning went on differently"
        )
        assert bitwise_equal(state, kept), "a state shares memory with its object"


def check_untrained_state_round_trips(make: Factory) -> None:
    """So is the state of one that learned nothing, and `fresh` gives such a one."""
    for log in events.logs(20):
        model = train(make(), log)
        model.restore(through_storage(make().state()))
        assert bitwise_equal(model.state(), make().state()), "not untaught again"
        assert bitwise_equal(train(make(), log).fresh().state(), make().state()), "fresh() knows something"
        assert bitwise_equal(train(model, log).state(), train(make(), log).state()), "learning went on differently"


def check_late_rewards_are_learned(make: Factory) -> None:
    """What was accepted when asking can be learned, whatever came in between."""
    for log in (*events.logs(20), events.widths(20)):
        model = make()
        accepted = []
        for event in log:
            try:
                query(model, event)
            except PolicyError:
                continue
            accepted.append(event)
        assert len(accepted) > len(log) // 4, "hardly anything is accepted"
        for event in train(model, accepted[::-1]) and log[:1]:
            assert np.isfinite(query(model, event)).all()


def check_inputs_are_not_modified(make: Factory) -> None:
    """Contexts, actions and their features are as they were, and may be read-only."""
    for log, untouched in zip(events.logs(30), events.logs(30), strict=True):
        model = make()
        for event, before in zip(log, untouched, strict=True):
            for row in (event.context, *(event.actions.rows or ())):
                if isinstance(row, np.ndarray):
                    row.flags.writeable = False
            query(model, event)
            train(model, [event])
            assert bitwise_equal([event.context, event.actions.ids], [before.context, before.actions.ids]), (
                "input changed"
            )
            assert bitwise_equal(event.actions.rows, before.actions.rows), "an action's features changed"


def check_extremes_stay_finite(make: Factory) -> None:
    """Numbers as large, small or constant as the log may hold give finite answers, or are refused when asking."""
    ordinary = Event({"x": 0.5, "y": 1.0}, Actions(("a", "b")), np.array([1.0, 0.0]), 0)
    for log in events.extremes():
        model = make()
        for event in log:
            try:
                answer = query(model, event)
            except PolicyError:
                continue
            assert np.isfinite(answer).all(), f"{answer} for {event.context}"
            train(model, [event])
        assert np.isfinite(query(model, ordinary)).all(), "an extreme row poisoned the rest"


def check_memory_is_bounded(make: Factory) -> None:
    """With small limits (arguments called max_columns, max_bytes or limit) endless newcomers stop to cost memory."""
    config = _limited(make().config(), {"max_columns": 24, "max_bytes": 1 << 17, "limit": 64})
    sizes: list[int] = []
    refused: list[str] = []
    model: Any = type(make())(**config)
    for event in events.endless(400):
        try:
            query(model, event)
        except PolicyError as error:
            refused.append(str(error))
        sizes.append(count_elements(train(model, [event]).state()))
    assert sizes[-1] == sizes[300], "memory grows without bound"
    assert all("fewer" in reason for reason in refused), f"a refusal says what to give instead: {refused[:1]}"


def _limited(config: Any, limits: dict[str, int]) -> Any:
    """The configuration with these limits wherever it has them, in its parts too."""
    if isinstance(config, list):
        return [_limited(part, limits) for part in config]
    if not isinstance(config, dict):
        return config
    return {name: limits.get(name, _limited(part, limits)) for name, part in config.items()}


def check_config_rebuilds(make: Factory) -> None:
    """Name and configuration, through JSON, give an object that answers and learns alike."""
    model = make()
    config = json.loads(json.dumps(model.config()))
    known = registry.implementations().get(model.name) is type(model)
    twin: Any = registry.build(model.name, config) if known else type(model)(**config)
    assert bitwise_equal(twin.config(), model.config()), "another configuration"
    for log in events.logs(20):
        one, other = train(make(), log), train(twin.fresh(), log)
        for event in log[:3]:
            alike = np.allclose(query(one, event), query(other, event), rtol=0.0, atol=1e-9)
            assert alike, "the rebuilt one answers differently"


COMMON: tuple[Callable[[Factory], None], ...] = (
    check_untrained_model_predicts,
    check_predicting_changes_nothing,
    check_learning_is_deterministic,
    check_state_round_trips,
    check_untrained_state_round_trips,
    check_late_rewards_are_learned,
    check_inputs_are_not_modified,
    check_extremes_stay_finite,
    check_memory_is_bounded,
    check_config_rebuilds,
)
