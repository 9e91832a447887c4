"""Accumulates one target along a log, in bounded memory; the tallies of two partitions of a log can be added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np

from croupier.evaluation.estimators.adaptive import Stabiliser
from croupier.evaluation.estimators.base import Estimator, EstimatorInputs
from croupier.evaluation.estimators.moments import SampleMoments
from croupier.evaluation.evidence.diagnostics import Diagnostics
from croupier.evaluation.intervals import Interval, IntervalFactory, LogBounds
from croupier_policies import Vector

CHUNK = 1 << 14


class Tally:
    """Moments of the terms of each estimator, diagnostics, and an accumulator for each kind of interval.

    Args:
        estimators: The estimators of the target's value.
        kinds: The kinds of interval, by name.
        bounds: The bounds of rewards and weights.

    >>> from croupier.evaluation.estimators.basic import find_estimators
    >>> from croupier.evaluation.intervals import interval_factories
    >>> tallies = [Tally(find_estimators(["ips"]), interval_factories(["normal"]), LogBounds()) for _ in range(2)]
    >>> for tally, r in zip(tallies, (0.0, 1.0)):
    ...     tally.add(EstimatorInputs(np.ones(4), np.full(4, r), np.zeros(4), np.zeros(4)), np.zeros(4))
    >>> both = tallies[0] + tallies[1]
    >>> both.estimators[0].estimate(both.moments["ips"]).value, both.diagnostics.count
    (0.5, 8)
    """

    def __init__(
        self, estimators: Sequence[Estimator], kinds: Mapping[str, IntervalFactory], bounds: LogBounds
    ) -> None:
        self.estimators, self.bounds = list(estimators), bounds
        self.accumulators = {name: factory(self.estimators, bounds) for name, factory in kinds.items()}
        self.moments = {
            each.name: SampleMoments(0, np.zeros(each.width), np.zeros((each.width,) * 2)) for each in estimators
        }
        none = np.empty(0)
        self.diagnostics = Diagnostics.of(none, none, none)
        self.subsampled = False  # whether any row has a subsampling weight
        self._stabiliser = Stabiliser()

    def add(
        self, inputs: EstimatorInputs, outside: Vector, max_weight: float | None = None, squares: Vector | None = None
    ) -> None:
        """Add a batch.

        Args:
            inputs: Its n rows.
            outside: The target's probability outside the support, shape (n,).
            max_weight: The upper bound of its weights; None where no bound is known.
            squares: Σ_a π(a|x)²/p(a|x), shape (n,); None where the logged distributions are not known.
        """
        self._update_max_weight(max_weight)
        self.subsampled = self.subsampled or inputs.subsampling is not None
        if inputs.h is None and any(each.stabilised for each in self.estimators):
            inputs = replace(inputs, h=self._stabiliser.next_weights(inputs.w))
        self.diagnostics += Diagnostics.of(inputs.w, self._scaled(inputs.r), outside, squares, inputs.subsampling)
        for chunk in cache_chunks(inputs):
            terms = {each.name: each.terms(chunk) for each in self.estimators}
            for name, rows in terms.items():
                self.moments[name] += SampleMoments.of(rows)
            for accumulator in self.accumulators.values():
                accumulator.add(chunk, terms)

    def _scaled(self, r: Vector) -> Vector:
        return (r - self.bounds.low) / (self.bounds.high - self.bounds.low)

    def _update_max_weight(self, max_weight: float | None) -> None:
        """Keep the largest bound; None once a batch has none."""
        known = self.bounds.max_weight if self.diagnostics.count else max_weight
        both = None if known is None or max_weight is None else max(known, max_weight)
        self.bounds = self.bounds._replace(max_weight=both)

    def intervals(self, estimator: Estimator, level: float, comparisons: int = 1) -> dict[str, Interval]:
        """By kind; those that apply to the estimator, and to subsampled rows where there are some."""
        found = {kind: self.interval(kind, estimator, level, comparisons) for kind in self.accumulators}
        return {kind: interval for kind, interval in found.items() if interval is not None}

    def interval(self, kind: str, estimator: Estimator, level: float, comparisons: int = 1) -> Interval | None:
        """One kind of interval; None where it is not accumulated or does not apply."""
        accumulator = self.accumulators.get(kind)
        if accumulator is None or (self.subsampled and not accumulator.supports_subsampling):
            return None
        accumulator.set_max_weight(self.bounds.max_weight)
        return accumulator.interval(estimator, self.moments[estimator.name], level, comparisons)

    def __add__(self, later: Tally) -> Tally:
        self._update_max_weight(later.bounds.max_weight)
        self.subsampled = self.subsampled or later.subsampled
        self.diagnostics += later.diagnostics
        for name in self.moments:
            self.moments[name] += later.moments[name]
        for name in self.accumulators:
            self.accumulators[name] = self.accumulators[name] + later.accumulators[name]
        return self


def cache_chunks(inputs: EstimatorInputs) -> Iterator[EstimatorInputs]:
    """The rows in chunks that fit the processor's cache."""
    if len(inputs.w) <= CHUNK:
        yield inputs
        return
    for start in range(0, len(inputs.w), CHUNK):
        yield inputs.select(slice(start, start + CHUNK))


def moments(inputs: EstimatorInputs, estimators: Sequence[Estimator]) -> dict[str, SampleMoments]:
    """The moments of the terms of each estimator, by its name; point estimates and normal intervals need no more."""
    found = {each.name: SampleMoments(0, np.zeros(each.width), np.zeros((each.width,) * 2)) for each in estimators}
    for chunk in cache_chunks(inputs):
        for each in estimators:
            found[each.name] += SampleMoments.of(each.terms(chunk))
    return found


def merge_tallies(tallies: Sequence[Tally]) -> Tally:
    """The sum of the tallies of the partitions of one log, given in the order of the log."""
    return reduce(add, tallies)
