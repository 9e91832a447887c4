"""What a decision earned: the one place that says which of the facts about it is learned, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import orjson

from croupier.errors import InputError
from croupier_storage import Fact, Kind

Aggregate = Literal["first", "last", "sum", "mean", "max"]
_AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "sum": sum,
    "mean": lambda values: sum(values) / len(values),
    "max": max,
}


@dataclass(frozen=True)
class Rewards:
    """How the rewards of one decision become what is learned.

    Attributes:
        aggregate: "first" learns the first reward at once, and takes no second. "last", "sum", "mean" and "max" take
            several, and learn once, when the window closes.
        window: Seconds after the decision during which rewards count; None for ever. Later ones are kept and marked.
        default: What is learned when the window closes without a reward; None for nothing.

    >>> Rewards(window=3600.0, default=0.0)
    Rewards(aggregate='first', window=3600.0, default=0.0)
    """

    aggregate: Aggregate = "first"
    window: float | None = None
    default: float | None = None

    def __post_init__(self) -> None:
        if self.aggregate not in _AGGREGATES:
            raise InputError(f"aggregate is {self.aggregate!r}; choose one of {', '.join(_AGGREGATES)}")
        if self.window is not None and not 0 < self.window < float("inf"):
            raise InputError(f"the reward window is {self.window} seconds; give a positive number, or None for ever")
        if self.window is None and (self.aggregate != "first" or self.default is not None):
            raise InputError(
                f"aggregate={self.aggregate!r} and default={self.default} need a window: they wait for its end"
            )

    def config(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    def total(self, values: Sequence[float]) -> float:
        """The aggregate of at least one value."""
        return float(_AGGREGATES[self.aggregate](values))


#: The first reward is learned at once, and there is no window.
FIRST = Rewards()


class RewardState:
    """The story of one decision so far, fact by fact in order of position.

    What counts as late, as a second reward, or as never shown is decided here, by position alone, for the live loop,
    recovery, rebase, `verify` and evaluation alike.
    """

    __slots__ = ("activated", "answered", "closed", "corrected", "late", "retracted", "rewards", "taken", "unit")

    def __init__(self, *, deferred: bool = False, unit: str | None = None) -> None:
        self.activated, self.unit = not deferred, unit
        self.taken: str | None = None  # the action that was shown instead of the drawn one
        self.rewards: tuple[float, ...] = ()  # within the window
        self.late: tuple[float, ...] = ()
        self.answered = 0  # position of the first reward
        self.closed = False
        self.corrected: float | None = None
        self.retracted = False

    @classmethod
    def of(cls, decision: Fact) -> RewardState:
        """At the beginning: a decision of which nothing has been said."""
        deferred = decision.body is not None and bool(orjson.loads(decision.body).get("deferred"))
        return cls(deferred=deferred, unit=decision.unit)

    @property
    def learnable(self) -> bool:
        """Whether the decision was shown as it was drawn."""
        return self.activated and self.taken is None

    def apply(self, fact: Fact, rule: Rewards) -> float | None:
        """Take in the next fact about the decision; what is to be learned from it now, if anything."""
        match fact.kind:
            case Kind.REWARD:
                return self._rewarded(fact, rule)
            case Kind.DEFAULT:
                self.closed = True
                return self._outcome(self.rewards, rule) if self.learnable and self._waits(rule) else None
            case Kind.ACTIVATION:
                self.activated = True
            case Kind.TAKEN:
                self.taken = fact.action
            case Kind.CORRECTION:
                self.corrected, self.retracted = fact.reward, False
            case Kind.RETRACTION:
                self.corrected, self.retracted = None, True
        return None

    def _rewarded(self, fact: Fact, rule: Rewards) -> float | None:
        first = not self.rewards
        self.answered = self.answered or fact.position
        if self.closed:
            self.late += (fact.reward or 0.0,)
        else:
            self.rewards += (fact.reward or 0.0,)
        learned_now = rule.aggregate == "first" and first and not self.closed and self.learnable
        return fact.reward if learned_now else None

    def _waits(self, rule: Rewards) -> bool:
        """Whether closing is what teaches: nothing was learned when a reward came."""
        return rule.aggregate != "first" or not self.rewards

    def effective(self, rule: Rewards, late: bool = True) -> float | None:
        """What a rebase learns of the decision: late rewards in place unless `late` is off, corrections made."""
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
            return rule.total(values)
        return rule.default if self.closed else None
