"""What the loop is compared with: chance, popularity, and a collaborative filter trained every night."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shop import DEPTH, Shop, Visit


class Recommender(Protocol):
    """Shows a list to a visitor, and learns from what comes back."""

    def show(self, visit: Visit) -> list[int]:
        """DEPTH different items, in order."""

    def seen(self, visit: Visit, shown: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """What the visitor did."""

    def night(self) -> None:
        """A day is over."""

    def close(self) -> None:
        """The end."""


class Chance:
    """Any items, whatever comes back."""

    def __init__(self, shop: Shop) -> None:
        self._items, self._rng = len(shop.features), np.random.default_rng(11)

    def show(self, visit: Visit) -> list[int]:
        """Drawn evenly."""
        return [int(item) for item in self._rng.choice(self._items, DEPTH, replace=False)]

    def seen(self, visit: Visit, shown: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Nothing is learned."""

    def night(self) -> None:
        """Nothing is trained."""

    def close(self) -> None:
        """Nothing is held."""


class Popularity(Chance):
    """The items with the highest share of clicks so far, up to the last visit; one place in ten is explored."""

    def __init__(self, shop: Shop) -> None:
        self._clicks = np.full(len(shop.features), 1.0)
        self._shown = np.full(len(shop.features), 10.0)
        self._rng = np.random.default_rng(12)

    def show(self, visit: Visit) -> list[int]:
        """The best so far, with a little chance."""
        top = np.argsort(-self._clicks / self._shown, kind="stable")[: 2 * DEPTH].tolist()
        return explored(top, len(self._shown), self._rng)

    def seen(self, visit: Visit, shown: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Counted at once."""
        for item, click in zip(shown, clicks, strict=True):
            self._shown[item] += 1
            self._clicks[item] += click


class Nightly(Chance):
    """Implicit alternating least squares over all clicks so far, trained anew every night; popularity before the first.

    Confidence 1 + 20·clicks, 16 factors: the best of six settings that were tried here.

    Source: Hu, Koren & Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
    """

    FACTORS, RIDGE, WEIGHT, SWEEPS = 16, 10.0, 20.0, 8

    def __init__(self, shop: Shop) -> None:
        self._popular, self._rng = Popularity(shop), np.random.default_rng(13)
        self._counts: NDArray[np.float64] = np.zeros((len(shop.known), len(shop.features)))
        self._scores: NDArray[np.float64] | None = None

    def show(self, visit: Visit) -> list[int]:
        """The best of last night's model, with the same little chance."""
        if self._scores is None or not self._counts[visit.user].any():
            return self._popular.show(visit)
        row = self._scores[visit.user]
        top = np.argpartition(-row, 2 * DEPTH)[: 2 * DEPTH]
        return explored(top[np.argsort(-row[top])].tolist(), len(row), self._rng)

    def seen(self, visit: Visit, shown: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
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


def explored(top: Sequence[int], items: int, rng: np.random.Generator) -> list[int]:
    """The first DEPTH of the best, each place given to chance once in ten times."""
    shown: list[int] = []
    for item in top:
        chosen = int(rng.integers(items)) if rng.random() < 0.1 else int(item)
        if chosen not in shown:
            shown.append(chosen)
        if len(shown) == DEPTH:
            break
    return shown
