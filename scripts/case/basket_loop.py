"""Recommenders on the engine for real events: recommend before a basket is known, reward its items, observe it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np

from case.baskets import DAY, Basket, Stream
from croupier import Catalogue, CataloguePolicy, Engine, Features, Recommendation
from croupier_policies import HybridModel, LinearPolicy, Policy, Softmax

LAST = 64  # items that are stored for each unit, the latest
POPULAR, SIMILAR, RECENT = 60, 40, 10  # candidates by popularity, by co-occurrence; earlier items that co-occur
REFRESH = 25  # baskets after which the catalogue is rebuilt


class BasketLoop(ABC):
    """The engine draws the list; a position is rewarded if its item is in the basket, which is then observed."""

    def __init__(self, stream: Stream, url: str, depth: int, policy: Policy, **features: Any) -> None:
        self.stocked, self.now, self.depth, self.numbers, self.names = 0, 0.0, depth, stream.items, list(stream.items)
        settings = Features(
            kinds=tuple(stream.kinds),
            half_lives=(DAY, 7 * DAY),
            numbers={"price": "standard"} if "price" in stream.attributes else {},
            units=len(stream.users),
            items=len(stream.items),
            **features,
        )
        self._attributes = [name for name in stream.attributes if name in settings.attributes.names]
        self.engine = Engine.open(url, policy=policy, features=settings, learner=None, seed=7, clock=lambda: self.now)
        self._list: Recommendation | None = None

    def recommend(self, basket: Basket) -> list[int]:
        """Draw a list without replacement."""
        self.now, name = basket.at, f"basket-{basket.number}"
        self._list = self.engine.recommend(k=self.depth, actions=self.candidates(basket), unit=basket.unit, id=name)
        return [self.numbers[action] for action in self._list.actions]

    @abstractmethod
    def candidates(self, basket: Basket) -> Any:
        """Items with their features, as known before the basket."""

    def observe(self, basket: Basket, items: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Reward each position by whether its item is in the basket, and observe the basket."""
        self.now, basket_items = basket.at, set(items)
        for decision in self._list or ():
            self.engine.reward(decision.id, float(self.numbers[decision.action] in basket_items))
        self._list = None
        for event in basket.events:
            attributes: dict[str, Any] = {name: event.attributes.get(name) for name in self._attributes}
            self.engine.observe(basket.unit, event.kind, event.item, **attributes)

    def night(self) -> None:  # noqa: B027 # the engine learns at once, and no subclass needs a night
        """Do nothing: the engine learns at once."""

    def close(self) -> None:
        """Close the store."""
        self.engine.close()


class WholeCatalogue(BasketLoop):
    """All items that have appeared, scored by a `CataloguePolicy` from the features of items and units."""

    def __init__(self, stream: Stream, url: str, depth: int) -> None:
        text = {"title": 16} if "title" in stream.attributes else {}
        super().__init__(stream, url, depth, CataloguePolicy(), text=text)
        self._built, self._catalogue = -REFRESH, Catalogue(["none"])

    def candidates(self, basket: Basket) -> Catalogue:
        """The catalogue, at most `REFRESH` baskets old."""
        if basket.number >= self._built + REFRESH:
            features = self.engine.item_features(self.names[: self.stocked])
            self._built, self._catalogue = basket.number, Catalogue.of(features)
        return self._catalogue


class TwoStage(BasketLoop):
    """A hundred candidates among all items that have appeared, scored by a hybrid model with features of unit and item.

    Candidates are the most popular items so far, the last items of the unit, and the items that co-occurred most often
    with these: in one basket, or shortly before. To the features of an item that the engine keeps, three features of
    unit and item are added: whether the unit had the item, how recently (1 over its rank among the last), and the
    square root of its co-occurrence with the last items l: Σ n_lj/√(n_l·n_j).
    """

    def __init__(self, stream: Stream, url: str, depth: int) -> None:
        # 1,200 baskets are too few to learn weights of each item: with the default prior of .03 they are only explored
        super().__init__(stream, url, depth, LinearPolicy(model=HybridModel(own=0.003), law=Softmax()))
        self._count = np.zeros(len(self.names))
        self._cooccurrence: defaultdict[int, Counter[int]] = defaultdict(Counter)
        self._last: defaultdict[int, list[int]] = defaultdict(list)  # by user, the latest first

    def candidates(self, basket: Basket) -> dict[str, dict[str, Any]]:
        """About a hundred items."""
        last, similar = self._last[basket.user], defaultdict[int, float](float)
        for item in last[: 3 * RECENT]:
            for other, count in self._cooccurrence[item].items():
                similar[other] += count / sqrt(self._count[item] * self._count[other])
        popular = np.argsort(-self._count[: self.stocked], kind="stable")[:POPULAR].tolist()
        chosen = sorted({*popular, *last, *sorted(similar, key=similar.__getitem__, reverse=True)[:SIMILAR]})
        features = self.engine.item_features([self.names[item] for item in chosen])
        rank = {item: n for n, item in enumerate(last, 1)}
        # the names order the columns of the model: other names would change the published figures within their noise
        return {
            name: {
                **row,
                "had": float(item in rank),
                "lately": 1.0 / rank[item] if item in rank else 0.0,
                "company": sqrt(similar[item]),
            }
            for item, (name, row) in zip(chosen, features.items(), strict=True)
        }

    def observe(self, basket: Basket, items: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Reward and observe, and count occurrences and co-occurrences."""
        super().observe(basket, items, clicks, purchases)
        last = self._last[basket.user]
        self._count[basket.items] += 1
        for item in basket.items:
            for other in {*basket.items, *last[:RECENT]} - {item}:
                self._cooccurrence[item][other] += 1
                self._cooccurrence[other][item] += other not in basket.items
        self._last[basket.user] = list(dict.fromkeys([*reversed(basket.items), *last]))[:LAST]
