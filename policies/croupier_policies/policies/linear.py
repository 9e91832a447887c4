"""A policy as a reward model plus an exploration law."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from croupier_policies import arrays, registry
from croupier_policies.base import Actions, Row, Vector
from croupier_policies.exploration.base import Law
from croupier_policies.exploration.laws import Softmax
from croupier_policies.models.base import Model
from croupier_policies.models.ridge import RidgeModel
from croupier_policies.policies.base import ModelPolicy
from croupier_policies.registry import register

Description = Mapping[str, Any]  # {"name": …, "config": …}


@register
class LinearPolicy(ModelPolicy):
    """Any reward model of this package with any exploration law.

    Args:
        model: The reward model, or its name and configuration as `config` gives them.
        law: The exploration law, or its name and configuration.

    >>> from croupier_policies import Thompson
    >>> LinearPolicy(model=RidgeModel(), law=Thompson()).probabilities({"hour": 14.0}, Actions(("a", "b"))).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "linear"

    def __init__(self, *, model: Model | Description | None = None, law: Law | Description | None = None) -> None:
        self.model: Model = registry.resolve(Model, RidgeModel() if model is None else model)  # type: ignore[type-abstract] # only concrete classes are built
        self.law: Law = registry.resolve(Law, Softmax() if law is None else law)  # type: ignore[type-abstract] # only concrete classes are built

    @property
    def epsilon(self) -> float:
        """The floor: every candidate has probability at least epsilon/K."""
        return self.law.epsilon

    def config(self) -> dict[str, Any]:
        """Names and configurations of model and law."""
        return {
            key: {"name": value.name, "config": value.config()}
            for key, value in (("model", self.model), ("law", self.law))
        }

    def fresh(self) -> Self:
        """A new, untrained policy on the same device."""
        return type(self)(model=self.model.fresh(), law=self.law)

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        """π over the actions, (K,)."""
        return self.model.choose(context, actions, self.law)

    def probabilities_batch(self, contexts: Any, actions: Actions) -> Vector:
        """π for a batch of array contexts, (B, n) to (B, K); equals `probabilities` of each to about 1e-9.

        >>> LinearPolicy().probabilities_batch([[1.0], [2.0], [3.0]], Actions(("a", "b"))).shape
        (3, 2)
        """
        return arrays.to_host(
            self.law.probabilities(self.model.backend.xp, self.model.estimates_batch(contexts, actions))
        )
