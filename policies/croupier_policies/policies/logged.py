"""An application's existing rule as a policy, to log its decisions before another policy takes over."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from croupier_policies.base import Actions, Policy, Row, State, Vector
from croupier_policies.errors import PolicyError

Rule = Callable[[Row, Actions], "Mapping[str, float] | Vector | list[float]"]


class LoggedPolicy(Policy):
    """An application's own rule with known probabilities; subclass it, or wrap a function with `from_function`.

    The engine draws from the rule's probabilities and logs them, its learner learns from every reward, and the log can
    be evaluated for any policy within the rule's support. The log of a deterministic rule contains no information about
    other actions: give such a rule an `epsilon`.

    A rule is code, and code is never built from a log, which stores only the rule's `name`: change the name when the
    rule changes. To read the log, pass the object itself: `verify(url, policy=ShopRules())`.

    Args:
        epsilon: The floor ε: π = (1 − ε)·rule + ε/K.

    >>> class ShopRules(LoggedPolicy):
    ...     name = "shop-rules-2"
    ...     def rule(self, context, actions):
    ...         return {id: 0.75 if id == "sale" else 0.25 for id in actions.ids}
    >>> ShopRules(epsilon=0.5).probabilities({}, Actions(("sale", "new"))).tolist()
    [0.625, 0.375]
    """

    def __init__(self, *, epsilon: float = 0.0) -> None:
        if not 0 <= epsilon <= 1:
            raise PolicyError(f"epsilon must be between 0 and 1, not {epsilon}")
        self.epsilon = float(epsilon)

    @abstractmethod
    def rule(self, context: Row, actions: Actions) -> Mapping[str, float] | Vector | list[float]:
        """The probability of each action, by id or in their order, summing to 1. It must depend on nothing else."""

    @classmethod
    def from_function(cls, name: str, rule: Rule, *, epsilon: float = 0.0) -> LoggedPolicy:
        """A policy that follows the function `rule(context, actions)` and is logged under `name`.

        >>> policy = LoggedPolicy.from_function("split-1", lambda context, actions: [1 / len(actions)] * len(actions))
        >>> policy.name, policy.config()
        ('split-1', {'epsilon': 0.0})
        """
        body: dict[str, Any] = {"name": name, "rule": staticmethod(rule), "__doc__": rule.__doc__}
        kind: type[LoggedPolicy] = type("NamedRule", (LoggedPolicy,), body)
        return kind(epsilon=epsilon)

    name: ClassVar[str]

    def config(self) -> dict[str, Any]:
        """The constructor's arguments; the rule itself is identified by `name`."""
        return {"epsilon": self.epsilon}

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        """(1 − ε)·rule + ε/K, (K,). Raises PolicyError if the rule returns no distribution over the candidates."""
        p = _as_vector(self.rule(context, actions), actions)
        if p.shape != (len(actions),) or not (p >= 0.0).all() or not abs(p.sum() - 1.0) <= 1e-9:
            raise PolicyError(
                f"the rule {self.name!r} returned {p.tolist()} for {actions.ids}, which is not a distribution"
            )
        return (1.0 - self.epsilon) * p + self.epsilon / len(actions)

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Nothing to learn: the engine's learner does."""

    def state(self) -> State:
        """Nothing was learned."""
        return {}

    def restore(self, state: State) -> None:
        """Nothing to restore."""


def _as_vector(values: Mapping[str, float] | Vector | list[float], actions: Actions) -> Vector:
    if not isinstance(values, Mapping):
        return np.array(values, dtype=np.float64)
    if unknown := set(values) - set(actions.ids):
        raise PolicyError(f"the rule returned probabilities for {sorted(unknown)}, which are not candidates")
    return np.array([values.get(id, 0.0) for id in actions.ids], dtype=np.float64)
