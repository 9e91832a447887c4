"""What an interval is, and what gathers the rows for one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple, Self, TypeAlias

from croupier.errors import InputError
from croupier.evaluation.estimators.base import Columns, Estimator
from croupier.evaluation.estimators.moments import Matrix, Moments

Terms: TypeAlias = Mapping[str, Matrix]


class Interval(NamedTuple):
    """The set [low, high] that is to cover the value at `level`, under what `guarantee` says."""

    low: float
    high: float
    level: float
    guarantee: str


class Setting(NamedTuple):
    """What is known of a log before its rows are.

    Attributes:
        low: The least reward there can be.
        high: The greatest.
        weight: The largest weight π(a|x)/p there can be, K/ε under a floor ε; None where no floor is declared.
        part: Which part of a log is gathered, where several processes share one: each has its own number.
    """

    low: float = 0.0
    high: float = 1.0
    weight: float | None = None
    part: int = 0


class Gathering(ABC):
    """What one kind of interval gathers of one target, batch by batch in the order of the log.

    Attributes:
        setting: What is known of the log.
        counts_copies: Whether it can take rows that stand for several, others like them having been dropped. What
            divides by the number of decisions cannot: that number is then only estimated.
    """

    setting: Setting
    counts_copies: ClassVar[bool] = False

    def bounded(self, weight: float | None) -> None:
        """Learn, after the rows, what the largest weight there can be was."""
        self.setting = self.setting._replace(weight=weight)

    def add(self, columns: Columns, terms: Terms) -> None:  # noqa: B027  (some need no more than the moments)
        """Take in a batch: its columns, and the terms of each estimator by its name."""

    @abstractmethod
    def interval(self, estimator: Estimator, moments: Moments, level: float, comparisons: int = 1) -> Interval | None:
        """Of an estimator whose terms have these moments; None where this kind does not apply to it."""

    @abstractmethod
    def __add__(self, later: Self) -> Self:
        """Of both parts of a log; those of `later` come after."""


#: Begins a gathering for the estimators in a setting.
Method: TypeAlias = Callable[[Sequence[Estimator], Setting], Gathering]


def checked_level(level: float) -> float:
    """The level itself. Raises InputError unless 0 < level < 1."""
    if not 0 < level < 1:
        raise InputError(f"level {level!r} is not between 0 and 1; 0.95 is usual")
    return level


def named_guarantee(guarantee: str, estimator: Estimator, comparisons: int = 1) -> str:
    """A guarantee with what limits it: the caveat of the estimator, the number of comparisons."""
    more = [f"Bonferroni over {comparisons}"] * (comparisons > 1) + [estimator.caveat] * bool(estimator.caveat)
    return ", ".join([guarantee, *more])


def miss(level: float, comparisons: int) -> float:
    """α = (1 − level)/comparisons: how often one of so many intervals may miss."""
    return (1 - checked_level(level)) / comparisons
