"""Models of ratings for cross-validation: ours, and peers where they are installed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from croupier.errors import InputError
from croupier.ratings.dataset import Ratings
from croupier_policies import FactorLearner, Vector, truncated_svd


class Rater(ABC):
    """A model of ratings. `fit` is called once at most, and before anything is learned one by one.

    Attributes:
        name: What it is called in tables.
        package: Of whoever made it; it must be installed.
        rates: Whether its estimates are ratings; if not, they only rank.
    """

    name: ClassVar[str]
    package: ClassVar[str] = "croupier"
    rates: ClassVar[bool] = True

    @abstractmethod
    def __init__(self, low: float, high: float, seed: int) -> None:
        """Untaught, for ratings from `low` to `high`."""

    @abstractmethod
    def fit(self, train: Ratings) -> None:
        """Learn a history as a whole, as often as the model likes."""

    @abstractmethod
    def estimate(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """Estimated ratings of pairs, in their own units, within their range."""


class OnlineRater(Rater):
    """A model that also learns one rating at a time."""

    @abstractmethod
    def learn(self, user: str, item: str, value: float) -> float:
        """Estimate one rating, then learn it; the estimate."""


class Factors(OnlineRater):
    """`FactorLearner`, started from the truncated decomposition of the history it is fitted to, then twenty passes."""

    name = "factors"
    rank: ClassVar[int] = 16
    epochs: ClassVar[int] = 20

    def __init__(self, low: float, high: float, seed: int) -> None:
        self.low, self.high, self.seed = low, high, seed
        self.model = FactorLearner(rank=self.rank, seed=seed)

    def fit(self, train: Ratings) -> None:
        """Decompose, then learn it again and again."""
        users, items, values = train.users.tolist(), train.items.tolist(), train.scaled()
        rank = min(self.rank, len(set(users)) - 1, len(set(items)) - 1)
        if rank > 0:
            self.model = FactorLearner(start=truncated_svd(users, items, values, rank), seed=self.seed)
        self.model.fit(users, items, values, self.epochs, self.seed)

    def estimate(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """In units of ratings."""
        return self.low + (self.high - self.low) * self.model.predict_pairs(users, items)

    def learn(self, user: str, item: str, value: float) -> float:
        """One step."""
        span = self.high - self.low
        return self.low + span * self.model.learn_pair(user, item, (value - self.low) / span)


class Biases(Factors):
    """The same without factors: the mean, and what every user and item deviate from it."""

    name = "biases"
    rank = 0


class Mean(OnlineRater):
    """The mean of all ratings; the yardstick."""

    name = "mean"

    def __init__(self, low: float, high: float, seed: int) -> None:
        self.mean, self.count = (low + high) / 2.0, 0

    def fit(self, train: Ratings) -> None:
        """Average."""
        self.mean, self.count = float(train.values.mean()), len(train)

    def estimate(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """The mean, for all."""
        return np.full(len(users), self.mean)

    def learn(self, user: str, item: str, value: float) -> float:
        """A running mean."""
        before, self.count = self.mean, self.count + 1
        self.mean += (value - self.mean) / self.count
        return before


class Popularity(OnlineRater):
    """How often an item was rated: ranks all users alike."""

    name = "popularity"
    rates = False

    def __init__(self, low: float, high: float, seed: int) -> None:
        self.counts: Counter[str] = Counter()

    def fit(self, train: Ratings) -> None:
        """Count."""
        self.counts.update(train.items.tolist())

    def estimate(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """Counts."""
        return np.array([self.counts[item] for item in items], dtype=np.float64)

    def learn(self, user: str, item: str, value: float) -> float:
        """Count one more."""
        before = self.counts[item]
        self.counts[item] += 1
        return float(before)


class Likes(Rater):
    """The truncated decomposition of who liked what, as it stands: ranks, and estimates no ratings."""

    name = "likes"
    rates = False

    def __init__(self, low: float, high: float, seed: int) -> None:
        self.least = low + 0.75 * (high - low)
        self.model = FactorLearner(rank=0)

    def fit(self, train: Ratings) -> None:
        """Decompose the likes."""
        liked = train.take(np.flatnonzero(train.values >= self.least))
        users, items = liked.users.tolist(), liked.items.tolist()
        rank = min(32, len(set(users)) - 1, len(set(items)) - 1)
        if rank > 0:
            self.model = FactorLearner(start=truncated_svd(users, items, np.ones(len(liked)), rank, centred=False))

    def estimate(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """u_i·v_j, between 0 and 1."""
        return self.model.predict_pairs(users, items)


class RiverFactors(OnlineRater):
    """River's `reco.BiasedMF` with its own defaults; a history is learned in one pass, as a stream is."""

    name = "river BiasedMF"
    package = "river"

    def __init__(self, low: float, high: float, seed: int) -> None:
        from river import reco

        self.model: Any = reco.BiasedMF(seed=seed)
        self.low, self.high = low, high

    def fit(self, train: Ratings) -> None:
        """One pass."""
        for user, item, value in zip(train.users, train.items, train.values.tolist(), strict=True):
            self.model.learn_one(user, item, value)

    def estimate(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """Cut to the range."""
        found = [self.model.predict_one(user, item) for user, item in zip(users, items, strict=True)]
        return np.clip(np.array(found, dtype=np.float64), self.low, self.high)

    def learn(self, user: str, item: str, value: float) -> float:
        """One step."""
        before = float(np.clip(self.model.predict_one(user, item), self.low, self.high))
        self.model.learn_one(user, item, value)
        return before


class SurpriseSVD(Rater):
    """scikit-surprise's `SVD` with its own defaults; it learns histories as a whole only."""

    name = "surprise SVD"
    package = "surprise"

    def __init__(self, low: float, high: float, seed: int) -> None:
        import surprise  # type: ignore[import-not-found,unused-ignore] # an optional peer

        self._surprise: Any = surprise
        self.model: Any = surprise.SVD(random_state=seed)
        self.low, self.high = low, high

    def fit(self, train: Ratings) -> None:
        """Its own twenty epochs."""
        reader = self._surprise.Reader(rating_scale=(self.low, self.high))
        rows = zip(train.users, train.items, train.values.tolist(), [None] * len(train), strict=True)
        data = self._surprise.Dataset(reader)
        self.model.fit(data.construct_trainset(list(rows)))

    def estimate(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """Pair by pair; it cuts to the range itself."""
        found = [self.model.predict(user, item).est for user, item in zip(users, items, strict=True)]
        return np.array(found, dtype=np.float64)


KINDS: dict[str, type[Rater]] = {
    kind.name: kind for kind in (Factors, Biases, Mean, Likes, Popularity, RiverFactors, SurpriseSVD)
}


def chosen(names: Sequence[str]) -> list[type[Rater]]:
    """The models of these names; of all whose package is installed, where none are given.

    Raises:
        InputError: There is no such model, or its package is not installed.

    >>> [kind.name for kind in chosen(["factors", "mean"])]
    ['factors', 'mean']
    """
    for name in names:
        if name not in KINDS:
            raise InputError(f"{name!r} is no model of ratings; there are {', '.join(KINDS)}")
        if name in missing():
            raise InputError(f"{name!r} needs the package {KINDS[name].package!r}, which is not installed")
    return [KINDS[name] for name in names or KINDS if name not in missing()]


def missing() -> list[str]:
    """The models whose package is not installed."""
    return [name for name, kind in KINDS.items() if find_spec(kind.package) is None]
