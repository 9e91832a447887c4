"""Rating models for cross-validation: Croupier's own, and those of other libraries if they are installed."""

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
    """A rating model. `fit` is called at most once, and before any call of `learn`.

    Attributes:
        name: Its name in tables and on the command line.
        package: The package that provides it, which must be installed.
        rates: Whether its estimates are ratings; otherwise they only rank.
    """

    name: ClassVar[str]
    package: ClassVar[str] = "croupier"
    rates: ClassVar[bool] = True

    @abstractmethod
    def __init__(self, low: float, high: float, seed: int) -> None:
        """An untrained model for ratings from `low` to `high`."""

    @abstractmethod
    def fit(self, train: Ratings) -> None:
        """Fit the model to all of the ratings."""

    @abstractmethod
    def estimate(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """Estimated ratings of pairs of a user and an item, shape (n,)."""


class OnlineRater(Rater):
    """A model that also learns one rating at a time."""

    @abstractmethod
    def learn(self, user: str, item: str, value: float) -> float:
        """Learn one rating; returns the estimate made before."""


class Factors(OnlineRater):
    """`FactorLearner`, initialized with a truncated SVD of the training set, then trained for twenty epochs."""

    name = "factors"
    rank: ClassVar[int] = 16
    epochs: ClassVar[int] = 20

    def __init__(self, low: float, high: float, seed: int) -> None:
        self.low, self.high, self.seed = low, high, seed
        self.model = FactorLearner(rank=self.rank, seed=seed)

    def fit(self, train: Ratings) -> None:
        """Truncated SVD, then stochastic gradient descent."""
        users, items, values = train.users.tolist(), train.items.tolist(), train.scaled()
        rank = min(self.rank, len(set(users)) - 1, len(set(items)) - 1)
        if rank > 0:
            self.model = FactorLearner(start=truncated_svd(users, items, values, rank), seed=self.seed)
        self.model.fit(users, items, values, self.epochs, self.seed)

    def estimate(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """Estimates in units of ratings."""
        return self.low + (self.high - self.low) * self.model.predict_pairs(users, items)

    def learn(self, user: str, item: str, value: float) -> float:
        """One gradient step."""
        span = self.high - self.low
        return self.low + span * self.model.learn_pair(user, item, (value - self.low) / span)


class BiasFactors(Factors):
    """`Factors` of rank 0: the mean, and a bias of every user and item."""

    name = "biases"
    rank = 0


class GlobalMean(OnlineRater):
    """The mean of all ratings, as a baseline."""

    name = "mean"

    def __init__(self, low: float, high: float, seed: int) -> None:
        self.mean, self.count = (low + high) / 2.0, 0

    def fit(self, train: Ratings) -> None:
        """The mean of the training set."""
        self.mean, self.count = float(train.values.mean()), len(train)

    def estimate(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """The mean, for every pair."""
        return np.full(len(users), self.mean)

    def learn(self, user: str, item: str, value: float) -> float:
        """Update the running mean."""
        before, self.count = self.mean, self.count + 1
        self.mean += (value - self.mean) / self.count
        return before


class Popularity(OnlineRater):
    """The number of ratings of an item: the same ranking for every user."""

    name = "popularity"
    rates = False

    def __init__(self, low: float, high: float, seed: int) -> None:
        self.counts: Counter[str] = Counter()

    def fit(self, train: Ratings) -> None:
        """Count the ratings of each item."""
        self.counts.update(train.items.tolist())

    def estimate(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """The counts of the items."""
        return np.array([self.counts[item] for item in items], dtype=np.float64)

    def learn(self, user: str, item: str, value: float) -> float:
        """Count one rating."""
        before = self.counts[item]
        self.counts[item] += 1
        return float(before)


class LikesSVD(Rater):
    """A truncated SVD of the binary matrix of liked items (PureSVD): it ranks, and does not estimate ratings."""

    name = "likes"
    rates = False

    def __init__(self, low: float, high: float, seed: int) -> None:
        self.least = low + 0.75 * (high - low)
        self.model = FactorLearner(rank=0)

    def fit(self, train: Ratings) -> None:
        """Truncated SVD of the liked items."""
        liked = train.take(np.flatnonzero(train.values >= self.least))
        users, items = liked.users.tolist(), liked.items.tolist()
        rank = min(32, len(set(users)) - 1, len(set(items)) - 1)
        if rank > 0:
            self.model = FactorLearner(start=truncated_svd(users, items, np.ones(len(liked)), rank, centred=False))

    def estimate(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """u_i·v_j, clipped to 0…1."""
        return self.model.predict_pairs(users, items)


class RiverFactors(OnlineRater):
    """River's `reco.BiasedMF` with its default settings; it is fitted in one pass."""

    name = "river BiasedMF"
    package = "river"

    def __init__(self, low: float, high: float, seed: int) -> None:
        from river import reco

        self.model: Any = reco.BiasedMF(seed=seed)
        self.low, self.high = low, high

    def fit(self, train: Ratings) -> None:
        """One pass over the training set."""
        for user, item, value in zip(train.users, train.items, train.values.tolist(), strict=True):
            self.model.learn_one(user, item, value)

    def estimate(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """Estimates clipped to the range of ratings."""
        found = [self.model.predict_one(user, item) for user, item in zip(users, items, strict=True)]
        return np.clip(np.array(found, dtype=np.float64), self.low, self.high)

    def learn(self, user: str, item: str, value: float) -> float:
        """One gradient step."""
        before = float(np.clip(self.model.predict_one(user, item), self.low, self.high))
        self.model.learn_one(user, item, value)
        return before


class SurpriseSVD(Rater):
    """scikit-surprise's `SVD` with its default settings; it does not learn one rating at a time."""

    name = "surprise SVD"
    package = "surprise"

    def __init__(self, low: float, high: float, seed: int) -> None:
        import surprise  # type: ignore[import-not-found,unused-ignore] # an optional peer

        self._surprise: Any = surprise
        self.model: Any = surprise.SVD(random_state=seed)
        self.low, self.high = low, high

    def fit(self, train: Ratings) -> None:
        """Twenty epochs, its default."""
        reader = self._surprise.Reader(rating_scale=(self.low, self.high))
        rows = zip(train.users, train.items, train.values.tolist(), [None] * len(train), strict=True)
        data = self._surprise.Dataset(reader)
        self.model.fit(data.construct_trainset(list(rows)))

    def estimate(self, users: Sequence[str], items: Sequence[str]) -> Vector:
        """Predictions pair by pair, which it clips to the range of ratings."""
        found = [self.model.predict(user, item).est for user, item in zip(users, items, strict=True)]
        return np.array(found, dtype=np.float64)


RATERS: dict[str, type[Rater]] = {
    rater.name: rater for rater in (Factors, BiasFactors, GlobalMean, LikesSVD, Popularity, RiverFactors, SurpriseSVD)
}


def select_raters(names: Sequence[str]) -> list[type[Rater]]:
    """The models of these names; by default all whose package is installed.

    Raises:
        InputError: Unknown model, or its package is not installed.

    >>> [rater.name for rater in select_raters(["factors", "mean"])]
    ['factors', 'mean']
    """
    for name in names:
        if name not in RATERS:
            raise InputError(f"unknown rating model {name!r}; use one of {', '.join(RATERS)}")
        if name in missing_raters():
            raise InputError(f"{name!r} needs the package {RATERS[name].package!r}, which is not installed")
    return [RATERS[name] for name in names or RATERS if name not in missing_raters()]


def missing_raters() -> list[str]:
    """The models whose package is not installed."""
    return [name for name, rater in RATERS.items() if find_spec(rater.package) is None]
