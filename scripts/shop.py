"""A simulated shop: users with tastes that drift, items with features, clicks and purchases.

Every recommender meets the same users at the same times, and what a user does at a place is decided by numbers that
belong to that visit and that place alone: whatever differs, the lists have made.
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

    def __init__(self, users: int = 1_000, items: int = 1_000, visits: int = 60_000, days: int = 10, seed: int = 1):
        rng = np.random.default_rng(seed)
        self.seed, self.days = seed, days
        self._items = rng.standard_normal((items, DIMS))
        self._quality = 0.6 * rng.standard_normal(items)
        mixing = rng.standard_normal((DIMS, 2 * DIMS)) / DIMS**0.5
        self.features: Array = self._items @ mixing + 0.5 * rng.standard_normal((items, 2 * DIMS))
        self._before, self._after = rng.standard_normal((2, users, DIMS))
        self.known: Array = 0.5 * self._before + rng.standard_normal((users, DIMS))
        self._drift = rng.standard_normal((users, DIMS)) * 0.05  # a day: everyone's taste moves a little
        activity = rng.gamma(2.0, 1.0, users)
        turns = (rng.random(users) < 0.6) & (activity > np.median(activity))
        self.changed: Array = np.where(turns, days * rng.uniform(0.4, 0.5, users), np.inf)
        who = rng.choice(users, visits, p=activity / activity.sum())
        times = np.sort(rng.uniform(0.0, days, visits))
        self.visits = [Visit(k, float(at), int(user)) for k, (at, user) in enumerate(zip(times, who, strict=True))]

    def taste(self, user: int, at: float) -> Array:
        """θ of a user at a time, (DIMS,)."""
        now = self._after if at >= self.changed[user] else self._before
        taste: Array = now[user] + self._drift[user] * at
        return taste

    def chances(self, visit: Visit, items: Sequence[int]) -> Array:
        """Probability of a click on each item once it is looked at, σ(BASE + quality + PULL·θ·φ/√DIMS), (items,)."""
        here = list(items)
        logits = BASE + self._quality[here] + PULL * (self._items[here] @ self.taste(visit.user, visit.at)) / DIMS**0.5
        chances: Array = 1.0 / (1.0 + np.exp(-logits))
        return chances

    def respond(self, visit: Visit, shown: Sequence[int]) -> tuple[list[bool], list[bool]]:
        """Clicks and purchases, place by place."""
        look, click, buy = np.random.default_rng((self.seed, visit.number)).random((3, len(shown)))
        clicks = (look < np.array(LOOK)) & (click < self.chances(visit, shown))
        return clicks.tolist(), (clicks & (buy < LIKED)).tolist()

    def hit(self, visit: Visit, shown: Sequence[int]) -> float:
        """Probability of at least one click on a list."""
        return float(1.0 - np.prod(1.0 - np.array(LOOK) * self.chances(visit, shown)))

    def best(self, visit: Visit) -> float:
        """Probability of a hit with the best list."""
        chances = self.chances(visit, range(len(self.features)))
        return self.hit(visit, np.argsort(-chances)[:DEPTH].tolist())
