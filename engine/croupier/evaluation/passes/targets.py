"""Target policies: what a log is asked about."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeAlias

import numpy as np

from croupier.errors import EvidenceError
from croupier.log.reader import DecodedDecision
from croupier_policies import Actions, ConstantPolicy, Policy, Row, Vector

Chosen: TypeAlias = Callable[[Row, Actions], Any]


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
    def probabilities(self, decided: DecodedDecision, logged: Vector) -> Vector:
        """The probability of each candidate, shape (K,); `logged` holds the logging policy's, shape (K,)."""

    def learn(self, decided: DecodedDecision, reward: float) -> None:  # noqa: B027  (most have nothing to learn)
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

    def probabilities(self, decided: DecodedDecision, logged: Vector) -> Vector:
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

    def probabilities(self, decided: DecodedDecision, logged: Vector) -> Vector:
        """The policy's."""
        return self.policy.probabilities(decided.context, decided.actions)


class Function(Target):
    """A function that gives every candidate a probability.

    Args:
        function: Called with (context, actions), the context as the log has it, the candidates as `Actions`; gives a
            probability for each, shape (K,), or a mapping from ids to probabilities, 0 for those it does not name.
        label: By default its own name.

    >>> from croupier_policies import Actions
    >>> always = Function(lambda context, actions: {"new": 1.0}, "always new")
    >>> always.probabilities(DecodedDecision({}, Actions(("sale", "new")), 0, 0.5), np.array([0.5, 0.5])).tolist()
    [0.0, 1.0]
    """

    def __init__(self, function: Chosen, label: str | None = None) -> None:
        self.function = function
        self.label = label if label is not None else f"function:{getattr(function, '__name__', 'unnamed')}"

    def probabilities(self, decided: DecodedDecision, logged: Vector) -> Vector:
        """The function's."""
        found = self.function(decided.context, decided.actions)
        if not isinstance(found, Mapping):
            return np.asarray(found, dtype=np.float64)
        unknown = [id for id in found if id not in decided.actions.ids]
        if unknown:
            raise EvidenceError(f"{self.label} gives {unknown[0]!r} a probability, which was no candidate")
        return np.array([found.get(id, 0.0) for id in decided.actions.ids], dtype=np.float64)


class Constant(Frozen):
    """Always the same action; uniform, with a note, where it was no candidate."""

    def __init__(self, action: str) -> None:
        super().__init__(ConstantPolicy(action=action), f"constant:{action}")
        self.action = action
        self._seen: Counter[bool] = Counter()

    def begin(self) -> Self:
        """With its counters at 0."""
        return type(self)(self.action)

    def probabilities(self, decided: DecodedDecision, logged: Vector) -> Vector:
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

    def probabilities(self, decided: DecodedDecision, logged: Vector) -> Vector:
        """The policy's, as far as it has learned."""
        return self.policy.probabilities(decided.context, decided.actions)

    def learn(self, decided: DecodedDecision, reward: float) -> None:
        """Teach the policy."""
        self.policy.learn(decided.context, decided.actions, decided.drawn, reward, decided.propensity)
