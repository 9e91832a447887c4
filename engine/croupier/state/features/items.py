"""How what is remembered is shown to a policy: a flat mapping of named numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import log1p

from croupier.state.features.attributes import Attributes
from croupier.state.features.decay import DecayedCounts
from croupier.state.features.unit import Item, Unit

DAY = 86_400.0
Row = dict[str, float | str]


class ItemFeatures:
    """Names and values. All but recencies, shares and last items are there for everyone, 0 where there is nothing."""

    def __init__(
        self, kinds: Sequence[str], half_lives: Sequence[float], windows: Sequence[float], attributes: Attributes
    ) -> None:
        self.kinds, self.half_lives, self.windows, self.attributes = kinds, half_lives, windows, attributes

    def unit(self, unit: Unit, history: DecayedCounts, session: DecayedCounts, at: float) -> Row:
        """φ(h, c): history under "h.", session under "c.", and what concerns both under "u."."""
        row: Row = {"u.new": float(history.n + session.n == 0), "u.sessions": log1p(unit.sessions)}
        row["c.seconds"] = log1p(session.last - session.first)
        for prefix, trace in (("h.", history), ("c.", session)):
            self._trace(row, prefix, trace, at)
            self._tastes(row, prefix, trace)
        days = max((at - history.first) / DAY, 1.0)
        row |= {f"h.daily.{kind}": history.counts.get(kind, 0) / days for kind in self.kinds}
        for window in self.windows:
            within = [kind for when, kind in unit.recent if at - window < when <= at]
            row |= {f"u.within.{window:g}.{kind}": float(within.count(kind)) for kind in self.kinds}
        return row | {f"u.last.{place}": item for place, item in enumerate(unit.items)}

    def item(self, item: Item, at: float) -> Row:
        """What was done to it, and what it is like."""
        row: Row = {"new": float(item.trace.n == 0)}
        self._trace(row, "", item.trace, at)
        vectors, _ = self.attributes.split(item.known, None)
        for name in self.attributes.dense:
            self._vector(row, "", name, vectors.get(name), 1.0)
        plain = self.attributes.categories.items()
        return row | {name: item.known[name] for name, code in plain if code == "one-hot" and name in item.known}

    def _trace(self, row: Row, prefix: str, trace: DecayedCounts, at: float) -> None:
        if trace.n:
            row[f"{prefix}recency"] = trace.recency(at)
        row[f"{prefix}events"] = log1p(trace.n)
        for kind in self.kinds:
            row[f"{prefix}count.{kind}"] = log1p(trace.counts.get(kind, 0))
            for half_life, rate in zip(self.half_lives, trace.rates(kind, at, self.half_lives), strict=True):
                row[f"{prefix}rate.{half_life:g}.{kind}"] = rate

    def _tastes(self, row: Row, prefix: str, trace: DecayedCounts) -> None:
        for name in self.attributes.dense:
            weight, *sums = trace.sums.get(name, [0.0])
            self._vector(row, prefix, name, sums if weight > 0 else None, weight)
        total = sum(trace.shares.values())
        if total > 0:
            row |= {f"{prefix}{value}": share / total for value, share in trace.shares.items()}

    def _vector(self, row: Row, prefix: str, name: str, sums: Sequence[float] | None, weight: float) -> None:
        """A mean, or zeros and the mark of its absence."""
        label, size = prefix + name, self.attributes.dense[name]
        row[f"{label}.missing"] = float(sums is None)
        means = [0.0] * size if sums is None else [value / weight for value in sums]
        if name in self.attributes.numbers and sums is not None:
            means = [self.attributes.scaled(name, means[0])]
        row |= {label: means[0]} if size == 1 else {f"{label}.{k}": value for k, value in enumerate(means)}
