"""Target policies: what a log is asked about."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import Any, Self

import orjson

from croupier.errors import EvidenceError
from croupier.evaluation.source import Source
from croupier.log import Decided
from croupier_policies import ConstantPolicy, Policy, PolicyError, UniformPolicy, Vector
from croupier_policies.registry import build


class Target(ABC):
    """Something that gives every candidate of a logged decision a probability, and may learn along the log.

    Attributes:
        label: What it is called in the report.
        learned_upto: The position up to which it has seen the log's rewards beforehand; 0 for none of them. Rows
            rewarded up to there say nothing honest about it.
    """

    label: str
    learned_upto: int = 0

    @abstractmethod
    def probabilities(self, decided: Decided, logged: Vector) -> Vector:
        """The probability of each candidate, shape (K,); `logged` holds the logging policy's, shape (K,)."""

    def learn(self, decided: Decided, reward: float) -> None:  # noqa: B027  (most have nothing to learn)
        """Fold in a logged reward, scaled to 0…1."""

    def begin(self) -> Self:
        """The same target as it is at the beginning of a log."""
        return self

    def notes(self) -> list[str]:
        """What a reader of its estimates should know."""
        return []


class Logged(Target):
    """The logging policy itself: every weight is exactly 1."""

    label = "logged"

    def probabilities(self, decided: Decided, logged: Vector) -> Vector:
        """The logged propensity for the logged action, and the recomputed ones beside it."""
        own = logged.copy()
        own[decided.drawn] = decided.propensity
        return own


class Frozen(Target):
    """A policy as it stands: it learns nothing from the log.

    Args:
        policy: Any policy.
        label: By default its name.
        learned_upto: The position up to which it has learned from this very log.
    """

    def __init__(self, policy: Policy, label: str | None = None, learned_upto: int = 0) -> None:
        self.policy, self.learned_upto = policy, learned_upto
        self.label = label if label is not None else f"frozen:{policy.name}"

    def probabilities(self, decided: Decided, logged: Vector) -> Vector:
        """The policy's."""
        return self.policy.probabilities(decided.context, decided.actions)


class Constant(Frozen):
    """Always the same action; uniform, with a note, where it was no candidate."""

    def __init__(self, action: str) -> None:
        super().__init__(ConstantPolicy(action=action), f"constant:{action}")
        self.action = action
        self._seen: Counter[bool] = Counter()

    def begin(self) -> Self:
        """With its counters at 0."""
        return type(self)(self.action)

    def probabilities(self, decided: Decided, logged: Vector) -> Vector:
        """1 for the action."""
        self._seen[self.action in decided.actions.ids] += 1
        return super().probabilities(decided, logged)

    def notes(self) -> list[str]:
        """How often the action was no candidate. Raises EvidenceError where it never was one."""
        if not self._seen[True]:
            raise EvidenceError(f"no decision had {self.action!r} among its candidates; name one of the logged actions")
        absent, total = self._seen[False], self._seen.total()
        if not absent:
            return []
        return [f"{self.action!r} was no candidate in {absent:,} of {total:,} decisions; there the target is uniform"]


class Learned(Target):
    """A policy that starts untaught and learns along the log, from the logged rewards, as an engine would have.

    At each decision its probabilities come from the state at that decision's `as_of`: it has not seen the reward by
    which it is about to be judged. Its value is that of the sequence of policies it went through.

    Args:
        policy: Any policy; a fresh one of its configuration is taught.
        label: By default `policy:` and its name.
    """

    def __init__(self, policy: Policy, label: str | None = None) -> None:
        self.policy = policy.fresh()
        self.label = label if label is not None else f"policy:{policy.name}"

    def begin(self) -> Self:
        """With an untaught policy."""
        return type(self)(self.policy, self.label)

    def probabilities(self, decided: Decided, logged: Vector) -> Vector:
        """The policy's, as far as it has learned."""
        return self.policy.probabilities(decided.context, decided.actions)

    def learn(self, decided: Decided, reward: float) -> None:
        """Teach the policy."""
        self.policy.learn(decided.context, decided.actions, decided.drawn, reward, decided.propensity)


def resolve(spec: str | Policy | Target, source: Source) -> Target:
    """The target of a specification, at the beginning of a log.

    Args:
        spec: `logged`, `uniform`, `constant:ACTION`, `snapshot:POSITION` or `snapshot:latest`, `policy:NAME` or
            `policy:NAME:{"json": "arguments"}` (untaught, learned along the log); a policy (likewise); or a target.
        source: The store.

    Raises:
        EvidenceError: The specification names nothing that is there.
    """
    if isinstance(spec, Target):
        return spec.begin()
    if isinstance(spec, Policy):
        return Learned(spec)
    kind, _, rest = spec.partition(":")
    if kind == "constant" and rest:
        return Constant(rest)
    if kind == "snapshot" and rest:
        return _snapshot(rest, source)
    if kind == "policy" and rest:
        return Learned(_policy(rest), spec)
    if spec == "uniform":
        return Frozen(UniformPolicy(), spec)
    if spec == "logged":
        return Logged()
    raise EvidenceError(
        f"{spec!r} is no target; give logged, uniform, constant:ACTION, snapshot:POSITION, snapshot:latest, "
        'policy:NAME or policy:NAME:{"json": "arguments"}'
    )


def _snapshot(place: str, source: Source) -> Target:
    positions = source.snapshot_positions()
    if place == "latest" and not positions:
        raise EvidenceError("the store keeps no snapshot; evaluate policy:NAME, which learns along the log")
    if place != "latest" and not place.isdecimal():
        raise EvidenceError(f"snapshot:{place} names no position; give a number or `latest`")
    position = positions[-1] if place == "latest" else int(place)
    return Frozen(source.policy_at(position), f"snapshot:{position}", position)


def _policy(spec: str) -> Policy:
    name, _, text = spec.partition(":")
    try:
        config: Any = orjson.loads(text) if text else {}
        policy = build(name, config)
    except (orjson.JSONDecodeError, PolicyError, TypeError) as error:
        raise EvidenceError(f"policy:{spec} cannot be built: {error}") from error
    if not isinstance(policy, Policy):
        raise EvidenceError(f"{name!r} is a learner, which chooses nothing; name a policy")
    return policy
