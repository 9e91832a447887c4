"""The experiment in force: its split and its policies, as the facts of the log made them. Part of a fold's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

import orjson

from croupier.errors import CorruptStore, InputError
from croupier.experiments.assignment import Split
from croupier.experiments.pieces import HOLDOUT
from croupier.parts import Given, Parts
from croupier_policies import Learner, Policy, State
from croupier_storage import Fact, Kind


class Role(NamedTuple):
    """For which variant of which experiment a decision was made; `assigned` is the probability of meeting it."""

    experiment: str
    variant: str
    assigned: float


class Running:
    """An experiment between its start and its end.

    Args:
        said: The body of the fact that started it.
        given: Objects at hand for policies that it names.
    """

    def __init__(self, said: Mapping[str, Any], given: Given) -> None:
        self.said, self.name = dict(said), str(said["name"])
        self.champion, self.shadows = str(said["champion"]), tuple(said["shadows"])
        self.split = Split.of(said["weights"], said["holdout"])
        self.policies = {name: given.policy_of(described) for name, described in said["policies"].items()}
        self.held: Policy | None = None  # what the hold-out meets

    @property
    def candidates(self) -> list[str]:
        """The variants but the champion and the hold-out."""
        return [name for name in self.policies if name not in self.shadows]

    def freeze(self, champion: Policy) -> None:
        """Let the hold-out meet this policy, as it is now."""
        if self.said["holdout"] and self.held is None:
            self.held = champion.fresh()
            self.held.restore(champion.state())

    def assign(self, seed: int, unit: str | None) -> Role:
        """The role of a unit. Raises InputError for a decision without one."""
        if unit is None:
            if len(self.split.held) > 1:
                raise InputError(
                    f"the experiment {self.name!r} is running, and this decision has no unit: without one it would be "
                    "in no variant; pass unit="
                )
            return Role(self.name, self.champion, 1.0)
        return Role(self.name, *self.split.assign(seed, self.name, unit))

    def decider(self, variant: str, champion: Policy) -> Policy:
        """The policy of a variant."""
        if variant == self.champion:
            return champion
        policy = self.held if variant == HOLDOUT else self.policies.get(variant)
        if policy is None:
            raise CorruptStore(f"the experiment {self.name!r} has no variant {variant!r}")
        return policy

    def pupils(self, parts: Parts, role: Role | None) -> tuple[Policy | Learner | None, ...]:
        """Who learns from a decision with this role."""
        if role is None or role.experiment != self.name:
            return (*parts, *self.policies.values()) if self.said["taught"] else parts
        if self.said["learns"] == "all":
            return (*parts, *self.policies.values())
        shadows = [self.policies[name] for name in self.shadows]
        return (self.decider(role.variant, parts.policy), parts.learner, *shadows)

    @property
    def storable(self) -> bool:
        """Whether a snapshot can hold it."""
        return all(policy.storable for policy in self.policies.values()) and (self.held is None or self.held.storable)

    def state(self) -> State:
        """All of it that a snapshot keeps, as plain data; None for what cannot be stored."""
        pieces = {name: [list(piece) for piece in pieces] for name, pieces in self.split.held.items()}
        policies = {name: policy.state() if policy.storable else None for name, policy in self.policies.items()}
        held = None if self.held is None else self.held.state()
        return {"said": self.said, "split": pieces, "policies": policies, "held": held}

    @classmethod
    def restored(cls, state: State, given: Given, champion: Policy) -> Running:
        """From a `state()`."""
        running = cls(state["said"], given)
        running.split = Split({name: tuple((a, b) for a, b in pieces) for name, pieces in state["split"].items()})
        for name, policy in running.policies.items():
            policy.restore(state["policies"][name])
        if state["held"] is not None:
            running.held = champion.fresh()
            running.held.restore(state["held"])
        return running


def followed(running: Running | None, fact: Fact, given: Given) -> Running | None:
    """The experiment in force after a fact: begun, its split changed, or ended. Its policies are untaught."""
    body = orjson.loads(fact.body or b"{}")
    if fact.kind == Kind.EXPERIMENT and body["event"] == "start":
        return Running(body, given)
    if fact.kind == Kind.EXPERIMENT and body["event"] == "weights":
        if running is None:
            raise CorruptStore(f"position {fact.position} changes the weights of an experiment, and none is running")
        running.split = running.split.changed(body["weights"])
        return running
    return None


def held_out(role: Role | None) -> TypeGuard[Role]:
    """Whether nothing may be learned from a decision with this role.

    >>> held_out(Role("ranking", HOLDOUT, 0.1)), held_out(None)
    (True, False)
    """
    return role is not None and role.variant == HOLDOUT


def pupils(parts: Parts, running: Running | None, role: Role | None) -> tuple[Policy | Learner | None, ...]:
    """Who learns from a decision: nobody from the hold-out, the champion from what belongs to no running experiment."""
    if held_out(role):
        return ()
    return parts if running is None else running.pupils(parts, role)


def role_of(body: Mapping[str, Any]) -> Role | None:
    """The role that the body of a decision tells."""
    if "experiment" not in body:
        return None
    return Role(body["experiment"], body["variant"], body["assigned"])
