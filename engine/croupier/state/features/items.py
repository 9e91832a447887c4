"""Features of units and items as flat mappings from names to numbers and strings, as a policy gets them."""

from __future__ import annotations

from collections.abc import Sequence
from math import log1p

from croupier.state.features.attributes import Attributes
from croupier.state.features.decay import DecayedCounts
from croupier.state.features.unit import Item, Unit

DAY = 86_400.0
FeatureRow = dict[str, float | str]


class ItemFeatures:
    """Computes the features of units and items from what is remembered of them.

    Every unit has the same features, 0 where it has no events, except that recencies, category shares and last items
    are left out where there are none.

    Args:
        kinds: The kinds of events with features of their own.
        half_lives: In seconds, ascending.
        windows: In seconds.
        attributes: The declared attributes.
    """

    def __init__(
        self, kinds: Sequence[str], half_lives: Sequence[float], windows: Sequence[float], attributes: Attributes
    ) -> None:
        self.kinds, self.half_lives, self.windows, self.attributes = kinds, half_lives, windows, attributes

    def unit(self, unit: Unit, history: DecayedCounts, session: DecayedCounts, at: float) -> FeatureRow:
        """φ(h, c): features of the history begin with "h.", of the session with "c.", of both with "u."."""
        row: FeatureRow = {"u.new": float(history.events + session.events == 0), "u.sessions": log1p(unit.sessions)}
        row["c.seconds"] = log1p(session.last_at - session.first_at)
        for prefix, counts in (("h.", history), ("c.", session)):
            self._add_counts(row, prefix, counts, at)
            self._add_attributes(row, prefix, counts)
        days = max((at - history.first_at) / DAY, 1.0)
        row |= {f"h.daily.{kind}": history.counts.get(kind, 0) / days for kind in self.kinds}
        for window in self.windows:
            within = [kind for time, kind in unit.recent if at - window < time <= at]
            row |= {f"u.within.{window:g}.{kind}": float(within.count(kind)) for kind in self.kinds}
        return row | {f"u.last.{index}": item for index, item in enumerate(unit.items)}

    def item(self, item: Item, at: float) -> FeatureRow:
        """The counts of an item's events, and its attributes."""
        row: FeatureRow = {"new": float(item.activity.events == 0)}
        self._add_counts(row, "", item.activity, at)
        vectors, _ = self.attributes.split(item.attributes, None)
        for name in self.attributes.dimensions:
            self._add_mean(row, "", name, vectors.get(name), 1.0)
        one_hot = [name for name, encoding in self.attributes.categories.items() if encoding == "one-hot"]
        return row | {name: item.attributes[name] for name in one_hot if name in item.attributes}

    def _add_counts(self, row: FeatureRow, prefix: str, counts: DecayedCounts, at: float) -> None:
        if counts.events:
            row[f"{prefix}recency"] = counts.recency(at)
        row[f"{prefix}events"] = log1p(counts.events)
        for kind in self.kinds:
            row[f"{prefix}count.{kind}"] = log1p(counts.counts.get(kind, 0))
            for half_life, rate in zip(self.half_lives, counts.rates(kind, at, self.half_lives), strict=True):
                row[f"{prefix}rate.{half_life:g}.{kind}"] = rate

    def _add_attributes(self, row: FeatureRow, prefix: str, counts: DecayedCounts) -> None:
        """The means of vectors and the shares of categories over the items of the events."""
        for name in self.attributes.dimensions:
            weight, *sums = counts.vector_sums.get(name, [0.0])
            self._add_mean(row, prefix, name, sums if weight > 0 else None, weight)
        total = sum(counts.category_weights.values())
        if total > 0:
            row |= {f"{prefix}{value}": weight / total for value, weight in counts.category_weights.items()}

    def _add_mean(self, row: FeatureRow, prefix: str, name: str, sums: Sequence[float] | None, weight: float) -> None:
        """A mean and ".missing" = 0; or zeros and ".missing" = 1 where `sums` is None."""
        label, size = prefix + name, self.attributes.dimensions[name]
        row[f"{label}.missing"] = float(sums is None)
        means = [0.0] * size if sums is None else [value / weight for value in sums]
        if name in self.attributes.numbers and sums is not None:
            means = [self.attributes.scale(name, means[0])]
        row |= {label: means[0]} if size == 1 else {f"{label}.{k}": value for k, value in enumerate(means)}
