"""The loop of a recommender on the engine: observe, features, recommend, reward, round and round."""

from __future__ import annotations

from collections.abc import Sequence

from croupier import Catalogue, CataloguePolicy, Drift, Engine, Features, RiverLearner
from shop import DEPTH, Shop, Visit

DAY = 86_400.0


class Loop:
    """Every list is drawn by the engine; every click is a reward of its place, every purchase an observation."""

    def __init__(self, shop: Shop, url: str, drift: bool = False) -> None:
        self._now, self.stocked = 0.0, len(shop.features)
        names = [f"item-{k}" for k in range(len(shop.features))]
        self._catalogue = Catalogue(names, shop.features)
        features = Features(
            kinds=("click", "purchase"),
            half_lives=(DAY / 4, 2 * DAY),  # a steady taste is seen over days
            session_gap=DAY / 3,  # a dozen visits or so: a session long enough to say that a taste has turned
            vectors={"image": shop.features.shape[1]},
            units=len(shop.known),
        )
        self.engine = Engine.open(
            url,
            policy=CataloguePolicy(),
            features=features,
            learner=RiverLearner.for_range((0.0, 1.0)) if drift else None,
            drift=Drift() if drift else None,
            seed=7,
            clock=lambda: self._now,
        )
        for name, image in zip(names, shop.features, strict=True):
            self.engine.observe(None, "stocked", name, image=image)

    def show(self, visit: Visit) -> list[int]:
        """A list drawn without replacement."""
        self._now = visit.at * DAY
        self._shown = self.engine.recommend(
            k=DEPTH, actions=self._catalogue, unit=f"user-{visit.user}", id=f"visit-{visit.number}"
        )
        return [int(action[5:]) for action in self._shown.actions]

    def seen(self, visit: Visit, shown: Sequence[int], clicks: Sequence[bool], purchases: Sequence[bool]) -> None:
        """Said at once, place by place."""
        unit = f"user-{visit.user}"
        for decision, click, purchase in zip(self._shown, clicks, purchases, strict=True):
            self.engine.reward(decision.id, float(click))
            if click:
                self.engine.observe(unit, "click", decision.action)
            if purchase:
                self.engine.observe(unit, "purchase", decision.action)

    def night(self) -> None:
        """Nothing waits for it."""

    def close(self) -> None:
        """Give the store back."""
        self.engine.close()
