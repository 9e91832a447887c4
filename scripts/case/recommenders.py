"""The recommenders that the engine is compared with: random, popularity, and a collaborative filter trained nightly.

They observe items with a known outcome: what was shown and whether it was clicked, or what was bought regardless.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray


class Visitor(Protocol):
    """A visit of a user."""

    @property
    def user(self) -> int:
        """The number of the user."""


V = TypeVar("V", bound=Visitor, contravariant=True)


class Recommender(Protocol[V]):
    """Recommends a list to a visitor, and learns from the response.

    Attributes:
        stocked: The number of items, the first ones, that can be recommended by now.
    """

    stocked: int

    def recommend(self, visit: V) -> list[int]:
        """Distinct items, best first."""

    def observe(self, visit: V, items: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Learn from the response of the visitor to a list of items."""

    def night(self) -> None:
        """Update after the end of a day."""

    def close(self) -> None:
        """Release all resources."""


class Random:
    """Random items, whatever the response.

    Args:
        items: The number of items in the end; `stocked`, the number so far, limits what can be recommended.
        depth: The length of a list.
        explore: For subclasses, the fraction of positions that show a random item.
    """

    def __init__(self, items: int, depth: int, explore: float = 0.0) -> None:
        self.stocked, self.depth, self.explore = items, depth, explore
        self.rng = np.random.default_rng(11)

    def recommend(self, visit: Visitor) -> list[int]:
        """Draw items uniformly without replacement."""
        return [int(item) for item in self.rng.choice(self.stocked, self.depth, replace=False)]

    def observe(self, visit: Visitor, items: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Learn nothing."""

    def night(self) -> None:
        """Train nothing."""

    def close(self) -> None:
        """Release nothing."""

    def explore_list(self, top: Sequence[int]) -> list[int]:
        """The best items, with a random item at some positions."""
        result: list[int] = []
        for item in top:
            chosen = int(self.rng.integers(self.stocked)) if self.rng.random() < self.explore else int(item)
            if chosen not in result:
                result.append(chosen)
            if len(result) == self.depth:
                break
        return result


class Popularity(Random):
    """The items with the highest click rates so far."""

    def __init__(self, items: int, depth: int, explore: float = 0.0) -> None:
        super().__init__(items, depth, explore)
        self._clicks, self._impressions = np.full(items, 1.0), np.full(items, 10.0)
        self.rng = np.random.default_rng(12)

    def recommend(self, visit: Visitor) -> list[int]:
        """The items with the highest rates, with exploration."""
        rates = (self._clicks / self._impressions)[: self.stocked]
        return self.explore_list(np.argsort(-rates, kind="stable")[: 2 * self.depth].tolist())

    def observe(self, visit: Visitor, items: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Count impressions and clicks."""
        for item, click in zip(items, clicks, strict=True):
            self._impressions[item] += 1
            self._clicks[item] += click


class NightlyFilter(Random):
    """Implicit alternating least squares on all clicks so far, retrained every night; popularity before the first.

    Confidence 1 + 20·clicks, 16 factors: the best of six settings that were tried on the simulated shop.

    Source: Hu, Koren & Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
    """

    FACTORS, RIDGE, WEIGHT, SWEEPS = 16, 10.0, 20.0, 8

    def __init__(self, users: int, items: int, depth: int, explore: float = 0.0) -> None:
        super().__init__(items, depth, explore)
        self._popular, self.rng = Popularity(items, depth, explore), np.random.default_rng(13)
        self._counts: NDArray[np.float64] = np.zeros((users, items))
        self._scores: NDArray[np.float64] | None = None

    def recommend(self, visit: Visitor) -> list[int]:
        """The best items of last night's model; the popular ones for users that it does not know."""
        if self._scores is None or not self._counts[visit.user].any():
            self._popular.stocked = self.stocked
            return self._popular.recommend(visit)
        row = self._scores[visit.user, : self.stocked]
        top = np.argpartition(-row, 2 * self.depth)[: 2 * self.depth]
        return self.explore_list(top[np.argsort(-row[top])].tolist())

    def observe(self, visit: Visitor, items: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Count clicks for the next training."""
        self._popular.observe(visit, items, clicks, purchases)
        for item, click in zip(items, clicks, strict=True):
            self._counts[visit.user, item] += click

    def night(self) -> None:
        """Retrain from a fixed initialisation."""
        users, items = (np.random.default_rng(14).standard_normal((n, self.FACTORS)) * 0.1 for n in self._counts.shape)
        for _ in range(self.SWEEPS):
            users = self._solve(self._counts, items)
            items = self._solve(self._counts.T, users)
        self._scores = users @ items.T

    def _solve(self, counts: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        """The factors of one side given those of the other: (YᵀY + Yᵀ(C − I)Y + λI)⁻¹ Yᵀ C p for every row."""
        gram = other.T @ other + self.RIDGE * np.eye(self.FACTORS)
        result = np.zeros((len(counts), self.FACTORS))
        for k, row in enumerate(counts):
            clicked = np.flatnonzero(row)
            if len(clicked):
                factors, c = other[clicked], self.WEIGHT * row[clicked]
                result[k] = np.linalg.solve(gram + (factors.T * c) @ factors, factors.T @ (1.0 + c))
        return result
