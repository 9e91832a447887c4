"""Diagnostics of a target: effective sample sizes, largest shares, mean weight, probability outside the support."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from croupier.evaluation.evidence.tail import Tail
from croupier_policies import Vector


@dataclass(frozen=True, slots=True)
class WeightSummary:
    """A summary of non-negative values m, which shows whether a few of them dominate; batches can be added.

    Attributes:
        count: Their number n.
        total: Σ m.
        squares: Σ m².
        largest: max m.
    """

    count: int
    total: float
    squares: float
    largest: float

    @classmethod
    def of(cls, values: Vector) -> WeightSummary:
        """The summary of one batch, shape (n,)."""
        squares = float(np.einsum("i,i->", values, values))  # the threads of BLAS would wait longer than this takes
        return cls(len(values), float(values.sum()), squares, float(values.max(initial=0.0)))

    def __add__(self, other: WeightSummary) -> WeightSummary:
        largest = max(self.largest, other.largest)
        return WeightSummary(self.count + other.count, self.total + other.total, self.squares + other.squares, largest)

    @property
    def ess(self) -> float:
        """The effective sample size (Σ m)²/Σ m² (Kish, "Survey sampling", 1965).

        >>> WeightSummary.of(np.array([1.0, 1.0, 1.0, 0.0])).ess
        3.0
        """
        return self.total * self.total / self.squares if self.squares else 0.0  # x**2 raises OverflowError

    @property
    def share(self) -> float:
        """max m/Σ m; NaN where all are 0."""
        return self.largest / self.total if self.total else math.nan


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """The diagnostics of one target; those of two batches can be added.

    Rewards are counted from both ends of their range, s = (r − low)/(high − low), because rare failures carry as little
    information as rare successes. Measured over 20,000 simulated logs each, at 3 % and at 97 % reward: with the smaller
    effective sample size at 24, 95 % intervals of SNIPS and DR covered 93.9 % at either end; at 98, 94.7 %.

    Attributes:
        weights: The summary of c·w, w = π(a|x)/p the importance weights and c the subsampling weights.
        gains: The summary of c·w·s.
        losses: The summary of c·w·(1 − s).
        outside_sum: Σ over rows of the target's probability on actions that the logging policy could not have drawn.
        tail: The largest weights.
        expected: Σ over rows of Σ_a π(a|x)²/p(a|x), the expectation of w² before the action was drawn; Σ w² where the
            logged distributions are not known.
        subsampling: The summary of c.
        cross_sum: Σ c²·w.
    """

    weights: WeightSummary
    gains: WeightSummary
    losses: WeightSummary
    outside_sum: float
    tail: Tail
    expected: float
    subsampling: WeightSummary
    cross_sum: float

    @classmethod
    def of(
        cls, w: Vector, s: Vector, outside: Vector, squares: Vector | None = None, subsampling: Vector | None = None
    ) -> Diagnostics:
        """The diagnostics of one batch; shape (n,) each.

        Args:
            w: Weights.
            s: Rewards, scaled to [0, 1].
            outside: The target's probability outside the support.
            squares: Σ_a π(a|x)²/p(a|x); None where the logged distributions are not known.
            subsampling: Subsampling weights c; None where all are 1.
        """
        if subsampling is not None:
            return cls._subsampled(w, s, outside, w**2 if squares is None else squares, subsampling)
        weights, ones = WeightSummary.of(w), WeightSummary(len(w), float(len(w)), float(len(w)), 1.0)
        expected = weights.squares if squares is None else float(squares.sum())
        gains, losses = WeightSummary.of(w * s), WeightSummary.of(w * (1.0 - s))
        return cls(weights, gains, losses, float(outside.sum()), Tail.of(w), expected, ones, weights.total)

    @classmethod
    def _subsampled(cls, w: Vector, s: Vector, outside: Vector, squares: Vector, subsampling: Vector) -> Diagnostics:
        m = w * subsampling
        outside_sum, expected = float(outside @ subsampling), float(squares @ subsampling**2)
        gains, losses = WeightSummary.of(m * s), WeightSummary.of(m * (1.0 - s))
        return cls(
            WeightSummary.of(m),
            gains,
            losses,
            outside_sum,
            Tail.of(m),
            expected,
            WeightSummary.of(subsampling),
            float(subsampling @ m),
        )

    def __add__(self, other: Diagnostics) -> Diagnostics:
        return Diagnostics(
            self.weights + other.weights,
            self.gains + other.gains,
            self.losses + other.losses,
            self.outside_sum + other.outside_sum,
            self.tail + other.tail,
            self.expected + other.expected,
            self.subsampling + other.subsampling,
            self.cross_sum + other.cross_sum,
        )

    @property
    def count(self) -> int:
        """The number of rows."""
        return self.weights.count

    @property
    def ess_reward(self) -> float:
        """The effective sample size on which the verdict depends: the least of w·s, w·(1 − s) and the expected one."""
        return min(self.gains.ess, self.losses.ess, self.expected_ess_reward)

    @property
    def expected_ess_reward(self) -> float:
        """min(V, 1 − V)·(Σc)²/Σ c²·E[w² | x], V the self-normalised value of s.

        The observed effective sample size is large exactly where rewarded rows of large weight did not occur, and the
        estimate is then wrong; the expected one is not affected. Measured on 150 logs of the default policy (20,000
        rows, mean reward .03, floor .01): of those with an observed one of 100, intervals of SNIPS, DR and IPS missed
        35, 39 and 46 %; of those with an expected one of 100 as well, none did.
        """
        if not self.expected or not self.weights.total:
            return 0.0
        value = self.gains.total / self.weights.total
        return min(value, 1.0 - value) * self.subsampling.total**2 / self.expected

    @property
    def outside(self) -> float:
        """The share of the target's probability outside the logged support, 0 to 1; NaN without rows."""
        return self.outside_sum / self.subsampling.total if self.count else math.nan

    @property
    def mean_weight(self) -> float:
        """w̄; its expectation is 1 where propensities are right and the support covers the target. NaN without rows."""
        return self.weights.total / self.subsampling.total if self.count else math.nan

    @property
    def mean_weight_error(self) -> float:
        """The standard error of the mean weight; NaN with fewer than two rows."""
        n = self.count
        if n < 2:
            return math.nan
        w, c = self.mean_weight, self.subsampling
        spread = self.weights.squares - 2 * w * self.cross_sum + w * w * c.squares
        return math.sqrt(max(spread, 0.0) * n / (n - 1)) / c.total

    def as_dict(self) -> dict[str, float]:
        """The diagnostics as numbers by name."""
        return {
            "rows": self.count,
            "ess_weights": self.weights.ess,
            "ess_weight_reward": self.gains.ess,
            "ess_weight_loss": self.losses.ess,
            "ess_expected": self.expected_ess_reward,
            "largest_share_weights": self.weights.share,
            "largest_share_weight_reward": self.gains.share,
            "largest_share_weight_loss": self.losses.share,
            "mean_weight": self.mean_weight,
            "mean_weight_error": self.mean_weight_error,
            "outside_support": self.outside,
            "pareto_k": self.tail.shape,
        }
