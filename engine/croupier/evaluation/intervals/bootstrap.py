"""The bootstrap, by Poisson counts, so that it needs one pass, and parts of a log can be added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from croupier.evaluation.estimators.base import Columns, Estimator
from croupier.evaluation.estimators.moments import Matrix, Moments
from croupier.evaluation.intervals.base import Gathering, Interval, Setting, Terms, miss, named_guarantee
from croupier_policies import Vector

BOOTSTRAP = "bootstrap percentiles, fixed sample"
DRAWS = 1000
SEED = 20_240_229
CELLS = 1 << 21  # counts drawn at a time


class Bootstrap(Gathering):
    """Percentiles of V̂ over resamples in which each row counts Poisson(1) times.

    V̂* = f(Σ c·z / Σ c): the whole estimator is resampled, the ratio of SNIPS included. Given Σ c the counts are
    multinomial, as when rows are drawn with replacement. All estimators share the counts: one matrix product.

    Args:
        estimators: Those to resample.
        setting: Its `part` seeds the counts, so that parts of a log can be added.
        draws: Resamples B.
        seed: Of the counts.

    Source: Efron & Tibshirani, "An introduction to the bootstrap", 1993, chapter 13; counts as in Chamandy et al.,
    "Estimating uncertainty for massive data streams", 2012.
    """

    counts_copies = True

    def __init__(self, estimators: Sequence[Estimator], setting: Setting, draws: int = DRAWS, seed: int = SEED) -> None:
        self.setting = setting
        ends = np.cumsum([1, *(each.width for each in estimators)])
        self.columns = {each.name: slice(a, b) for each, a, b in zip(estimators, ends, ends[1:], strict=False)}
        self.totals = np.zeros((draws, ends[-1]))
        self._rng = np.random.Generator(np.random.SFC64([seed, setting.part]))

    def add(self, columns: Columns, terms: Terms) -> None:
        """Draw the counts of a batch, and add up."""
        ones = np.ones((len(columns.w), 1))
        self.totals += resampled(
            np.hstack([ones, *(terms[name] for name in self.columns)]), len(self.totals), self._rng
        )

    def interval(self, estimator: Estimator, moments: Moments, level: float, comparisons: int = 1) -> Interval:
        """The α/2 and 1 − α/2 percentiles."""
        values = self.values(estimator, moments)
        tail, finite = miss(level, comparisons) / 2, values[np.isfinite(values)]
        low, high = map(float, np.quantile(finite, [tail, 1 - tail])) if len(finite) else (np.nan, np.nan)
        return Interval(low, high, level, named_guarantee(BOOTSTRAP, estimator, comparisons))

    def values(self, estimator: Estimator, moments: Moments) -> Vector:
        """V̂ of every resample, shape (B,)."""
        means = self.totals[:, self.columns[estimator.name]].T / np.maximum(self.totals[:, 0], 1e-300)
        return estimator.settled(moments).values(means)

    def __add__(self, later: Self) -> Self:
        self.totals = self.totals + later.totals
        return self


def resampled(rows: Matrix, draws: int, rng: np.random.Generator) -> Matrix:
    """Σ c·z over the rows, for each of `draws` vectors of Poisson(1) counts c, shape (draws, k).

    Single precision: what it rounds off is a thousandth of what the resampling itself leaves open.
    """
    narrow = rows.astype(np.float32)
    step = max(CELLS // max(len(rows), 1), 1)
    parts = [
        _COUNTS[rng.integers(0, len(_COUNTS), (min(step, draws - start), len(rows)), dtype=np.uint16)] @ narrow
        for start in range(0, draws, step)
    ]
    return np.concatenate(parts).astype(np.float64)


def _poisson_table() -> NDArray[np.float32]:
    """Counts such that an even pick among 65,536 is Poisson(1), to a 65,536th."""
    probability = np.exp(-1.0) / np.cumprod([1.0, *range(1, 12)])
    return np.searchsorted(np.cumsum(probability), (np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.float32)


_COUNTS = _poisson_table()
