"""Any River regressor or classifier as a policy: its estimates, and a law that needs no uncertainty."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

from croupier_policies.base import Actions, Policy, Row, State, Vector
from croupier_policies.errors import ForgedState, PolicyError
from croupier_policies.exploration.scores import greedy, softmax
from croupier_policies.registry import register
from croupier_policies.river.learner import RiverLearner

LAWS = ("softmax", "epsilon")


@register
class RiverPolicy(Policy):
    """A softmax, or ε-greedy, over the estimates r̂(x, a) of a `RiverLearner`.

    softmax: π = (1 − ε)·softmax(λ·r̂) + ε/K with λ = rate·(n + 1)^growth after n rewards;
    epsilon: π = (1 − ε)·1[best] + ε/K.

    River's models tell no uncertainty, so neither law knows where evidence is thin, and `SoftmaxPolicy` earns more
    where a linear model fits. This one is for what a linear model cannot see: trees, forests, factorisation machines.

    A model that is no pipeline is given numbers standardised and strings one-hot (the action's id among them), since
    most models break on a string; a pipeline of yours is left as it is. What is storable follows `RiverLearner`: the
    linear allowlist_module is, trees and forests are restored by replay.

    Args:
        model: None (the crossed logistic model), a River model (cloned), or `config()["model"]`.
        law: "softmax" or "epsilon".
        rate: The inverse temperature λ after the first reward, in 1/reward; of the softmax.
        growth: How fast it grows: 0 keeps it, ½ follows the standard error; of the softmax.
        epsilon: The floor ε.
        limit: Of the default model: at most so many weights.

    Raises:
        PolicyError: Another law, a number out of range, or a model that `RiverLearner` refuses.

    >>> from croupier_policies import Actions
    >>> RiverPolicy().probabilities({"hour": 14.0}, Actions(("a", "b"))).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "river-policy"

    def __init__(
        self,
        model: Any = None,
        *,
        law: str = "softmax",
        rate: float = 3.0,
        growth: float = 0.5,
        epsilon: float = 0.02,
        limit: int = 100_000,
    ) -> None:
        if law not in LAWS:
            raise PolicyError(f"the law is one of {', '.join(LAWS)}, not {law!r}")
        if not 0 <= epsilon <= 1 or not 0 <= rate < math.inf or not 0 <= growth <= 1:
            raise PolicyError(f"epsilon {epsilon} and growth {growth} go from 0 to 1, and rate {rate} is not negative")
        self.law, self.rate, self.growth, self.epsilon = law, float(rate), float(growth), float(epsilon)
        self.limit = limit
        self._learner = RiverLearner(limit=limit) if model is None else RiverLearner(_with_preprocessing(model))

    @property
    def storable(self) -> bool:
        """Whether `state` gives data; else this policy is restored by replay."""
        return self._learner.storable

    def config(self) -> dict[str, Any]:
        """The constructor's arguments; for a model outside the allow-list, its description with a hash."""
        return {"model": self._learner.config()["model"], "limit": self.limit, **self._law()}

    def fresh(self) -> Self:
        """A new one that has learned nothing, storable or not."""
        new = type(self)(limit=self.limit, **self._law())
        new._learner = self._learner.fresh()
        return new

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        """π over the actions, (K,). Raises PolicyError where the model's estimates are no numbers any more."""
        scores = self._learner.predict(context, actions)
        if not math.isfinite(scores.sum()):
            raise PolicyError(f"the model has diverged: its estimates are {scores}; standardise its numbers")
        if self.law == "epsilon":
            return greedy(scores, self.epsilon)
        return softmax(scores, self.rate * (self._learner.count + 1) ** self.growth, self.epsilon)

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Fold in one reward."""
        self._learner.learn(context, actions, index, reward, propensity)

    def state(self) -> State:
        """That of the model. Raises NotStorable; see `storable`."""
        return {"learner": self._learner.state()}

    def restore(self, state: State) -> None:
        """Take over a `state()`. Raises ForgedState."""
        if not isinstance(state, dict) or set(state) != {"learner"}:
            raise ForgedState("the state of a River policy is that of its learner")
        self._learner.restore(state["learner"])

    def _law(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("law", "rate", "growth", "epsilon")}


def _with_preprocessing(model: Any) -> Any:
    """A bare model behind standardised numbers and one-hot strings; whatever else as it is."""
    from river import base, compose, preprocessing  # it takes half a second

    # a transformer or wrapper of yours may want the strings: only what is a model itself is put behind ours
    if not isinstance(model, base.Regressor | base.Classifier) or isinstance(model, compose.Pipeline | base.Wrapper):
        return model
    numbers = compose.SelectType(float) | preprocessing.StandardScaler()
    words = compose.SelectType(str) | preprocessing.OneHotEncoder()
    return (numbers + words) | model.clone()
