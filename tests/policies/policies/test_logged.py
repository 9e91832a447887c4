"""An application's own rule as a policy, alone and in an engine."""

from pathlib import Path
from typing import Any

import pytest

import croupier
from croupier_policies import Actions, LoggedPolicy, PolicyError, Row, checks, registry


class ByDevice(LoggedPolicy):
    name = "by-device"

    def rule(self, context: Row, actions: Actions) -> dict[str, float]:
        weights = (
            {id: 1.0 + (id == "a0") + ("n0" in context) for id in actions.ids} if isinstance(context, dict) else {}
        )
        weights = weights or {id: 1.0 + (id == "a0") for id in actions.ids}
        total = sum(weights[id] for id in sorted(weights))
        return {id: weight / total for id, weight in weights.items()}


def shared(context: Row, actions: Actions) -> list[float]:
    return [1.0 / len(actions)] * len(actions)


def test_a_rule_conforms() -> None:
    checks.check_policy(ByDevice)
    checks.check_policy(lambda: ByDevice(epsilon=0.2))


def test_a_function_conforms() -> None:
    policy = LoggedPolicy.from_function("split-1", shared, epsilon=0.1)
    checks.check_policy(lambda: policy.fresh())
    assert (policy.name, policy.config()) == ("split-1", {"epsilon": 0.1})


@pytest.mark.parametrize(
    "given", [{"a": 0.5}, {"a": 0.5, "c": 0.5}, [0.5], [1.5, -0.5], [float("nan"), 1.0], [0.6, 0.6]]
)
def test_an_invalid_distribution_is_refused(given: Any) -> None:
    policy = LoggedPolicy.from_function("wrong", lambda context, actions: given)
    with pytest.raises(PolicyError):
        policy.probabilities({}, Actions(("a", "b")))


def test_an_action_missing_from_the_rule_has_probability_zero() -> None:
    policy = LoggedPolicy.from_function("one", lambda context, actions: {"a": 1.0})
    assert policy.probabilities({}, Actions(("a", "b"))).tolist() == [1.0, 0.0]


def test_a_rule_is_not_built_from_its_name() -> None:
    assert not any(issubclass(kind, LoggedPolicy) for kind in registry.implementations().values())
    with pytest.raises(PolicyError, match="pass the object"):
        registry.build("by-device", {"epsilon": 0.0})
    with pytest.raises(PolicyError, match="epsilon"):
        ByDevice(epsilon=-1.0)


def test_an_engine_logs_the_rule_and_verifies(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with croupier.Engine.open(url, policy=ByDevice(epsilon=0.1), seed=7) as engine:
        for t in range(30):
            decision = engine.choose({"n0": float(t)}, ["a0", "a1"])
            engine.reward(decision.id, float(decision.action == "a0"))
    found = croupier.verify(url, policy=ByDevice(epsilon=0.1))
    assert found.sound, found.difference
    assert found.decisions == 30
    with pytest.raises(croupier.EvidenceError, match="pass the object"):
        croupier.verify(url)
