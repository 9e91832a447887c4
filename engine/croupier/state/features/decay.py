"""Counts and sums of events, decayed exponentially with the age of each event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log1p
from typing import Any, Self

MAX_CATEGORIES = 32  # category values kept after pruning, the heaviest; up to twice as many are kept in between


class DecayedCounts:
    """Plain and decayed counts of events of each kind, and decayed sums of the attributes of their items.

    The decayed count of a kind is Σ 2^(-age/half-life) over its events, one number for each half-life. Decayed values
    are stored as of `last_at`; an event that arrives late is added with the weight of its age, so that the order of
    arrival matters only through rounding.

    Attributes:
        events: Number of events, of any kind.
        first_at: Time of the earliest event, in seconds since 1970.
        last_at: Time of the latest event.
        counts: Number of events of each kind.
        decayed: Decayed count of each kind, one value per half-life.
        vector_sums: For each attribute, the total weight followed by the weighted sum of its vectors; decayed with the
            last half-life.
        category_weights: The weight of each category "name=value"; decayed with the last half-life.
    """

    __slots__ = ("category_weights", "counts", "decayed", "events", "first_at", "last_at", "vector_sums")

    def __init__(self) -> None:
        self.events, self.first_at, self.last_at = 0, 0.0, 0.0
        self.counts: dict[str, int] = {}
        self.decayed: dict[str, list[float]] = {}
        self.vector_sums: dict[str, list[float]] = {}
        self.category_weights: dict[str, float] = {}

    def as_list(self) -> list[Any]:
        """The content as JSON data; the dictionaries in it are those of this object, not copies."""
        sums = [self.decayed, self.vector_sums, self.category_weights]
        return [self.events, self.first_at, self.last_at, self.counts, *sums]

    @classmethod
    def from_list(cls, content: Sequence[Any]) -> Self:
        """A new object with the content that `as_list` returned; nothing is shared with it."""
        new = cls()
        events, first_at, last_at, counts, decayed, vector_sums, category_weights = content
        new.events, new.first_at, new.last_at = int(events), float(first_at), float(last_at)
        new.counts, new.category_weights = dict(counts), dict(category_weights)
        new.decayed = {kind: list(values) for kind, values in decayed.items()}
        new.vector_sums = {name: list(values) for name, values in vector_sums.items()}
        return new

    def copy(self) -> Self:
        """A deep copy."""
        return type(self).from_list(self.as_list())

    def add(
        self,
        at: float,
        kind: str | None,
        half_lives: Sequence[float],
        vectors: Mapping[str, Sequence[float]],
        categories: Sequence[str],
    ) -> None:
        """Add one event; a `kind` of None is not counted by kind."""
        weights = self._advance(at, half_lives)
        if kind is not None:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            _add(self.decayed, kind, weights)
        for name, vector in vectors.items():
            _add(self.vector_sums, name, [weights[-1], *(weights[-1] * value for value in vector)])
        for name in categories:
            self.category_weights[name] = self.category_weights.get(name, 0.0) + weights[-1]
        self._prune()

    def merge(self, other: DecayedCounts, half_lives: Sequence[float]) -> None:
        """Add the content of another object."""
        events, counts = self.events, other.counts
        weights = self._advance(other.last_at, half_lives)
        self.events, self.first_at = events + other.events, min(self.first_at, other.first_at)
        for kind, count in counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
            _add(self.decayed, kind, [w * value for w, value in zip(weights, other.decayed[kind], strict=True)])
        for name, values in other.vector_sums.items():
            _add(self.vector_sums, name, [weights[-1] * value for value in values])
        for name, weight in other.category_weights.items():
            self.category_weights[name] = self.category_weights.get(name, 0.0) + weights[-1] * weight
        self._prune()

    def discount(self, retain: float) -> None:
        """Multiply all decayed values by `retain`; plain counts stay as they are."""
        for values in (*self.decayed.values(), *self.vector_sums.values()):
            values[:] = [retain * value for value in values]
        self.category_weights = {name: retain * weight for name, weight in self.category_weights.items()}

    def rates(self, kind: str, at: float, half_lives: Sequence[float]) -> list[float]:
        """The decayed count of a kind, Σ 2^(-age/half-life), at a time; one value for each half-life."""
        decayed = self.decayed.get(kind)
        if decayed is None:
            return [0.0] * len(half_lives)
        return [f * value for f, value in zip(_factors(max(at - self.last_at, 0.0), half_lives), decayed, strict=True)]

    def recency(self, at: float) -> float:
        """log(1 + seconds since the latest event)."""
        return log1p(max(at - self.last_at, 0.0))

    def _advance(self, at: float, half_lives: Sequence[float]) -> list[float]:
        """Count an event, decay everything to its time if that is later than `last_at`, and return its weights."""
        self.events += 1
        if self.events == 1:
            self.first_at = self.last_at = at
        if at <= self.last_at:
            self.first_at = min(self.first_at, at)
            return _factors(self.last_at - at, half_lives)
        self._scale(_factors(at - self.last_at, half_lives))
        self.last_at = at
        return [1.0] * len(half_lives)

    def _scale(self, factors: Sequence[float]) -> None:
        slowest = factors[-1]
        for values in self.decayed.values():
            for h, factor in enumerate(factors):
                values[h] *= factor
        for values in self.vector_sums.values():
            for k in range(len(values)):
                values[k] *= slowest
        for name in self.category_weights:
            self.category_weights[name] *= slowest

    def _prune(self) -> None:
        if len(self.category_weights) > 2 * MAX_CATEGORIES:
            heaviest = sorted(self.category_weights.items(), key=lambda item: (-item[1], item[0]))
            self.category_weights = dict(sorted(heaviest[:MAX_CATEGORIES]))


def _factors(age: float, half_lives: Sequence[float]) -> list[float]:
    return [0.5 ** (age / half_life) for half_life in half_lives]


def _add(sums: dict[str, list[float]], name: str, values: Sequence[float]) -> None:
    total = sums.get(name)
    if total is None or len(total) != len(values):
        sums[name] = list(values)
    else:
        for k, value in enumerate(values):
            total[k] += value
