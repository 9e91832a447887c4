"""A recommender on the engine: observe, compute features, recommend, reward."""

from __future__ import annotations

from collections.abc import Sequence

from case.shop import DEPTH, Shop, Visit
from croupier import Catalogue, CataloguePolicy, Drift, Engine, Features, RiverLearner

DAY = 86_400.0


class ShopLoop:
    """The engine draws every list; a click is the reward of its position, and clicks and purchases are observed."""

    def __init__(self, shop: Shop, url: str, drift: bool = False) -> None:
        self._time, self.stocked = 0.0, len(shop.features)
        names = [f"item-{k}" for k in range(len(shop.features))]
        self._catalogue = Catalogue(names, shop.features)
        features = Features(
            kinds=("click", "purchase"),
            half_lives=(DAY / 4, 2 * DAY),  # a steady taste shows over days
            session_gap=DAY / 3,  # about a dozen visits: enough to show that a taste has changed
            vectors={"image": shop.features.shape[1]},
            units=len(shop.user_features),
        )
        self.engine = Engine.open(
            url,
            policy=CataloguePolicy(),
            features=features,
            learner=RiverLearner.for_range((0.0, 1.0)) if drift else None,
            drift=Drift() if drift else None,
            seed=7,
            clock=lambda: self._time,
        )
        for name, image in zip(names, shop.features, strict=True):
            self.engine.observe(None, "stocked", name, image=image)

    def recommend(self, visit: Visit) -> list[int]:
        """Draw a list without replacement."""
        self._time = visit.at * DAY
        self._list = self.engine.recommend(
            k=DEPTH, actions=self._catalogue, unit=f"user-{visit.user}", id=f"visit-{visit.number}"
        )
        return [int(action[5:]) for action in self._list.actions]

    def observe(self, visit: Visit, items: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Record rewards and observations, position by position."""
        unit = f"user-{visit.user}"
        for decision, click, purchase in zip(self._list, clicks, purchases, strict=True):
            self.engine.reward(decision.id, float(click))
            if click:
                self.engine.observe(unit, "click", decision.action)
            if purchase:
                self.engine.observe(unit, "purchase", decision.action)

    def night(self) -> None:
        """Do nothing: the engine learns at once."""

    def close(self) -> None:
        """Close the store."""
        self.engine.close()
