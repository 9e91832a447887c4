"""Target policies, whose value is estimated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeAlias

import numpy as np

from croupier.errors import EvidenceError
from croupier.log.reader import DecodedDecision
from croupier_policies import Actions, ConstantPolicy, Policy, Row, Vector

ProbabilityFunction: TypeAlias = Callable[[Row, Actions], Any]

SOME_CANDIDATES = 20


class Target(ABC):
    """A policy that gives every candidate of a logged decision a probability, and may learn along the log.

    Attributes:
        label: Its name in reports.
        learned_upto: The position up to which it had already learned the log's rewards; 0 for none. Estimates from
            rows rewarded up to there are in-sample.
    """

    label: str
    learned_upto: int = 0

    @abstractmethod
    def probabilities(self, decision: DecodedDecision, logged: Vector) -> Vector:
        """The probability of each candidate, shape (K,); `logged` holds those of the logging policy, shape (K,)."""

    def learn(self, decision: DecodedDecision, reward: float) -> None:  # noqa: B027  (most targets do not learn)
        """Learn a logged reward, scaled to [0, 1]."""

    def fresh(self) -> Self:
        """The target in its state at the beginning of a log."""
        return self

    def notes(self) -> list[str]:
        """Notes on its estimates."""
        return []


class LoggedTarget(Target):
    """The logging policy itself: every weight is exactly 1."""

    label = "logged"

    def probabilities(self, decision: DecodedDecision, logged: Vector) -> Vector:
        """The logged propensity for the logged action, and the recomputed probabilities of the others."""
        own = logged.copy()
        own[decision.drawn] = decision.propensity
        return own


class FrozenTarget(Target):
    """A policy in its current state, which learns nothing from the log.

    Args:
        policy: Any policy.
        label: By default its name.
        learned_upto: The position up to which it has learned from this log.
    """

    def __init__(self, policy: Policy, label: str | None = None, learned_upto: int = 0) -> None:
        self.policy, self.learned_upto = policy, learned_upto
        self.label = label if label is not None else f"frozen:{policy.name}"

    def probabilities(self, decision: DecodedDecision, logged: Vector) -> Vector:
        """Those of the policy."""
        return self.policy.probabilities(decision.context, decision.actions)


class FunctionTarget(Target):
    """A function that gives every candidate a probability.

    Args:
        function: Called with (context, actions): the logged context, and the candidates as `Actions`. It returns a
            probability for each candidate, shape (K,), or a mapping from ids to probabilities; ids that are absent
            have probability 0.
        label: By default its own name.

    >>> from croupier_policies import Actions
    >>> always = FunctionTarget(lambda context, actions: {"new": 1.0}, "always new")
    >>> always.probabilities(DecodedDecision({}, Actions(("sale", "new")), 0, 0.5), np.array([0.5, 0.5])).tolist()
    [0.0, 1.0]
    """

    def __init__(self, function: ProbabilityFunction, label: str | None = None) -> None:
        self.function = function
        self.label = label if label is not None else f"function:{getattr(function, '__name__', 'unnamed')}"

    def probabilities(self, decision: DecodedDecision, logged: Vector) -> Vector:
        """Those of the function."""
        found = self.function(decision.context, decision.actions)
        if not isinstance(found, Mapping):
            return np.asarray(found, dtype=np.float64)
        unknown = [id for id in found if id not in decision.actions.ids]
        if unknown:
            raise EvidenceError(f"{self.label} gives a probability to {unknown[0]!r}, which is not a candidate")
        return np.array([found.get(id, 0.0) for id in decision.actions.ids], dtype=np.float64)


class ConstantTarget(FrozenTarget):
    """Always the same action; uniform, with a note, where that action is not a candidate."""

    def __init__(self, action: str) -> None:
        super().__init__(ConstantPolicy(action=action), f"constant:{action}")
        self.action = action
        self._seen: Counter[bool] = Counter()
        self._candidates: set[str] = set()  # some, to be named where the action is none

    def fresh(self) -> Self:
        """A copy with its counters at 0."""
        return type(self)(self.action)

    def probabilities(self, decision: DecodedDecision, logged: Vector) -> Vector:
        """1 for the action."""
        self._seen[self.action in decision.actions.ids] += 1
        if not self._seen[True] and len(self._candidates) < SOME_CANDIDATES:
            self._candidates.update(decision.actions.ids[:SOME_CANDIDATES])
        return super().probabilities(decision, logged)

    def notes(self) -> list[str]:
        """How often the action was not a candidate. Raises EvidenceError where it never was one."""
        if not self._seen[True]:
            some = ", ".join(map(repr, sorted(self._candidates))) or "none"
            raise EvidenceError(
                f"no decision had {self.action!r} among its candidates, so the log has no evidence on it; there are "
                f"{some}"
            )
        absent, total = self._seen[False], self._seen.total()
        if not absent:
            return []
        return [
            f"{self.action!r} was not a candidate in {absent:,} of {total:,} decisions; there the target is uniform"
        ]


class LearningTarget(Target):
    """A policy that starts untrained and learns from the logged rewards along the log, as in an engine.

    At each decision its probabilities come from its state at that decision's `as_of`, so they do not depend on the
    reward that is used to evaluate them. The estimate is of the value of the sequence of policies.

    Args:
        policy: Any policy; an untrained one of the same configuration learns.
        label: By default `policy:` and its name.
    """

    def __init__(self, policy: Policy, label: str | None = None) -> None:
        self.policy = policy.fresh()
        self.label = label if label is not None else f"policy:{policy.name}"

    def fresh(self) -> Self:
        """A copy with an untrained policy."""
        return type(self)(self.policy, self.label)

    def probabilities(self, decision: DecodedDecision, logged: Vector) -> Vector:
        """Those of the policy in its current state."""
        return self.policy.probabilities(decision.context, decision.actions)

    def learn(self, decision: DecodedDecision, reward: float) -> None:
        """Train the policy."""
        self.policy.learn(decision.context, decision.actions, decision.drawn, reward, decision.propensity)
