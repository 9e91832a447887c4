"""A simulated shop: users with tastes that drift, items with features, clicks and purchases.

Nothing in here knows how it is recommended to; every recommender meets the same users at the same times, and what a
user does with an item at a place is decided by numbers that belong to that visit, that item and that place alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DIMS, DEPTH = 6, 3  # dimensions of taste; places in a list
LOOK = (1.0, 0.7, 0.5)  # probability of looking at each place
BASE, PULL, LIKED = -4.0, 2.5, 0.35  # logit of an item nobody cares for; weight of taste; purchases among clicks


class Visit(NamedTuple):
    """Somebody comes: when, who, and the number from which what happens is derived."""

    number: int
    at: float
    user: int


class Shop:
    """Users, items and visits, all derived from a seed.

    Attributes:
        features: What is known of items, a noisy image of what they are, (items, 2·DIMS).
        known: What is known of users, a weak image of their first taste, (users, DIMS).
        visits: In order of time; a day is 1.0.
        changed: When each user's taste turns into another one; infinity for most, (users,).
    """

    def __init__(self, users: int = 1_000, items: int = 1_000, visits: int = 80_000, days: int = 10, seed: int = 1):
        rng = np.random.default_rng(seed)
        self.seed, self.days = seed, days
        self._items = rng.standard_normal((items, DIMS))
        self._quality = 0.6 * rng.standard_normal(items)
        mixing = rng.standard_normal((DIMS, 2 * DIMS)) / DIMS**0.5
        self.features: Array = self._items @ mixing + 0.5 * rng.standard_normal((items, 2 * DIMS))
        self._before, self._after = rng.standard_normal((2, users, DIMS))
        self.known: Array = 0.5 * self._before + rng.standard_normal((users, DIMS))
        self._drift = rng.standard_normal((users, DIMS)) * 0.05  # a day: everyone's taste moves a little
        self.changed: Array = np.where(rng.random(users) < 0.3, days * rng.uniform(0.4, 0.5, users), np.inf)
        activity = rng.gamma(2.0, 1.0, users)
        who = rng.choice(users, visits, p=activity / activity.sum())
        times = np.sort(rng.uniform(0.0, days, visits))
        self.visits = [Visit(k, float(at), int(user)) for k, (at, user) in enumerate(zip(times, who, strict=True))]

    def taste(self, user: int, at: float) -> Array:
        """θ of a user at a time, (DIMS,)."""
        now = self._after if at >= self.changed[user] else self._before
        taste: Array = now[user] + self._drift[user] * at
        return taste

    def chances(self, user: int, at: float) -> Array:
        """Probability of a click on each item once it is looked at, σ(BASE + quality + PULL·θ·φ/√DIMS), (items,)."""
        logits = BASE + self._quality + PULL * (self._items @ self.taste(user, at)) / DIMS**0.5
        chances: Array = 1.0 / (1.0 + np.exp(-logits))
        return chances

    def respond(self, visit: Visit, shown: Sequence[int]) -> tuple[list[bool], list[bool]]:
        """Clicks and purchases, place by place."""
        chances = self.chances(visit.user, visit.at)
        clicks, purchases = [], []
        for place, item in enumerate(shown):
            look, click, buy = np.random.default_rng((self.seed, visit.number, item, place)).random(3)
            clicks.append(bool(look < LOOK[place] and click < chances[item]))
            purchases.append(clicks[-1] and bool(buy < LIKED))
        return clicks, purchases

    def best(self, visit: Visit) -> float:
        """Probability of a click on the best list."""
        top = np.sort(self.chances(visit.user, visit.at))[::-1][:DEPTH]
        return float(1.0 - np.prod(1.0 - np.array(LOOK) * top))
