"""Policy and learner together: untaught, described, and built again from their description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar, cast

import orjson

from croupier.errors import EvidenceError
from croupier.log.configuration import Configuration, described
from croupier_policies import Configurable, Learner, Policy, PolicyError
from croupier_policies.registry import build

P = TypeVar("P", bound=Configurable)


class Components(NamedTuple):
    """What a fold teaches."""

    policy: Policy
    learner: Learner | None

    def fresh(self) -> Components:
        """The same, untaught."""
        return Components(self.policy.fresh(), self.learner.fresh() if self.learner is not None else None)

    def description(self) -> dict[str, Any]:
        """Names and configurations, as plain data."""
        return {"policy": orjson.loads(described(self.policy)), "learner": orjson.loads(described(self.learner))}


class ObjectPool(NamedTuple):
    """The objects at hand, used where a description is theirs; everything else is built from its description."""

    policy: Policy | None = None
    learner: Learner | None = None
    others: tuple[Policy, ...] = ()  # of variants and shadows

    def policy_of(self, description: Mapping[str, Any]) -> Policy:
        """An untaught policy of a description, as `components` makes it."""
        at_hand = [p for p in (self.policy, *self.others) if p is not None]
        fits = (p for p in at_hand if orjson.loads(described(p)) == description)
        return _made(description, next(fits, None))

    def learner_of(self, description: Mapping[str, Any] | None) -> Learner | None:
        """An untaught learner of a description, likewise; none of none."""
        return None if description is None else _made(description, self.learner)

    def components(self, description: Mapping[str, Any]) -> Components:
        """Untaught policy and learner of a description. Raises EvidenceError where they cannot be built."""
        return Components(self.policy_of(description["policy"]), self.learner_of(description["learner"]))

    def initial(self, configuration: Configuration) -> Components:
        """Those under which a store was begun."""
        stored = {"policy": configuration.policy, "learner": configuration.learner}
        return self.components({name: orjson.loads(body) for name, body in stored.items()})


def _made(description: Mapping[str, Any], given: P | None) -> P:
    if given is not None and orjson.loads(described(given)) == description:
        return given.fresh()
    try:
        return cast(P, build(description["name"], description["config"]))
    except (PolicyError, TypeError, KeyError) as error:
        raise EvidenceError(
            f"{description.get('name')!r} in the log cannot be built from its configuration ({error}); pass the object "
            "itself: as the policy or the learner, or, of an experiment's variant, among the policies"
        ) from error
