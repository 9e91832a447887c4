"""Intervals, and the accumulators that compute them batch by batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple, Self, TypeAlias

from croupier.errors import InputError
from croupier.evaluation.estimators.base import Estimator, EstimatorInputs
from croupier.evaluation.estimators.moments import Matrix, SampleMoments

Terms: TypeAlias = Mapping[str, Matrix]


class Interval(NamedTuple):
    """The interval [low, high], which covers the value at `level` under the conditions in `guarantee`."""

    low: float
    high: float
    level: float
    guarantee: str


class LogBounds(NamedTuple):
    """The bounds of rewards and weights, known before the rows are read.

    Attributes:
        low: The lower bound of rewards.
        high: Their upper bound.
        max_weight: The upper bound of the weights π(a|x)/p, K/ε under a floor ε; None where no floor is declared.
        partition: Number of this partition of the log, where several processes each read one; it seeds the bootstrap.
    """

    low: float = 0.0
    high: float = 1.0
    max_weight: float | None = None
    partition: int = 0


class IntervalAccumulator(ABC):
    """Accumulates one kind of interval for one target, batch by batch in the order of the log.

    Attributes:
        bounds: The bounds of rewards and weights.
        supports_subsampling: Whether it supports rows with subsampling weights. Intervals that divide by the number of
            decisions do not, because that number is then only estimated.
    """

    bounds: LogBounds
    supports_subsampling: ClassVar[bool] = False

    def set_max_weight(self, max_weight: float | None) -> None:
        """Set the upper bound of the weights, which is known once the rows have been read."""
        self.bounds = self.bounds._replace(max_weight=max_weight)

    def add(self, inputs: EstimatorInputs, terms: Terms) -> None:  # noqa: B027  (some kinds need only the moments)
        """Add a batch: its columns, and the terms of each estimator by name."""

    @abstractmethod
    def interval(
        self, estimator: Estimator, moments: SampleMoments, level: float, comparisons: int = 1
    ) -> Interval | None:
        """The interval of an estimator whose terms have these moments; None where this kind does not apply to it."""

    @abstractmethod
    def __add__(self, later: Self) -> Self:
        """The accumulator of two consecutive partitions of a log."""


#: Makes an accumulator for these estimators and bounds.
IntervalFactory: TypeAlias = Callable[[Sequence[Estimator], LogBounds], IntervalAccumulator]


def checked_level(level: float) -> float:
    """The level itself. Raises InputError unless 0 < level < 1."""
    if not 0 < level < 1:
        raise InputError(f"level {level!r} is not between 0 and 1; 0.95 is usual")
    return level


def guarantee_text(guarantee: str, estimator: Estimator, comparisons: int = 1) -> str:
    """A guarantee with its limits: the number of comparisons and the caveat of the estimator."""
    more = [f"Bonferroni over {comparisons}"] * (comparisons > 1) + [estimator.caveat] * bool(estimator.caveat)
    return ", ".join([guarantee, *more])


def error_rate(level: float, comparisons: int) -> float:
    """α = (1 − level)/comparisons, the error rate of each of so many simultaneous intervals."""
    return (1 - checked_level(level)) / comparisons
