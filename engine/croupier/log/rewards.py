"""Rewards of a decision: the rule that aggregates them, and the state from which the learned reward follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import inf
from typing import Any, Literal

import orjson

from croupier.errors import InputError
from croupier.log.arguments import choice, number, optional
from croupier.log.limits import MAX_REWARD, TIME
from croupier_storage import Fact, Kind

Aggregate = Literal["first", "last", "sum", "mean", "max"]
_AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "sum": sum,
    "mean": lambda values: sum(values) / len(values),
    "max": max,
}
_FIELDS = {
    "aggregate": choice(*_AGGREGATES),
    "window": optional(number(0.0, TIME.maximum, above=True)),
    "default": optional(number(-MAX_REWARD, MAX_REWARD)),
}


@dataclass(frozen=True)
class Rewards:
    """The rule by which the rewards of a decision become the one reward that is learned: `Engine.open(rewards=…)`.

    Attributes:
        aggregate: With "first", the first reward is learned at once and later ones are duplicates. With "last", "sum",
            "mean" or "max", all rewards within the window are aggregated and learned when the window closes.
        window: Seconds after the decision within which rewards count; None for no limit. Later rewards are logged as
            late, and are learned at the next rebase.
        default: The reward that is learned when the window closes without a reward; None to learn nothing.

    Raises:
        InputError: The aggregate is unknown, the window is not positive, or an aggregate other than "first" or a
            default has no window.

    >>> Rewards(window=3600.0, default=0.0)
    Rewards(aggregate='first', window=3600.0, default=0.0)
    """

    aggregate: Aggregate = "first"
    window: float | None = None
    default: float | None = None

    def __post_init__(self) -> None:
        for name, check in _FIELDS.items():
            object.__setattr__(self, name, check(getattr(self, name), name))  # the class is frozen
        for name in ("window", "default"):  # 60 and 60.0 are one rule
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, float(value))
        if self.window is None and (self.aggregate != "first" or self.default is not None):
            raise InputError(
                f"aggregate={self.aggregate!r} and default={self.default} need a window, because they are learned "
                "when it closes; give a window in seconds"
            )

    def config(self) -> dict[str, Any]:
        """The fields as JSON data."""
        return asdict(self)

    def combine(self, values: Sequence[float]) -> float:
        """The aggregate of one or more rewards.

        >>> Rewards("mean", window=60.0).combine([0.0, 1.0])
        0.5
        """
        return float(_AGGREGATES[self.aggregate](values))


#: The default rule: the first reward is learned at once, and there is no window.
FIRST = Rewards()


class RewardState:
    """The rewards of one decision so far; its facts are applied in order of position.

    The live loop, recovery, rebase, `verify` and evaluation all use it to determine, from positions alone, which
    rewards are late or duplicate and which decisions were never shown.

    Attributes:
        activated: False for a deferred decision that has not been activated.
        decided_at: When the decision was made, in seconds since 1970.
        unit: The decision's unit.
        taken: The action that was shown instead of the drawn one, or None.
        rewards: The rewards before the window closed.
        late: The rewards after it closed.
        first_reward: The position of the first reward, 0 if there is none.
        closed: Whether the window has closed.
        default: The default reward that was logged when it closed, or None. It is the log's, not the rule's of today:
            a default may have been declared, or changed, after many windows had closed.
        corrected: The corrected outcome, or None.
        retracted: Whether the outcome has been retracted.
    """

    __slots__ = (
        "activated",
        "closed",
        "corrected",
        "decided_at",
        "default",
        "first_reward",
        "late",
        "retracted",
        "rewards",
        "taken",
        "unit",
    )

    def __init__(self, *, deferred: bool = False, unit: str | None = None, decided_at: float = -inf) -> None:
        self.activated, self.unit, self.decided_at = not deferred, unit, decided_at
        self.taken: str | None = None
        self.rewards: tuple[float, ...] = ()
        self.late: tuple[float, ...] = ()
        self.first_reward = 0
        self.closed = False
        self.default: float | None = None
        self.corrected: float | None = None
        self.retracted = False

    @classmethod
    def from_decision(cls, decision: Fact) -> RewardState:
        """The state directly after a decision."""
        deferred = decision.body is not None and bool(orjson.loads(decision.body).get("deferred"))
        return cls(deferred=deferred, unit=decision.unit, decided_at=decision.at)

    @property
    def learnable(self) -> bool:
        """Whether the drawn action was shown."""
        return self.activated and self.taken is None

    def apply(self, fact: Fact, rule: Rewards) -> float | None:
        """Apply the next fact about the decision; returns the reward to learn now, or None."""
        match fact.kind:
            case Kind.REWARD:
                return self._apply_reward(fact, rule)
            case Kind.DEFAULT:
                self.closed, self.default = True, fact.reward
                return self._outcome(self.rewards, rule) if self.learnable and self._learns_on_close(rule) else None
            case Kind.ACTIVATION:
                self.activated = True
            case Kind.TAKEN:
                self.taken = fact.action
            case Kind.CORRECTION:
                self.corrected, self.retracted = fact.reward, False
            case Kind.RETRACTION:
                self.corrected, self.retracted = None, True
        return None

    def _apply_reward(self, fact: Fact, rule: Rewards) -> float | None:
        first = not self.rewards
        self.first_reward = self.first_reward or fact.position
        if self.closed:
            self.late += (fact.reward or 0.0,)
        else:
            self.rewards += (fact.reward or 0.0,)
        learned_now = rule.aggregate == "first" and first and not self.closed and self.learnable
        return fact.reward if learned_now else None

    def _learns_on_close(self, rule: Rewards) -> bool:
        """Whether nothing has been learned before the window closes."""
        return rule.aggregate != "first" or not self.rewards

    def effective(self, rule: Rewards, late: bool = True) -> float | None:
        """The reward that a rebase learns, with corrections and retractions applied; None for none.

        Args:
            rule: The store's rule.
            late: Whether late rewards count.
        """
        if self.retracted or not self.learnable:
            return None
        if rule.aggregate != "first" and not self.closed:
            return None
        return self._outcome(self.rewards + (self.late if late else ()), rule)

    def _outcome(self, values: Sequence[float], rule: Rewards) -> float | None:
        if self.retracted:
            return None
        if self.corrected is not None:
            return self.corrected
        if values:
            return rule.combine(values)
        return self.default
