# ruff: noqa: S101  (these are tests: asserting is their work)
"""Checks of both policies and learners: prediction, learning, state and configuration."""

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
    """The probabilities of a policy, or the predictions of a learner."""
    if isinstance(model, Policy):
        return model.probabilities(event.context, event.actions)
    return model.predict(event.context, event.actions)


def train(model: Policy | Learner, log: Iterable[Event]) -> Any:
    """Learn every event with its own action; returns the model."""
    for event in log:
        model.learn(event.context, event.actions, event.chosen, float(event.rewards[event.chosen]), 0.5)
    return model


def check_untrained_model_predicts(make: Factory) -> None:
    """An untrained model returns finite values for every kind of event."""
    for log in events.logs(3):
        for event in log:
            answer = query(make(), event)
            assert answer.shape == (len(event.actions),), f"{answer.shape} for {len(event.actions)} actions"
            assert answer.dtype == np.float64, answer.dtype
            assert np.isfinite(answer).all(), answer


def check_predicting_changes_nothing(make: Factory) -> None:
    """Predicting, also for unseen features and actions, leaves state and predictions unchanged."""
    for log in events.logs(40):
        model = train(make(), log[:20])
        before, first = model.state(), [query(model, event) for event in log]
        assert bitwise_equal(before, model.state()), "predicting changed the state"
        again = [query(model, event) for event in reversed(log)][::-1]
        assert bitwise_equal(first, again), "two predictions for one event differ"


def check_learning_is_deterministic(make: Factory) -> None:
    """Two models trained on one log are equal bit for bit, with predictions in between or without."""
    for log in events.logs(40):
        one, other = make(), make()
        for event in log:
            query(one, event)
            train(one, [event])
        train(other, log)
        assert bitwise_equal(one.state(), other.state()), "one log gave two states"
        assert bitwise_equal([query(one, event) for event in log], [query(other, event) for event in log]), (
            "one log gave two predictions"
        )


def check_state_round_trips(make: Factory) -> None:
    """A stored and restored state is equal bit for bit, in its predictions and in further learning."""
    for log in events.logs(60):
        model = train(make(), log[:30])
        state = model.state()
        assert is_plain_data(state), "the state is not plain data and arrays"
        copy = train(make(), log[29::-1])  # its previous state must be discarded
        assert all(len(query(copy, event)) for event in log)
        copy.restore(through_storage(state))
        assert bitwise_equal(copy.state(), state), "the restored state differs"
        assert bitwise_equal([query(copy, event) for event in log], [query(model, event) for event in log]), (
            "the restored predictions differ"
        )
        before = through_storage(state)
        assert bitwise_equal(train(copy, log[30:]).state(), train(model, log[30:]).state()), "further learning differs"
        assert bitwise_equal(state, before), "the state shares memory with its object"


def check_untrained_state_round_trips(make: Factory) -> None:
    """The state of an untrained model round-trips, and `fresh` returns an untrained model."""
    for log in events.logs(20):
        model = train(make(), log)
        model.restore(through_storage(make().state()))
        assert bitwise_equal(model.state(), make().state()), "restoring an untrained state left something behind"
        assert bitwise_equal(train(make(), log).fresh().state(), make().state()), "fresh() is not untrained"
        assert bitwise_equal(train(model, log).state(), train(make(), log).state()), "further learning differs"


def check_late_rewards_are_learned(make: Factory) -> None:
    """Events accepted for prediction can be learned later, in any order."""
    for log in (*events.logs(20), events.widths(20)):
        model = make()
        accepted = []
        for event in log:
            try:
                query(model, event)
            except PolicyError:
                continue
            accepted.append(event)
        assert len(accepted) > len(log) // 4, "most events were refused"
        for event in train(model, accepted[::-1]) and log[:1]:
            assert np.isfinite(query(model, event)).all()


def check_inputs_are_not_modified(make: Factory) -> None:
    """Contexts, actions and their features are not modified, and may be read-only."""
    for log, untouched in zip(events.logs(30), events.logs(30), strict=True):
        model = make()
        for event, before in zip(log, untouched, strict=True):
            for row in (event.context, *(event.actions.rows or ())):
                for values in (row,) if isinstance(row, np.ndarray) else row.values():
                    if isinstance(values, np.ndarray):
                        values.flags.writeable = False
            query(model, event)
            train(model, [event])
            assert bitwise_equal([event.context, event.actions.ids], [before.context, before.actions.ids]), (
                "input changed"
            )
            assert bitwise_equal(event.actions.rows, before.actions.rows), "an action's features changed"


def check_extremes_stay_finite(make: Factory) -> None:
    """Extreme numbers give finite predictions, or are refused at prediction."""
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
        assert np.isfinite(query(model, ordinary)).all(), "an extreme row spoiled later predictions"


def check_memory_is_bounded(make: Factory) -> None:
    """With small limits (max_columns, max_bytes or limit), memory stops growing with new features and actions.

    What then has no room is among the findings.
    """
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
    assert all("fewer" in reason for reason in refused), f"the message must say what to reduce: {refused[:1]}"
    limited = config != make().config()
    assert not limited or any(each.count > 0 for each in model.findings()), "what had no room is not told"


def _limited(config: Any, limits: dict[str, int]) -> Any:
    """The configuration with these limits wherever it has them, nested configurations included."""
    if isinstance(config, list):
        return [_limited(item, limits) for item in config]
    if not isinstance(config, dict):
        return config
    return {name: limits.get(name, _limited(value, limits)) for name, value in config.items()}


def check_findings_change_nothing(make: Factory) -> None:
    """Asking for findings changes neither state nor learning; each has a count and a sentence, untrained none."""
    for log in (*events.logs(40), *events.extremes()):
        asked, other = make(), make()
        assert not list(asked.findings()), "an untrained object has findings"
        for event in log:
            try:
                query(asked, event)
            except PolicyError:
                continue
            train(asked, [event])
            train(other, [event])
            for finding in asked.findings():
                assert finding.count > 0, f"a finding without a count: {finding}"
                assert finding.text, f"a finding without a sentence: {finding}"
                assert not finding.text.endswith("."), f"sentences are listed, and end without a full stop: {finding}"
        if asked.storable:
            assert bitwise_equal(asked.state(), other.state()), "asking for findings changed the state"
        assert bitwise_equal(query(asked, log[0]), query(other, log[0])), "asking for findings changed a prediction"


def check_config_rebuilds(make: Factory) -> None:
    """Name and configuration, through JSON, rebuild an object with equal predictions and learning."""
    model = make()
    config = json.loads(json.dumps(model.config()))
    known = registry.implementations().get(model.name) is type(model)
    twin: Any = registry.build(model.name, config) if known else type(model)(**config)
    assert bitwise_equal(twin.config(), model.config()), "the configuration differs"
    for log in events.logs(20):
        one, other = train(make(), log), train(twin.fresh(), log)
        for event in log[:3]:
            equal = np.allclose(query(one, event), query(other, event), rtol=0.0, atol=1e-9)
            assert equal, "the rebuilt object predicts differently"


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
    check_findings_change_nothing,
    check_config_rebuilds,
)
