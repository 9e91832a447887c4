"""The experiment in force, its split and its policies, as part of a fold's state."""

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
    """The state of an experiment between its start and its end.

    Args:
        description: The body of the fact that started it.
        pool: The application's policies, used where the description names them.

    Attributes:
        description: As above.
        name: The experiment's name.
        champion: The variant that the store's own policy decides for.
        shadows: The names of policies that decide for no unit.
        split: The assignment of units.
        policies: The policies of the other variants and of the shadows.
        holdout_policy: A copy of the champion at the start, which decides for the hold-out and never learns.
    """

    def __init__(self, description: Mapping[str, Any], pool: ObjectPool) -> None:
        self.description, self.name = dict(description), str(description["name"])
        self.champion, self.shadows = str(description["champion"]), tuple(description["shadows"])
        self.split = Split.from_weights(description["weights"], description["holdout"])
        self.policies = {name: pool.build_policy(each) for name, each in description["policies"].items()}
        self.holdout_policy: Policy | None = None

    @property
    def candidates(self) -> list[str]:
        """The variants except the champion and the hold-out."""
        return [name for name in self.policies if name not in self.shadows]

    def freeze_holdout(self, champion: Policy) -> None:
        """Copy the champion for the hold-out, if there is a hold-out and no copy yet."""
        if self.description["holdout"] and self.holdout_policy is None:
            self.holdout_policy = champion.fresh()
            self.holdout_policy.restore(champion.state())

    def assign(self, seed: int, unit: str | None) -> Role:
        """The role of a unit. Raises InputError for a decision without a unit."""
        if unit is None:
            if len(self.split.buckets) > 1:
                raise InputError(
                    f"the experiment {self.name!r} is running and the decision has no unit: without a unit it cannot "
                    "be assigned to a variant; pass unit="
                )
            return Role(self.name, self.champion, 1.0)
        return Role(self.name, *self.split.assign(seed, self.name, unit))

    def policy_for(self, variant: str, champion: Policy) -> Policy:
        """The policy of a variant. Raises CorruptStore for an unknown variant."""
        if variant == self.champion:
            return champion
        policy = self.holdout_policy if variant == HOLDOUT else self.policies.get(variant)
        if policy is None:
            raise CorruptStore(f"the experiment {self.name!r} has no variant {variant!r}")
        return policy

    def learners(self, components: Components, role: Role | None) -> tuple[Policy | Learner | None, ...]:
        """The policies and learners that learn from a decision with this role, which is not the hold-out's.

        "taught" and "learns" are the stored names of an experiment's `warm_start` and `learn_from`.
        """
        if role is None or role.experiment != self.name:
            return (*components, *self.policies.values()) if self.description["taught"] else components
        if self.description["learns"] == "all":
            return (*components, *self.policies.values())
        shadows = [self.policies[name] for name in self.shadows]
        return (self.policy_for(role.variant, components.policy), components.learner, *shadows)

    @property
    def storable(self) -> bool:
        """Whether a snapshot can contain all its policies."""
        policies = [*self.policies.values(), *([] if self.holdout_policy is None else [self.holdout_policy])]
        return all(policy.storable for policy in policies)

    def state(self) -> State:
        """The state for a snapshot, as plain data; None for a policy that is not storable.

        "said" and "held" are the stored names of `description` and of the state of `holdout_policy`.
        """
        split = {name: [list(bucket) for bucket in buckets] for name, buckets in self.split.buckets.items()}
        policies = {name: policy.state() if policy.storable else None for name, policy in self.policies.items()}
        holdout = None if self.holdout_policy is None else self.holdout_policy.state()
        return {"said": self.description, "split": split, "policies": policies, "held": holdout}

    @classmethod
    def from_state(cls, state: State, pool: ObjectPool, champion: Policy) -> RunningExperiment:
        """The experiment that `state` described."""
        running = cls(state["said"], pool)
        running.split = Split({name: tuple((a, b) for a, b in buckets) for name, buckets in state["split"].items()})
        for name, policy in running.policies.items():
            policy.restore(state["policies"][name])
        if state["held"] is not None:
            running.holdout_policy = champion.fresh()
            running.holdout_policy.restore(state["held"])
        return running


def apply_experiment_fact(running: RunningExperiment | None, fact: Fact, pool: ObjectPool) -> RunningExperiment | None:
    """The experiment in force after a fact that starts one, changes its weights or ends it.

    The policies of an experiment that is started have learned nothing.

    Raises:
        CorruptStore: The fact changes the weights, but no experiment is running.
    """
    body = orjson.loads(fact.body or b"{}")
    if fact.kind == Kind.EXPERIMENT and body["event"] == "start":
        return RunningExperiment(body, pool)
    if fact.kind == Kind.EXPERIMENT and body["event"] == "weights":
        if running is None:
            raise CorruptStore(f"position {fact.position} changes the weights of an experiment, but none is running")
        running.split = running.split.with_weights(body["weights"])
        return running
    return None


def is_holdout(role: Role | None) -> TypeGuard[Role]:
    """Whether a decision was made for the hold-out, from which nothing is learned.

    >>> is_holdout(Role("ranking", HOLDOUT, 0.1)), is_holdout(None)
    (True, False)
    """
    return role is not None and role.variant == HOLDOUT


def learners(
    components: Components, running: RunningExperiment | None, role: Role | None
) -> tuple[Policy | Learner | None, ...]:
    """The policies and learners that learn from a decision with this role; none from one of the hold-out.

    The champion learns from decisions that belong to no running experiment.
    """
    if is_holdout(role):
        return ()
    return components if running is None else running.learners(components, role)
