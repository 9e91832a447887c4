"""Policies that do not learn, as baselines."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from croupier_policies.base import Actions, Odds, Policy, Row, State, Vector
from croupier_policies.errors import PolicyError
from croupier_policies.registry import register


class _Fixed(Policy):
    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Nothing to learn."""

    def state(self) -> State:
        """Nothing was learned."""
        return {}

    def restore(self, state: State) -> None:
        """Nothing to restore."""


@register
class UniformPolicy(_Fixed):
    """Every candidate with probability 1/K.

    >>> from croupier_policies import Actions
    >>> UniformPolicy().probabilities({}, Actions(("a", "b"))).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "uniform"

    def config(self) -> dict[str, Any]:
        """There are no arguments."""
        return {}

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        """1/K each."""
        return np.full(len(actions), 1.0 / len(actions))

    def odds(self, context: Row, actions: Actions) -> Odds:
        """Luce weights of 1."""
        return Odds(np.ones(len(actions)), 0.0)


@register
class ConstantPolicy(_Fixed):
    """Always the same action, or the uniform distribution where it is not a candidate.

    Args:
        action: The id of the action.
        epsilon: The floor ε, spread over all candidates.

    >>> from croupier_policies import Actions
    >>> ConstantPolicy(action="b", epsilon=0.5).probabilities({}, Actions(("a", "b"))).tolist()
    [0.25, 0.75]
    """

    name: ClassVar[str] = "constant"

    def __init__(self, *, action: str, epsilon: float = 0.0) -> None:
        if not 0 <= epsilon <= 1:
            raise PolicyError(f"epsilon must be between 0 and 1, not {epsilon}")
        self.action, self.epsilon = action, float(epsilon)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"action": self.action, "epsilon": self.epsilon}

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        """(1 - ε)·1[a = action] + ε/K."""
        if self.action not in actions.ids:
            return np.full(len(actions), 1.0 / len(actions))
        p = np.full(len(actions), self.epsilon / len(actions))
        p[actions.ids.index(self.action)] += 1.0 - self.epsilon
        return p
