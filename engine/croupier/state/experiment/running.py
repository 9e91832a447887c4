"""The experiment in force: its split and its policies, as the facts of the log made them. Part of a fold's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

import orjson

from croupier.errors import CorruptStore, InputError
from croupier.log.role import Role
from croupier.state.components import Components, ObjectPool
from croupier.state.experiment.assignment import Split
from croupier.state.experiment.buckets import HOLDOUT
from croupier_policies import Learner, Policy, State
from croupier_storage import Fact, Kind


class RunningExperiment:
    """An experiment between its start and its end.

    Args:
        description: The body of the fact that started it.
        pool: Policies given as objects, used where the description names them.
    """

    def __init__(self, description: Mapping[str, Any], pool: ObjectPool) -> None:
        self.description, self.name = dict(description), str(description["name"])
        self.champion, self.shadows = str(description["champion"]), tuple(description["shadows"])
        self.split = Split.of(description["weights"], description["holdout"])
        self.policies = {name: pool.policy_of(each) for name, each in description["policies"].items()}
        self.held: Policy | None = None  # what the hold-out meets

    @property
    def candidates(self) -> list[str]:
        """The variants but the champion and the hold-out."""
        return [name for name in self.policies if name not in self.shadows]

    def freeze(self, champion: Policy) -> None:
        """Let the hold-out meet this policy, as it is now."""
        if self.description["holdout"] and self.held is None:
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

    def policy_for(self, variant: str, champion: Policy) -> Policy:
        """The policy of a variant."""
        if variant == self.champion:
            return champion
        policy = self.held if variant == HOLDOUT else self.policies.get(variant)
        if policy is None:
            raise CorruptStore(f"the experiment {self.name!r} has no variant {variant!r}")
        return policy

    def learners(self, parts: Components, role: Role | None) -> tuple[Policy | Learner | None, ...]:
        """Who learns from a decision with this role."""
        if role is None or role.experiment != self.name:
            return (*parts, *self.policies.values()) if self.description["taught"] else parts
        if self.description["learns"] == "all":
            return (*parts, *self.policies.values())
        shadows = [self.policies[name] for name in self.shadows]
        return (self.policy_for(role.variant, parts.policy), parts.learner, *shadows)

    @property
    def storable(self) -> bool:
        """Whether a snapshot can hold it."""
        return all(policy.storable for policy in self.policies.values()) and (self.held is None or self.held.storable)

    def state(self) -> State:
        """All of it that a snapshot keeps, as plain data; None for what cannot be stored."""
        pieces = {name: [list(piece) for piece in pieces] for name, pieces in self.split.held.items()}
        policies = {name: policy.state() if policy.storable else None for name, policy in self.policies.items()}
        held = None if self.held is None else self.held.state()
        return {"said": self.description, "split": pieces, "policies": policies, "held": held}

    @classmethod
    def restored(cls, state: State, pool: ObjectPool, champion: Policy) -> RunningExperiment:
        """From a `state()`."""
        running = cls(state["said"], pool)
        running.split = Split({name: tuple((a, b) for a, b in pieces) for name, pieces in state["split"].items()})
        for name, policy in running.policies.items():
            policy.restore(state["policies"][name])
        if state["held"] is not None:
            running.held = champion.fresh()
            running.held.restore(state["held"])
        return running


def apply_experiment_fact(running: RunningExperiment | None, fact: Fact, pool: ObjectPool) -> RunningExperiment | None:
    """The experiment in force after a fact: begun, its split changed, or ended. Its policies are untaught."""
    body = orjson.loads(fact.body or b"{}")
    if fact.kind == Kind.EXPERIMENT and body["event"] == "start":
        return RunningExperiment(body, pool)
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


def learners(
    parts: Components, running: RunningExperiment | None, role: Role | None
) -> tuple[Policy | Learner | None, ...]:
    """Who learns from a decision: nobody from the hold-out, the champion from what belongs to no running experiment."""
    if held_out(role):
        return ()
    return parts if running is None else running.learners(parts, role)
