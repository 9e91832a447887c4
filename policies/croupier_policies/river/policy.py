"""Any River regressor or classifier as a policy, with an exploration law that needs no uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from croupier_policies.base import Actions, Finding, Policy, Row, State, Vector
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

    River's models do not estimate uncertainty, so neither law explores where evidence is scarce, and `SoftmaxPolicy`
    earns more where a linear model fits. This policy is for relations that a linear model cannot represent: trees,
    forests, factorisation machines.

    A model that is not a pipeline gets standardised numbers and one-hot encoded strings, the action's id among them,
    since most models do not accept strings; a pipeline is used unchanged. Storability follows `RiverLearner`: linear
    models are storable, trees and forests are restored by replay.

    Args:
        model: None (the crossed logistic model), a River model (cloned), or `config()["model"]`.
        law: "softmax" or "epsilon".
        rate: Of the softmax: the inverse temperature λ before the first reward, in 1/reward.
        growth: Of the softmax: the exponent of λ; 0 keeps λ constant, ½ follows the standard error.
        epsilon: The floor ε.
        limit: Of the default model: the largest number of weights.

    Raises:
        PolicyError: The law is unknown, a number is out of range, or `RiverLearner` refuses the model.

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
            raise PolicyError(f"law must be one of {', '.join(LAWS)}, not {law!r}")
        if not 0 <= epsilon <= 1 or not 0 <= rate < math.inf or not 0 <= growth <= 1:
            raise PolicyError(f"epsilon {epsilon} and growth {growth} must be 0 to 1, and rate {rate} non-negative")
        self.law, self.rate, self.growth, self.epsilon = law, float(rate), float(growth), float(epsilon)
        self.limit = limit
        self._learner = RiverLearner(limit=limit) if model is None else RiverLearner(_with_preprocessing(model))

    @property
    def storable(self) -> bool:
        """Whether `state` can represent the model; otherwise the policy is restored by replay."""
        return self._learner.storable

    def config(self) -> dict[str, Any]:
        """The constructor's arguments; for a model outside the allow-list, its description with a hash."""
        return {"model": self._learner.config()["model"], "limit": self.limit, **self._law()}

    def fresh(self) -> Self:
        """A new, untrained policy, storable or not."""
        new = type(self)(limit=self.limit, **self._law())
        new._learner = self._learner.fresh()
        return new

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        """π over the actions, (K,). Raises PolicyError if the model's estimates are not finite."""
        scores = self._learner.predict(context, actions)
        if not math.isfinite(scores.sum()):
            raise PolicyError(f"the model has diverged: its estimates are {scores}; standardise its inputs")
        if self.law == "epsilon":
            return greedy(scores, self.epsilon)
        return softmax(scores, self.rate * (self._learner.count + 1) ** self.growth, self.epsilon)

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Learn one reward."""
        self._learner.learn(context, actions, index, reward, propensity)

    def findings(self) -> Sequence[Finding]:
        """Those of the learner."""
        return self._learner.findings()

    def state(self) -> State:
        """The state of the learner. Raises NotStorable; see `storable`."""
        return {"learner": self._learner.state()}

    def restore(self, state: State) -> None:
        """Replace the state by a `state()`. Raises ForgedState."""
        if not isinstance(state, dict) or set(state) != {"learner"}:
            raise ForgedState("the state of a River policy must be that of its learner; nothing was restored")
        self._learner.restore(state["learner"])

    def _law(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("law", "rate", "growth", "epsilon")}


def _with_preprocessing(model: Any) -> Any:
    """A bare model in a pipeline with standardised numbers and one-hot strings; anything else unchanged."""
    from river import base, compose, preprocessing  # importing River takes half a second

    # transformers and wrappers may need the strings, so only a bare model gets our preprocessing
    if not isinstance(model, base.Regressor | base.Classifier) or isinstance(model, compose.Pipeline | base.Wrapper):
        return model
    numbers = compose.SelectType(float) | preprocessing.StandardScaler()
    strings = compose.SelectType(str) | preprocessing.OneHotEncoder()
    return (numbers + strings) | model.clone()
