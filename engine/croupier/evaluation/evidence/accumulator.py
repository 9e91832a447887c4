"""What is gathered of one target while a log goes by: bounded memory, and two parts of a log can be added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np

from croupier.evaluation.estimators.adaptive import Stabiliser
from croupier.evaluation.estimators.base import Columns, Estimator
from croupier.evaluation.estimators.moments import Moments
from croupier.evaluation.evidence.diagnostics import Diagnostics
from croupier.evaluation.intervals import Interval, Method, Setting
from croupier_policies import Vector

CHUNK = 1 << 14


class Tally:
    """Moments of the terms of each estimator, diagnostics, and what each kind of interval needs.

    Args:
        estimators: To be estimated by.
        kinds: The kinds of interval, by name.
        setting: What is known of the log beforehand.

    >>> from croupier.evaluation.estimators.basic import named
    >>> from croupier.evaluation.intervals import methods
    >>> parts = [Tally(named(["ips"]), methods(["normal"]), Setting()) for _ in range(2)]
    >>> for part, r in zip(parts, (0.0, 1.0)):
    ...     part.add(Columns(np.ones(4), np.full(4, r), np.zeros(4), np.zeros(4)), np.zeros(4))
    >>> both = parts[0] + parts[1]
    >>> both.estimators[0].estimate(both.moments["ips"]).value, both.diagnostics.count
    (0.5, 8)
    """

    def __init__(self, estimators: Sequence[Estimator], kinds: Mapping[str, Method], setting: Setting) -> None:
        self.estimators, self.setting = list(estimators), setting
        self.gathered = {name: begin(self.estimators, setting) for name, begin in kinds.items()}
        self.moments = {each.name: Moments(0, np.zeros(each.width), np.zeros((each.width,) * 2)) for each in estimators}
        none = np.empty(0)
        self.diagnostics = Diagnostics.of(none, none, none)
        self.copied = False  # whether any row stands for several
        self._stabiliser = Stabiliser()

    def add(
        self, columns: Columns, outside: Vector, weight: float | None = None, squares: Vector | None = None
    ) -> None:
        """Take in a batch.

        Args:
            columns: Its rows.
            outside: The target's probability outside the support, shape (n,).
            weight: The largest weight there can be in it; None where nothing says.
            squares: Σ_a π(a|x)²/p(a|x), shape (n,); None where the whole distributions are not known.
        """
        self._bound(weight)
        self.copied = self.copied or columns.copies is not None
        if columns.h is None and any(each.stabilised for each in self.estimators):
            columns = replace(columns, h=self._stabiliser.weigh(columns.w))
        self.diagnostics += Diagnostics.of(columns.w, self._scaled(columns.r), outside, squares, columns.copies)
        for part in chunks(columns):
            terms = {each.name: each.terms(part) for each in self.estimators}
            for name, rows in terms.items():
                self.moments[name] += Moments.of(rows)
            for gathering in self.gathered.values():
                gathering.add(part, terms)

    def _scaled(self, r: Vector) -> Vector:
        return (r - self.setting.low) / (self.setting.high - self.setting.low)

    def _bound(self, weight: float | None) -> None:
        """Keep the largest of the bounds; none at all where one part has none."""
        known = self.setting.weight if self.diagnostics.count else weight
        both = None if known is None or weight is None else max(known, weight)
        self.setting = self.setting._replace(weight=both)

    def intervals(self, estimator: Estimator, level: float, comparisons: int = 1) -> dict[str, Interval]:
        """By kind; those that apply to the estimator, and to rows that stand for several where some do."""
        found = {kind: self.interval(kind, estimator, level, comparisons) for kind in self.gathered}
        return {kind: interval for kind, interval in found.items() if interval is not None}

    def interval(self, kind: str, estimator: Estimator, level: float, comparisons: int = 1) -> Interval | None:
        """One kind of interval; None where it is not gathered or does not apply."""
        gathering = self.gathered.get(kind)
        if gathering is None or (self.copied and not gathering.counts_copies):
            return None
        gathering.bounded(self.setting.weight)
        return gathering.interval(estimator, self.moments[estimator.name], level, comparisons)

    def __add__(self, later: Tally) -> Tally:
        self._bound(later.setting.weight)
        self.copied = self.copied or later.copied
        self.diagnostics += later.diagnostics
        for name in self.moments:
            self.moments[name] += later.moments[name]
        for name in self.gathered:
            self.gathered[name] = self.gathered[name] + later.gathered[name]
        return self


def chunks(columns: Columns) -> Iterator[Columns]:
    """The rows in parts small enough to stay in a processor's cache while all is made of them."""
    if len(columns.w) <= CHUNK:
        yield columns
        return
    for start in range(0, len(columns.w), CHUNK):
        yield columns.part(slice(start, start + CHUNK))


def moments(columns: Columns, estimators: Sequence[Estimator]) -> dict[str, Moments]:
    """The moments of the terms of each estimator, by its name: all that points and normal intervals need."""
    found = {each.name: Moments(0, np.zeros(each.width), np.zeros((each.width,) * 2)) for each in estimators}
    for part in chunks(columns):
        for each in estimators:
            found[each.name] += Moments.of(each.terms(part))
    return found


def merged(parts: Sequence[Tally]) -> Tally:
    """The tallies of the parts of one log, in its order, as one."""
    return reduce(add, parts)
