"""The loop on real events: recommend before a basket is known, reward what is in it, observe it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np

from croupier import Catalogue, CataloguePolicy, Engine, Features, Recommendation
from croupier_policies import HybridModel, LinearPolicy, Policy, Softmax
from events import DAY, Basket, Stream

LAST = 64  # items of a unit that are remembered one by one
POPULAR, ALIKE, RECENT = 60, 40, 10  # candidates by popularity, by company; items that an item is in company with
REFRESH = 25  # baskets after which a whole catalogue is made again


class Loop(ABC):
    """Places are drawn by the engine; what is in the basket is their reward, and is then observed."""

    def __init__(self, stream: Stream, url: str, depth: int, policy: Policy, **features: Any) -> None:
        self.stocked, self.now, self.depth, self.numbers, self.names = 0, 0.0, depth, stream.items, list(stream.items)
        kept = Features(
            kinds=tuple(stream.kinds),
            half_lives=(DAY, 7 * DAY),
            numbers={"price": "standard"} if "price" in stream.attributes else {},
            units=len(stream.users),
            items=len(stream.items),
            **features,
        )
        self._kept = [name for name in stream.attributes if name in kept.attributes.names]
        self.engine = Engine.open(url, policy=policy, features=kept, learner=None, seed=7, clock=lambda: self.now)
        self._shown: Recommendation | None = None

    def show(self, basket: Basket) -> list[int]:
        """A list drawn without replacement."""
        self.now, name = basket.at, f"basket-{basket.number}"
        self._shown = self.engine.recommend(k=self.depth, actions=self.candidates(basket), unit=basket.unit, id=name)
        return [self.numbers[action] for action in self._shown.actions]

    @abstractmethod
    def candidates(self, basket: Basket) -> Any:
        """Items with their features, as they are known before the basket."""

    def seen(self, basket: Basket, shown: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Each place earns whether its item is in the basket; then all that is in it is observed."""
        self.now, there = basket.at, set(shown)
        for decision in self._shown or ():
            self.engine.reward(decision.id, float(self.numbers[decision.action] in there))
        self._shown = None
        for said in basket.events:
            known: dict[str, Any] = {name: said.attributes.get(name) for name in self._kept}
            self.engine.observe(basket.unit, said.kind, said.item, **known)

    def night(self) -> None:  # noqa: B027 # a loop that waits for no night is whole
        """Nothing waits for it."""

    def close(self) -> None:
        """Give the store back."""
        self.engine.close()


class Whole(Loop):
    """Every item that has appeared, ranked by a `CataloguePolicy` from what is known of items and units."""

    def __init__(self, stream: Stream, url: str, depth: int) -> None:
        text = {"title": 16} if "title" in stream.attributes else {}
        super().__init__(stream, url, depth, CataloguePolicy(), text=text)
        self._made, self._catalogue = -REFRESH, Catalogue(["none"])

    def candidates(self, basket: Basket) -> Catalogue:
        """The catalogue, some baskets old."""
        if basket.number >= self._made + REFRESH:
            known = self.engine.item_features(self.names[: self.stocked])
            self._made, self._catalogue = basket.number, Catalogue.of(known)
        return self._catalogue


class Ranked(Loop):
    """Candidates from all that has appeared, with features of item and unit as a pair, ranked by a hybrid model.

    Candidates are the most popular items so far, the unit's last ones, and those that were most often in company with
    these: in one basket, or just before. To what the engine knows of an item three features of the pair come: whether
    the unit had it, how lately (1 over its place among the last), and its company with the last: Σ n_lj/√(n_l·n_j).
    """

    def __init__(self, stream: Stream, url: str, depth: int) -> None:
        # of 1,200 baskets no item's own weights can be learned: with the default prior of .03 the loop explores them
        super().__init__(stream, url, depth, LinearPolicy(model=HybridModel(own=0.003), law=Softmax()))
        self._count = np.zeros(len(self.names))
        self._company: defaultdict[int, Counter[int]] = defaultdict(Counter)
        self._last: defaultdict[int, list[int]] = defaultdict(list)  # by user, the latest first

    def candidates(self, basket: Basket) -> dict[str, dict[str, Any]]:
        """About a hundred items."""
        last, alike = self._last[basket.user], defaultdict[int, float](float)
        for one in last[: 3 * RECENT]:
            for other, count in self._company[one].items():
                alike[other] += count / sqrt(self._count[one] * self._count[other])
        popular = np.argsort(-self._count[: self.stocked], kind="stable")[:POPULAR].tolist()
        chosen = sorted({*popular, *last, *sorted(alike, key=alike.__getitem__, reverse=True)[:ALIKE]})
        known = self.engine.item_features([self.names[item] for item in chosen])
        place = {item: n for n, item in enumerate(last, 1)}
        return {
            name: {
                **row,
                "had": float(item in place),
                "lately": 1.0 / place[item] if item in place else 0.0,
                "company": sqrt(alike[item]),
            }
            for item, (name, row) in zip(chosen, known.items(), strict=True)
        }

    def seen(self, basket: Basket, shown: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Counted for candidates, too."""
        super().seen(basket, shown, clicks, purchases)
        last = self._last[basket.user]
        self._count[basket.items] += 1
        for item in basket.items:
            for other in {*basket.items, *last[:RECENT]} - {item}:
                self._company[item][other] += 1
                self._company[other][item] += other not in basket.items
        self._last[basket.user] = list(dict.fromkeys([*reversed(basket.items), *last]))[:LAST]
