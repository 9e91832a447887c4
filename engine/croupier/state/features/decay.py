"""What was done over one stretch of time: counts, and sums that fade with the age of what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log1p
from typing import Any, Self

KEPT = 32  # values of categories that one trace holds, the heaviest; twice as many for a moment


class DecayedCounts:
    """Counts per kind, Σ 2^(-age/half-life) per kind and half-life, and fading sums of what the items were like.

    What fades is held as it stands at `last`, the time of the latest event; an event that comes late joins with the
    weight of its age, so the order of arrival makes no difference but for rounding. `sums` holds, by name, a weight and
    the weighted sum of vectors; `shares` the weights of categories. Both fade at the last of the half-lives.
    """

    __slots__ = ("counts", "faded", "first", "last", "n", "shares", "sums")

    def __init__(self) -> None:
        self.n, self.first, self.last = 0, 0.0, 0.0
        self.counts: dict[str, int] = {}
        self.faded: dict[str, list[float]] = {}
        self.sums: dict[str, list[float]] = {}
        self.shares: dict[str, float] = {}

    def plain(self) -> list[Any]:
        """As plain data, which this object goes on changing."""
        return [self.n, self.first, self.last, self.counts, self.faded, self.sums, self.shares]

    @classmethod
    def of(cls, plain: Sequence[Any]) -> Self:
        """The trace of such plain data."""
        new = cls()
        n, first, last, counts, faded, sums, shares = plain
        new.n, new.first, new.last = int(n), float(first), float(last)
        new.counts, new.shares = dict(counts), dict(shares)
        new.faded = {kind: list(values) for kind, values in faded.items()}
        new.sums = {name: list(values) for name, values in sums.items()}
        return new

    def copy(self) -> Self:
        """Another that shares nothing with this one."""
        return type(self).of(self.plain())

    def add(
        self,
        at: float,
        kind: str | None,
        half_lives: Sequence[float],
        vectors: Mapping[str, Sequence[float]],
        categories: Sequence[str],
    ) -> None:
        """Take in one event, of a kind that is counted or of none."""
        weights = self._reach(at, half_lives)
        if kind is not None:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            _add(self.faded, kind, weights)
        for name, vector in vectors.items():
            _add(self.sums, name, [weights[-1], *(weights[-1] * value for value in vector)])
        for name in categories:
            self.shares[name] = self.shares.get(name, 0.0) + weights[-1]
        self._prune()

    def merge(self, other: DecayedCounts, half_lives: Sequence[float]) -> None:
        """Take in everything that another trace holds."""
        n, counts = self.n, other.counts
        weights = self._reach(other.last, half_lives)
        self.n, self.first = n + other.n, min(self.first, other.first)
        for kind, count in counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
            _add(self.faded, kind, [w * value for w, value in zip(weights, other.faded[kind], strict=True)])
        for name, values in other.sums.items():
            _add(self.sums, name, [weights[-1] * value for value in values])
        for name, share in other.shares.items():
            self.shares[name] = self.shares.get(name, 0.0) + weights[-1] * share
        self._prune()

    def discount(self, keep: float) -> None:
        """Let what fades count for `keep` of what it did."""
        for values in (*self.faded.values(), *self.sums.values()):
            values[:] = [keep * value for value in values]
        self.shares = {name: keep * share for name, share in self.shares.items()}

    def rates(self, kind: str, at: float, half_lives: Sequence[float]) -> list[float]:
        """Σ 2^(-age/half-life) of a kind at a time, for each half-life."""
        held = self.faded.get(kind)
        if held is None:
            return [0.0] * len(half_lives)
        return [f * value for f, value in zip(_factors(max(at - self.last, 0.0), half_lives), held, strict=True)]

    def recency(self, at: float) -> float:
        """log(1 + seconds since the latest event)."""
        return log1p(max(at - self.last, 0.0))

    def _reach(self, at: float, half_lives: Sequence[float]) -> list[float]:
        """Let everything fade to this time, if it is later than the last; the weights of what happened at it."""
        self.n += 1
        if self.n == 1:
            self.first = self.last = at
        if at <= self.last:
            self.first = min(self.first, at)
            return _factors(self.last - at, half_lives)
        self._scale(_factors(at - self.last, half_lives))
        self.last = at
        return [1.0] * len(half_lives)

    def _scale(self, factors: Sequence[float]) -> None:
        slowest = factors[-1]
        for values in self.faded.values():
            for h, factor in enumerate(factors):
                values[h] *= factor
        for values in self.sums.values():
            for k in range(len(values)):
                values[k] *= slowest
        for name in self.shares:
            self.shares[name] *= slowest

    def _prune(self) -> None:
        if len(self.shares) > 2 * KEPT:
            heaviest = sorted(self.shares.items(), key=lambda item: (-item[1], item[0]))
            self.shares = dict(sorted(heaviest[:KEPT]))


def _factors(age: float, half_lives: Sequence[float]) -> list[float]:
    return [0.5 ** (age / half_life) for half_life in half_lives]


def _add(sums: dict[str, list[float]], name: str, values: Sequence[float]) -> None:
    held = sums.get(name)
    if held is None or len(held) != len(values):
        sums[name] = list(values)
    else:
        for k, value in enumerate(values):
            held[k] += value
