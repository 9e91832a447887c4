"""The Poisson bootstrap, which needs one pass and can be added over the partitions of a log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from croupier.evaluation.estimators.base import Estimator, EstimatorInputs
from croupier.evaluation.estimators.moments import Matrix, SampleMoments
from croupier.evaluation.intervals.base import (
    Interval,
    IntervalAccumulator,
    LogBounds,
    Terms,
    error_rate,
    guarantee_text,
)
from croupier_policies import Vector

BOOTSTRAP = "bootstrap percentiles, fixed sample"
DRAWS = 1000
SEED = 20_240_229
CELLS = 1 << 21  # counts drawn at once


class Bootstrap(IntervalAccumulator):
    """Percentiles of V̂ over resamples in which each row occurs Poisson(1) times.

    V̂* = f(Σ c·z / Σ c): the whole estimator is resampled, including the ratio of SNIPS. Given Σ c the counts are
    multinomial, as in sampling with replacement. All estimators share the counts, in one matrix product.

    Args:
        estimators: The estimators to resample.
        bounds: Its `partition` seeds the counts, so that those of different partitions are independent.
        draws: The number of resamples, B.
        seed: The seed of the counts.

    Source: Efron & Tibshirani, "An introduction to the bootstrap", 1993, chapter 13; counts as in Chamandy et al.,
    "Estimating uncertainty for massive data streams", 2012.
    """

    supports_subsampling = True

    def __init__(
        self, estimators: Sequence[Estimator], bounds: LogBounds, draws: int = DRAWS, seed: int = SEED
    ) -> None:
        self.bounds = bounds
        ends = np.cumsum([1, *(each.width for each in estimators)])
        self.columns = {each.name: slice(a, b) for each, a, b in zip(estimators, ends, ends[1:], strict=False)}
        self.totals = np.zeros((draws, ends[-1]))
        self._rng = np.random.Generator(np.random.SFC64([seed, bounds.partition]))

    def add(self, inputs: EstimatorInputs, terms: Terms) -> None:
        """Add a batch, with counts drawn for it."""
        ones = np.ones((len(inputs.w), 1))
        self.totals += resampled_totals(
            np.hstack([ones, *(terms[name] for name in self.columns)]), len(self.totals), self._rng
        )

    def interval(self, estimator: Estimator, moments: SampleMoments, level: float, comparisons: int = 1) -> Interval:
        """The α/2 and 1 − α/2 percentiles."""
        values = self.values(estimator, moments)
        tail, finite = error_rate(level, comparisons) / 2, values[np.isfinite(values)]
        low, high = map(float, np.quantile(finite, [tail, 1 - tail])) if len(finite) else (np.nan, np.nan)
        return Interval(low, high, level, guarantee_text(BOOTSTRAP, estimator, comparisons))

    def values(self, estimator: Estimator, moments: SampleMoments) -> Vector:
        """V̂ of every resample, shape (B,)."""
        means = self.totals[:, self.columns[estimator.name]].T / np.maximum(self.totals[:, 0], 1e-300)
        return estimator.select_candidate(moments).values(means)

    def __add__(self, later: Self) -> Self:
        self.totals = self.totals + later.totals
        return self


def resampled_totals(rows: Matrix, draws: int, rng: np.random.Generator) -> Matrix:
    """Σ c·z over the rows, for each of `draws` vectors of Poisson(1) counts c, shape (draws, k).

    Computed in single precision, whose rounding error is a thousandth of the error of the resampling.
    """
    narrow = rows.astype(np.float32)
    step = max(CELLS // max(len(rows), 1), 1)
    chunks = [
        _COUNTS[rng.integers(0, len(_COUNTS), (min(step, draws - start), len(rows)), dtype=np.uint16)] @ narrow
        for start in range(0, draws, step)
    ]
    return np.concatenate(chunks).astype(np.float64)


def _poisson_table() -> NDArray[np.float32]:
    """65,536 counts, of which a uniformly chosen one is Poisson(1) up to 1/65,536."""
    probability = np.exp(-1.0) / np.cumprod([1.0, *range(1, 12)])
    return np.searchsorted(np.cumsum(probability), (np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.float32)


_COUNTS = _poisson_table()
