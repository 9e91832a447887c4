"""The policy and the learner of a fold, and how they are built from their descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar, cast

import orjson

from croupier.errors import EvidenceError
from croupier.log.configuration import Configuration, describe
from croupier_policies import Configurable, Learner, Policy, PolicyError
from croupier_policies.registry import build

P = TypeVar("P", bound=Configurable)


class Components(NamedTuple):
    """The policy that decides, and the learner that estimates rewards beside it, if any."""

    policy: Policy
    learner: Learner | None

    def fresh(self) -> Components:
        """New objects of the same configurations that have learned nothing."""
        return Components(self.policy.fresh(), self.learner.fresh() if self.learner is not None else None)

    def description(self) -> dict[str, Any]:
        """Names and configurations, as JSON data."""
        return {"policy": orjson.loads(describe(self.policy)), "learner": orjson.loads(describe(self.learner))}


class ObjectPool(NamedTuple):
    """The policies and learners that the application passed.

    An object is used wherever the log describes one with the same name and configuration; all others are built from
    their descriptions. Every method returns objects that have learned nothing, and raises EvidenceError where an object
    cannot be built.

    Attributes:
        policy: The store's policy.
        learner: The store's learner.
        others: Policies of variants and shadows.
    """

    policy: Policy | None = None
    learner: Learner | None = None
    others: tuple[Policy, ...] = ()

    def build_policy(self, description: Mapping[str, Any]) -> Policy:
        """The policy of a description."""
        policies = [policy for policy in (self.policy, *self.others) if policy is not None]
        matching = (policy for policy in policies if orjson.loads(describe(policy)) == description)
        return _build(description, next(matching, None))

    def build_learner(self, description: Mapping[str, Any] | None) -> Learner | None:
        """The learner of a description; None for None."""
        return None if description is None else _build(description, self.learner)

    def components(self, description: Mapping[str, Any]) -> Components:
        """The policy and the learner of a `Components.description()`."""
        return Components(self.build_policy(description["policy"]), self.build_learner(description["learner"]))

    def initial(self, configuration: Configuration) -> Components:
        """The policy and the learner with which a store was created."""
        stored = {"policy": configuration.policy, "learner": configuration.learner}
        return self.components({name: orjson.loads(body) for name, body in stored.items()})


def _build(description: Mapping[str, Any], prototype: P | None) -> P:
    if prototype is not None and orjson.loads(describe(prototype)) == description:
        return prototype.fresh()
    try:
        return cast(P, build(description["name"], description["config"]))
    except (ArithmeticError, AttributeError, LookupError, MemoryError, PolicyError, TypeError, ValueError) as error:
        name = description.get("name") if isinstance(description, Mapping) else description
        raise EvidenceError(
            f"{name!r} in the log cannot be built from its configuration ({error}): its decisions "
            "could not be reproduced; pass the object as policy, as learner, or, for a variant or shadow, in policies"
        ) from error
