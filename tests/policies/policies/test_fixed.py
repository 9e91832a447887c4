"""Baselines: the uniform and the constant policy."""

import pytest

from croupier_policies import Actions, ConstantPolicy, PolicyError, UniformPolicy

THREE = Actions(("a", "b", "c"))


def test_uniform() -> None:
    assert UniformPolicy().probabilities({"x": 1.0}, THREE).tolist() == [1 / 3] * 3


def test_constant_with_its_floor() -> None:
    assert ConstantPolicy(action="b").probabilities({}, THREE).tolist() == [0.0, 1.0, 0.0]
    p = ConstantPolicy(action="b", epsilon=0.3).probabilities({}, THREE)
    assert p.tolist() == pytest.approx([0.1, 0.8, 0.1])


def test_constant_is_uniform_where_its_action_is_not_a_candidate() -> None:
    assert ConstantPolicy(action="z").probabilities({}, THREE).tolist() == [1 / 3] * 3


@pytest.mark.parametrize("epsilon", [-0.1, 1.1, float("nan")])
def test_an_invalid_floor_is_refused(epsilon: float) -> None:
    with pytest.raises(PolicyError, match=r"between 0 and 1|must be a finite number"):
        ConstantPolicy(action="a", epsilon=epsilon)
