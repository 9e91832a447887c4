"""What a loop is compared with: chance, popularity, and a collaborative filter trained every night.

They are told of items whose outcome is known: what was shown and whether it was clicked, or what was bought anyhow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray


class Visitor(Protocol):
    """Somebody comes."""

    @property
    def user(self) -> int:
        """Who."""


V = TypeVar("V", bound=Visitor, contravariant=True)


class Recommender(Protocol[V]):
    """Shows a list to a visitor, and learns from what comes back.

    Attributes:
        stocked: So many items, the first ones, can be shown by now.
    """

    stocked: int

    def show(self, visit: V) -> list[int]:
        """Different items, in order."""

    def seen(self, visit: V, shown: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """What the visitor did."""

    def night(self) -> None:
        """A day is over."""

    def close(self) -> None:
        """The end."""


class Chance:
    """Any items, whatever comes back.

    Args:
        items: How many there may be; `stocked`, how many there are by now, is what can be shown.
        depth: Places in a list.
        explore: The share of places given to chance, of those who show what they know.
    """

    def __init__(self, items: int, depth: int, explore: float = 0.0) -> None:
        self.stocked, self.depth, self.explore = items, depth, explore
        self.rng = np.random.default_rng(11)

    def show(self, visit: Visitor) -> list[int]:
        """Drawn evenly."""
        return [int(item) for item in self.rng.choice(self.stocked, self.depth, replace=False)]

    def seen(self, visit: Visitor, shown: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Nothing is learned."""

    def night(self) -> None:
        """Nothing is trained."""

    def close(self) -> None:
        """Nothing is held."""

    def explored(self, top: Sequence[int]) -> list[int]:
        """The first of the best, some places given to chance."""
        shown: list[int] = []
        for item in top:
            chosen = int(self.rng.integers(self.stocked)) if self.rng.random() < self.explore else int(item)
            if chosen not in shown:
                shown.append(chosen)
            if len(shown) == self.depth:
                break
        return shown


class Popularity(Chance):
    """The items with the highest share of clicks so far, up to the last visit."""

    def __init__(self, items: int, depth: int, explore: float = 0.0) -> None:
        super().__init__(items, depth, explore)
        self._clicks, self._shown = np.full(items, 1.0), np.full(items, 10.0)
        self.rng = np.random.default_rng(12)

    def show(self, visit: Visitor) -> list[int]:
        """The best so far."""
        shares = (self._clicks / self._shown)[: self.stocked]
        return self.explored(np.argsort(-shares, kind="stable")[: 2 * self.depth].tolist())

    def seen(self, visit: Visitor, shown: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Counted at once."""
        for item, click in zip(shown, clicks, strict=True):
            self._shown[item] += 1
            self._clicks[item] += click


class Nightly(Chance):
    """Implicit alternating least squares over all clicks so far, trained anew every night; popularity before the first.

    Confidence 1 + 20·clicks, 16 factors: the best of six settings that were tried on the shop.

    Source: Hu, Koren & Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
    """

    FACTORS, RIDGE, WEIGHT, SWEEPS = 16, 10.0, 20.0, 8

    def __init__(self, users: int, items: int, depth: int, explore: float = 0.0) -> None:
        super().__init__(items, depth, explore)
        self._popular, self.rng = Popularity(items, depth, explore), np.random.default_rng(13)
        self._counts: NDArray[np.float64] = np.zeros((users, items))
        self._scores: NDArray[np.float64] | None = None

    def show(self, visit: Visitor) -> list[int]:
        """The best of last night's model; what is popular, to who is not in it."""
        if self._scores is None or not self._counts[visit.user].any():
            self._popular.stocked = self.stocked
            return self._popular.show(visit)
        row = self._scores[visit.user, : self.stocked]
        top = np.argpartition(-row, 2 * self.depth)[: 2 * self.depth]
        return self.explored(top[np.argsort(-row[top])].tolist())

    def seen(self, visit: Visitor, shown: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Noted for the night."""
        self._popular.seen(visit, shown, clicks, purchases)
        for item, click in zip(shown, clicks, strict=True):
            self._counts[visit.user, item] += click

    def night(self) -> None:
        """All of it learned again, from a fixed start."""
        users, items = (np.random.default_rng(14).standard_normal((n, self.FACTORS)) * 0.1 for n in self._counts.shape)
        for _ in range(self.SWEEPS):
            users = self._solved(self._counts, items)
            items = self._solved(self._counts.T, users)
        self._scores = users @ items.T

    def _solved(self, counts: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        """One side's factors given the other's: (YᵀY + Yᵀ(C − I)Y + λI)⁻¹ Yᵀ C p for every row."""
        whole = other.T @ other + self.RIDGE * np.eye(self.FACTORS)
        result = np.zeros((len(counts), self.FACTORS))
        for k, row in enumerate(counts):
            met = np.flatnonzero(row)
            if len(met):
                near, c = other[met], self.WEIGHT * row[met]
                result[k] = np.linalg.solve(whole + (near.T * c) @ near, near.T @ (1.0 + c))
        return result
