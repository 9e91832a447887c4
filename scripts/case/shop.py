"""A simulated shop: users with drifting tastes, items with features, clicks and purchases.

Every recommender gets the same visits at the same times. The response of a user at a position depends on random numbers
of that visit and position alone, so that differences between recommenders come from their lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DIMS, DEPTH = 6, 3  # dimensions of taste; positions in a list
EXAMINE = (1.0, 0.7, 0.5)  # probability that a user examines each position
BASE, WEIGHT, PURCHASE = -4.0, 2.5, 0.35  # base logit; weight of taste; probability of a purchase after a click


class Visit(NamedTuple):
    """A visit: its number, from which its random numbers are derived, its time in days, and its user."""

    number: int
    at: float
    user: int


class Shop:
    """Users, items and visits, all derived from a seed.

    Attributes:
        features: The features of items, a noisy linear image of their latent factors, (items, 2·DIMS).
        user_features: The features of users, a noisy image of their initial taste, (users, DIMS).
        visits: In order of time; a day is 1.0.
        change_times: When the taste of each user changes abruptly; infinity for most, (users,).
    """

    def __init__(self, users: int = 1_000, items: int = 1_000, visits: int = 60_000, days: int = 10, seed: int = 1):
        rng = np.random.default_rng(seed)
        self.seed, self.days = seed, days
        self._items = rng.standard_normal((items, DIMS))
        self._quality = 0.6 * rng.standard_normal(items)
        mixing = rng.standard_normal((DIMS, 2 * DIMS)) / DIMS**0.5
        self.features: Array = self._items @ mixing + 0.5 * rng.standard_normal((items, 2 * DIMS))
        self._before, self._after = rng.standard_normal((2, users, DIMS))
        self.user_features: Array = 0.5 * self._before + rng.standard_normal((users, DIMS))
        self._drift = rng.standard_normal((users, DIMS)) * 0.05  # change of taste a day
        activity = rng.gamma(2.0, 1.0, users)
        changes = (rng.random(users) < 0.6) & (activity > np.median(activity))
        self.change_times: Array = np.where(changes, days * rng.uniform(0.4, 0.5, users), np.inf)
        visitors = rng.choice(users, visits, p=activity / activity.sum())
        times = np.sort(rng.uniform(0.0, days, visits))
        self.visits = [Visit(k, float(at), int(user)) for k, (at, user) in enumerate(zip(times, visitors, strict=True))]

    def taste(self, user: int, at: float) -> Array:
        """The taste θ of a user at a time, (DIMS,)."""
        current = self._after if at >= self.change_times[user] else self._before
        taste: Array = current[user] + self._drift[user] * at
        return taste

    def click_probabilities(self, visit: Visit, items: Sequence[int]) -> Array:
        """Probability of a click on each item that is examined, σ(BASE + quality + WEIGHT·θ·φ/√DIMS), (items,)."""
        rows = list(items)
        logits = (
            BASE + self._quality[rows] + WEIGHT * (self._items[rows] @ self.taste(visit.user, visit.at)) / DIMS**0.5
        )
        probabilities: Array = 1.0 / (1.0 + np.exp(-logits))
        return probabilities

    def respond(self, visit: Visit, items: Sequence[int]) -> tuple[list[bool], list[bool]]:
        """Clicks and purchases at each position of a list."""
        examine, click, buy = np.random.default_rng((self.seed, visit.number)).random((3, len(items)))
        clicks = (examine < np.array(EXAMINE)) & (click < self.click_probabilities(visit, items))
        return clicks.tolist(), (clicks & (buy < PURCHASE)).tolist()

    def hit(self, visit: Visit, items: Sequence[int]) -> float:
        """Probability of at least one click on a list."""
        return float(1.0 - np.prod(1.0 - np.array(EXAMINE) * self.click_probabilities(visit, items)))

    def best(self, visit: Visit) -> float:
        """Probability of a hit with the best list."""
        probabilities = self.click_probabilities(visit, range(len(self.features)))
        return self.hit(visit, np.argsort(-probabilities)[:DEPTH].tolist())
