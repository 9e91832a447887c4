"""How much of a log speaks for a target: effective sample sizes, shares, mean weight, what is outside the support."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from croupier.evaluation.evidence.tail import Tail
from croupier_policies import Vector


@dataclass(frozen=True, slots=True)
class Mass:
    """Non-negative values m, of which a few may carry most; adding two gives both batches together.

    Attributes:
        count: How many, n.
        total: Σ m.
        squares: Σ m².
        largest: max m.
    """

    count: int
    total: float
    squares: float
    largest: float

    @classmethod
    def of(cls, values: Vector) -> Mass:
        """Of one batch, shape (n,)."""
        squares = float(np.einsum("i,i->", values, values))  # not by BLAS, whose threads wait for each other longer
        return cls(len(values), float(values.sum()), squares, float(values.max(initial=0.0)))

    def __add__(self, other: Mass) -> Mass:
        largest = max(self.largest, other.largest)
        return Mass(self.count + other.count, self.total + other.total, self.squares + other.squares, largest)

    @property
    def ess(self) -> float:
        """(Σ m)²/Σ m²: so many equal values would vary as little (Kish, "Survey sampling", 1965).

        >>> Mass.of(np.array([1.0, 1.0, 1.0, 0.0])).ess
        3.0
        """
        return self.total**2 / self.squares if self.squares else 0.0

    @property
    def share(self) -> float:
        """max m/Σ m; NaN where all are 0."""
        return self.largest / self.total if self.total else math.nan


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """What a log holds about one target; adding two gives both batches together.

    Rewards are counted from both ends of their range, s = (r − low)/(high − low), because rare failures leave as little
    to go by as rare successes. Measured over 20,000 simulated logs each, at 3 % and at 97 % reward: with the lesser
    effective sample size at 24, 95 % intervals of SNIPS and DR covered 93.9 % at either end; at 98, 94.7 %.

    Attributes:
        weights: Of w = π(a|x)/p.
        gains: Of w·s.
        losses: Of w·(1 − s).
        missing: Σ over rows of the target's probability on actions that the logging policy could not have drawn.
        tail: The largest weights.
        expected: Σ over rows of Σ_a π(a|x)²/p(a|x), what w² was expected to be before the action was drawn; where the
            log does not keep whole distributions, Σ w².
        copies: Of c, how many rows each stands for where others were dropped; w is then c·w throughout.
        crossed: Σ c²·w.
    """

    weights: Mass
    gains: Mass
    losses: Mass
    missing: float
    tail: Tail
    expected: float
    copies: Mass
    crossed: float

    @classmethod
    def of(
        cls, w: Vector, s: Vector, outside: Vector, squares: Vector | None = None, copies: Vector | None = None
    ) -> Diagnostics:
        """Of one batch; shape (n,) each.

        Args:
            w: Weights.
            s: Rewards, scaled to 0…1.
            outside: The target's probability outside the support.
            squares: Σ_a π(a|x)²/p(a|x); None where the whole distributions are not known.
            copies: How many rows each stands for; None for 1.
        """
        if copies is not None:
            return cls._copied(w, s, outside, w**2 if squares is None else squares, copies)
        weights, ones = Mass.of(w), Mass(len(w), float(len(w)), float(len(w)), 1.0)
        expected = weights.squares if squares is None else float(squares.sum())
        gains, losses = Mass.of(w * s), Mass.of(w * (1.0 - s))
        return cls(weights, gains, losses, float(outside.sum()), Tail.of(w), expected, ones, weights.total)

    @classmethod
    def _copied(cls, w: Vector, s: Vector, outside: Vector, squares: Vector, copies: Vector) -> Diagnostics:
        m = w * copies
        missing, expected = float(outside @ copies), float(squares @ copies**2)
        gains, losses = Mass.of(m * s), Mass.of(m * (1.0 - s))
        return cls(Mass.of(m), gains, losses, missing, Tail.of(m), expected, Mass.of(copies), float(copies @ m))

    def __add__(self, other: Diagnostics) -> Diagnostics:
        return Diagnostics(
            self.weights + other.weights,
            self.gains + other.gains,
            self.losses + other.losses,
            self.missing + other.missing,
            self.tail + other.tail,
            self.expected + other.expected,
            self.copies + other.copies,
            self.crossed + other.crossed,
        )

    @property
    def count(self) -> int:
        """Rows."""
        return self.weights.count

    @property
    def ess_reward(self) -> float:
        """The effective sample size that decides: the least of those of w·s and w·(1 − s), seen and expected."""
        return min(self.gains.ess, self.losses.ess, self.expected_ess_reward)

    @property
    def expected_ess_reward(self) -> float:
        """min(V, 1 − V)·(Σc)²/Σ c²·E[w² | x], V the self-normalised value of s: the effective rows to be expected.

        The seen ones depend on luck: they are many just where the heavy rewarded rows did not come up, and the estimate
        is then off. Measured on 150 logs of the default policy (20,000 rows, mean reward .03, floor .01): of those with
        100 seen effective rows, intervals of SNIPS, DR and IPS missed 35, 39 and 46 %; of those with 100 expected ones
        as well, none did.
        """
        if not self.expected or not self.weights.total:
            return 0.0
        value = self.gains.total / self.weights.total
        return min(value, 1.0 - value) * self.copies.total**2 / self.expected

    @property
    def outside(self) -> float:
        """The share of the target's probability outside the logged support, 0 to 1; NaN without rows."""
        return self.missing / self.copies.total if self.count else math.nan

    @property
    def mean_weight(self) -> float:
        """w̄; its expectation is 1 where propensities are right and the support covers the target. NaN without rows."""
        return self.weights.total / self.copies.total if self.count else math.nan

    @property
    def mean_weight_error(self) -> float:
        """The standard error of the mean weight; NaN with fewer than two rows."""
        n = self.count
        if n < 2:
            return math.nan
        w, c = self.mean_weight, self.copies
        spread = self.weights.squares - 2 * w * self.crossed + w**2 * c.squares
        return math.sqrt(max(spread, 0.0) * n / (n - 1)) / c.total

    def to_dict(self) -> dict[str, float]:
        """All of it as plain numbers."""
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
