"""Position marginals of lists drawn without replacement: exact sums against enumeration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier_policies import Actions, SoftmaxPolicy, UniformPolicy
from croupier_policies.base import Odds, Policy, RemainingActions, Row, State, Vector
from croupier_policies.catalogue.lists import enumerate_marginals, list_marginals, marginals, without


class FixedOdds(Policy):
    """Fixed Luce weights with a floor."""

    name = "fixed-odds"

    def __init__(self, logits: dict[str, float], epsilon: float) -> None:
        self.logits, self.epsilon = logits, epsilon

    def odds(self, context: Row, actions: Actions) -> Odds:
        return Odds(np.exp([self.logits[id] for id in actions.ids]), self.epsilon)

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        s = np.array([self.logits[id] for id in actions.ids])
        w = np.exp(s - s.max())
        return np.asarray((1.0 - self.epsilon) * w / w.sum() + self.epsilon / len(w))

    def learn(self, *_: Any) -> None: ...

    def config(self) -> dict[str, Any]:
        return {}

    def state(self) -> State:
        return {}

    def restore(self, state: State) -> None: ...


@given(st.lists(st.floats(-250, 250), min_size=2, max_size=7), st.sampled_from([0.0, 0.01, 0.4, 1.0]), st.data())
def test_marginals_equal_sums_over_all_lists(logits: list[float], epsilon: float, data: st.DataObject) -> None:
    policy = FixedOdds({f"a{k}": logit for k, logit in enumerate(logits)}, epsilon)
    actions = Actions(tuple(policy.logits))
    depth = data.draw(st.integers(1, min(3, len(logits))))
    found = marginals(policy.odds({}, actions), depth)
    assert found.sum(axis=1) == pytest.approx(np.ones(depth), abs=1e-12)
    assert found == pytest.approx(enumerate_marginals(policy, {}, actions, depth), abs=1e-12)


def test_marginals_are_accurate_if_one_item_outweighs_all_others() -> None:
    w = np.array([1e100, 1.0, 3.0, 1e-100])
    found = marginals(Odds(w, 0.0), 3)
    assert found[0] == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=1e-12)
    assert found[1] == pytest.approx([0.0, 0.25, 0.75, 0.0], abs=1e-12)
    assert found[2] == pytest.approx([0.0, 0.75, 0.25, 0.0], abs=1e-12)


def test_a_policy_without_luce_weights_is_enumerated_while_prefixes_are_few() -> None:
    policy, actions = SoftmaxPolicy(epsilon=0.2), Actions(tuple("abcd"))
    assert policy.odds({}, actions) is None
    for t in range(30):
        policy.learn({"x": float(t % 3)}, actions, t % 4, float(t % 4 == 1), 0.25)
    found = list_marginals(policy, {"x": 1.0}, actions, 3)
    assert found is not None
    assert found.sum(axis=1) == pytest.approx(np.ones(3))
    assert found[0] == pytest.approx(policy.probabilities({"x": 1.0}, actions))
    many = Actions(tuple(f"a{k}" for k in range(401)))
    assert list_marginals(policy, {"x": 1.0}, many, 2) is None
    assert list_marginals(UniformPolicy(), {}, many, 3) == pytest.approx(np.full((3, 401), 1 / 401))


@given(st.integers(2, 12), st.data())
def test_remaining_actions_are_the_set_without_the_excluded(count: int, data: st.DataObject) -> None:
    whole = Actions(tuple(f"a{k}" for k in range(count)), tuple(np.array([float(k)]) for k in range(count)))
    out = data.draw(st.sets(st.integers(0, count - 1), max_size=count - 1))
    rest = RemainingActions(whole, out)
    expected = [k for k in range(count) if k not in out]
    assert rest.ids == tuple(f"a{k}" for k in expected)
    assert rest.rows is not None
    assert [float(row[0]) for row in rest.rows if isinstance(row, np.ndarray)] == expected
    assert len(rest) == len(expected)
    assert (rest.full_set, whole.full_set, whole.excluded) == (whole, whole, ())
    if len(expected) > 1:
        place = data.draw(st.integers(0, len(expected) - 1))
        assert without(rest, [place]).ids == tuple(id for id in rest.ids if id != rest.ids[place])
