"""Cressie-Read likelihood from a few sums: a point and an interval that know that weights have mean 1."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Self

import numpy as np

from croupier.evaluation.estimators.base import Columns, Estimator
from croupier.evaluation.estimators.moments import Moments
from croupier.evaluation.intervals.base import Gathering, Interval, Setting, Terms, miss, named_guarantee

CRESSIE_READ = "Cressie-Read likelihood, fixed sample"


@dataclass(frozen=True, slots=True)
class WeightSums:
    """Sums over rows: n, Σw, Σw², Σwr, Σw²r, Σw²r², Σr; adding two gives both batches together."""

    n: float = 0.0
    w: float = 0.0
    ww: float = 0.0
    wr: float = 0.0
    wwr: float = 0.0
    wwrr: float = 0.0
    r: float = 0.0

    @classmethod
    def of(cls, columns: Columns) -> WeightSums:
        """Of one batch."""
        w, r = columns.w, columns.r
        x = w * r
        ww, wwr, wwrr = (np.einsum("i,i->", a, b) for a, b in ((w, w), (w, x), (x, x)))
        sums = (w.sum(), ww, x.sum(), wwr, wwrr, r.sum())
        return cls(float(len(w)), *map(float, sums))

    def __add__(self, other: WeightSums) -> WeightSums:
        return WeightSums(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def with_row(self, w: float, r: float) -> WeightSums:
        """With one row more."""
        return self + WeightSums(1.0, w, w * w, w * r, w * w * r, (w * r) ** 2, r)


def cressie_read_value(sums: WeightSums) -> float:
    """V̂ = Σ p·w·r, p as near to even as Σ p·w = 1 allows (power −2); one unseen row may have a weight of 0 or ∞.

    The share of weight that the seen rows lack earns the mean reward.

    Source: Karampatziakis, Langford & Mineiro, "Empirical likelihood for contextual bandits", NeurIPS 2020.

    >>> cressie_read_value(WeightSums(n=4.0, w=2.0, ww=4.0, wr=1.0, wwr=2.0, wwrr=2.0, r=2.0))  # half the weight unseen
    0.5
    """
    n = sums.n
    if sums.w < n:
        seen, earned = sums.w / n, sums.wr / n
    else:
        mean, square = sums.w / (1 + n), sums.ww / (1 + n)
        even, slope = (square - mean) / (square - mean**2), (1 - mean) / (square - mean**2)
        seen, earned = ((even * a + slope * b) / (1 + n) for a, b in ((sums.w, sums.ww), (sums.wr, sums.wwr)))
    return earned + max(0.0, 1.0 - seen) * sums.r / n


def cressie_read_fixed_sample(
    sums: WeightSums, low: float, high: float, level: float, comparisons: int = 1
) -> Interval:
    """All V that some p near enough to even allows: Σ p = 1, Σ p·w = 1, Σ p·w·r = V, with one unseen row allowed for.

    "Near enough" is the F(1, n) quantile, as the likelihood ratio is in the limit. The unseen row has weight 0 or ∞ and
    the worst reward, so that an end does not rest on weights that happened not to come up.

    Args:
        sums: Of the rows.
        low: The least reward.
        high: The greatest.
        level: Of the interval, or of all `comparisons` intervals together.
        comparisons: How many intervals are to hold at once (Bonferroni).

    Source: Karampatziakis, Langford & Mineiro, "Empirical likelihood for contextual bandits", NeurIPS 2020.
    """
    near = _near(sums, miss(level, comparisons))
    lower = min((end for end in _ends(sums, low, 1.0, near)), default=low)
    upper = max((-end for end in _ends(sums, high, -1.0, near)), default=low)
    lower, upper = (min(max(end, low), high) for end in (lower, upper))
    return Interval(lower, upper, level, CRESSIE_READ)


def _near(sums: WeightSums, alpha: float) -> float:
    """Half the slack: −(g + F)/(2(1 + n)), g the divergence that Σ p·w = 1 alone costs."""
    from scipy.special import stdtrit

    n = sums.n
    quantile = float(stdtrit(n, 1 - alpha / 2)) ** 2  # the F(1, n) quantile is the square of Student's
    if sums.w < n:
        return (-(1 + 1 / n) - quantile) / (2 * (1 + n))
    mean, square = sums.w / (1 + n), sums.ww / (1 + n)
    return (-(1 + n) * (mean - 1) ** 2 / (square - mean**2) - quantile) / (2 * (1 + n))


def _ends(sums: WeightSums, r: float, sign: float, near: float) -> Iterator[float]:
    """sign × the end, with the unseen row of reward r at weight ∞, then at weight 0; none where p has no room."""
    n = sums.n
    centre = sign * (r + (sums.wr - sums.w * r) / n)
    spread = (r * sums.w - sums.wr) ** 2 / (n * (1 + n)) - (r * r * sums.ww - 2 * r * sums.wwr + sums.wwrr) / (1 + n)
    yield from _end(centre, spread, near + 1 / (2 * n))
    row = sums.with_row(0.0, r)
    m = row.n
    w, ww, wr, wwr, wwrr = row.w / m, row.ww / m, sign * row.wr / m, sign * row.wwr / m, row.wwrr / m
    variance = ww - w * w
    if variance > 0:
        slope = (wwr - w * wr) / variance
        spread = slope**2 * variance - (wwrr - wr * wr)
        yield from _end(wr + (1 - w) * slope, spread, near + (1 - w) ** 2 / variance / 2)


def _end(centre: float, spread: float, room: float) -> Iterator[float]:
    if room <= 0 and spread * room >= 0:
        yield centre - math.sqrt(2 * spread * room)


class CressieRead(Gathering):
    """`cressie_read_fixed_sample` for IPS and SNIPS, whose value it is about."""

    def __init__(self, estimators: Sequence[Estimator], setting: Setting) -> None:
        self.setting, self.sums = setting, WeightSums()

    def add(self, columns: Columns, terms: Terms) -> None:
        """Add up."""
        self.sums += WeightSums.of(columns)

    def interval(self, estimator: Estimator, moments: Moments, level: float, comparisons: int = 1) -> Interval | None:
        """Of IPS and SNIPS; None for the others."""
        if estimator.name not in ("ips", "snips") or not self.sums.n:
            return None
        found = cressie_read_fixed_sample(self.sums, self.setting.low, self.setting.high, level, comparisons)
        return found._replace(guarantee=named_guarantee(CRESSIE_READ, estimator, comparisons))

    def __add__(self, later: Self) -> Self:
        self.sums += later.sums
        return self
