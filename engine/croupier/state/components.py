"""The policy and the learner of a fold, and how they are built from their descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any, NamedTuple, TypeVar, cast

import orjson

from croupier.errors import EvidenceError
from croupier.log.configuration import Configuration, describe
from croupier_policies import Configurable, Learner, Policy, PolicyError
from croupier_policies.registry import build, registered

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
            f"{name!r} in the log cannot be built from its configuration ({error}): its decisions could not be "
            "reproduced; in Python, pass the object as policy, as learner, or, for a variant or shadow, in policies"
        ) from error


def build_from_spec(spec: str, kind: type[P]) -> P:
    """A new, untrained policy or learner from `NAME` or `NAME:{"json": "arguments"}`.

    Raises:
        EvidenceError: There is none of this name, or it does not take the arguments; the message lists those there are.

    >>> from croupier_policies import ConstantPolicy, Policy
    >>> build_from_spec('constant:{"action": "new"}', Policy).config()["action"]
    'new'
    """
    name, _, text = spec.partition(":")
    known = registered(kind)
    if name not in known:
        sort = kind.__name__.lower()
        raise EvidenceError(f"there is no {sort} {name!r}; there are {', '.join(known)}")
    try:
        return known[name](**(orjson.loads(text) if text else {}))
    except orjson.JSONDecodeError as error:
        raise EvidenceError(f"the arguments of {spec} are not JSON ({error})") from error
    except (ArithmeticError, AttributeError, LookupError, MemoryError, PolicyError, TypeError, ValueError) as error:
        takes = ", ".join(signature(known[name]).parameters) or "none"
        raise EvidenceError(f"{spec} cannot be built: {error}; its arguments are {takes}") from error
