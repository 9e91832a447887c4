"""The tail index of the weights: the shape of a generalised Pareto distribution fitted to the largest of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from croupier_policies import Vector

MAX_KEPT = 1 << 15  # of the largest values, enough for the tail of 10⁸ rows
MIN_TAIL = 25  # values in a tail that can be fitted


@dataclass(frozen=True, eq=False, slots=True)
class Tail:
    """The largest of n values; those of two batches can be added.

    Attributes:
        count: n.
        largest: In ascending order, at most `MAX_KEPT`.
    """

    count: int
    largest: Vector

    @classmethod
    def of(cls, values: Vector) -> Tail:
        """The tail of one batch, shape (n,)."""
        kept = np.partition(values, -MAX_KEPT)[-MAX_KEPT:] if len(values) > MAX_KEPT else values
        return cls(len(values), np.sort(kept))

    def __add__(self, other: Tail) -> Tail:
        both = np.concatenate([self.largest, other.largest])
        return Tail(self.count + other.count, Tail.of(both).largest)

    @property
    def shape(self) -> float:
        """k of the generalised Pareto distribution of the largest min(n/5, 3√n) values; NaN where there are too few.

        Below ½ the values have a variance; above .7 neither a mean of n of them nor its interval is
        reliable. −∞ where all values of the tail are equal.

        Source: Vehtari, Simpson, Gelman, Yao & Gabry, "Pareto smoothed importance sampling", JMLR 2024.

        >>> rng = np.random.default_rng(1)
        >>> bool(Tail.of(rng.pareto(1.25, 100_000)).shape > 0.7), bool(Tail.of(rng.random(100_000)).shape < 0.0)
        (True, True)
        """
        count = min(int(min(self.count / 5, 3 * math.sqrt(self.count))), len(self.largest) - 1)
        if count < MIN_TAIL:
            return math.nan
        threshold, tail = self.largest[-count - 1], self.largest[-count:]
        above = tail[tail > threshold] - threshold
        if not len(above) or above[-1] <= above[0] * (1 + 1e-12):
            return -math.inf  # all values are equal, so the tail is bounded
        return math.nan if len(above) < MIN_TAIL else pareto_shape(above)


def pareto_shape(x: Vector) -> float:
    """k of a generalised Pareto distribution, P(X > x) = (1 + kx/σ)^(−1/k), fitted to x > 0 in ascending order.

    With θ = −k/σ, k(θ) = mean of log(1 − θx) and profile likelihood L(θ) = n·(log(−θ/k(θ)) − k(θ) − 1), θ̂ is the mean
    of m points θⱼ = 1/x₍ₙ₎ + (1 − √(m/(j − ½)))/(3·x₍ₙ/₄₎), weighted by L; a prior worth ten values shrinks k
    towards ½.

    Args:
        x: Exceedances, shape (n,), in ascending order.

    Source: Zhang & Stephens, "A new and efficient estimation method for the generalized Pareto distribution",
    Technometrics 2009; the prior as in PSIS.
    """
    n, points = len(x), 30 + int(math.sqrt(len(x)))
    quarter = x[int(n / 4 + 0.5) - 1]
    theta = 1 / x[-1] + (1 - np.sqrt(points / (np.arange(1, points + 1) - 0.5))) / (3 * quarter)
    theta = theta[np.abs(theta) * x[-1] > 1e-9]  # at 0 the distribution is exponential, and L is 0/0
    shapes = np.array([np.log1p(-each * x).mean() for each in theta])
    fit = n * (np.log(-theta / shapes) - shapes - 1)
    weights = np.exp(fit - np.logaddexp.reduce(fit))
    k = float(np.log1p(-float(weights @ theta) * x).mean())
    return (n * k + 10 * 0.5) / (n + 10)
