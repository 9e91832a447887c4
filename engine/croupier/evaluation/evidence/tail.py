"""How heavy the tail of the weights is: the shape of a generalised Pareto law fitted to the largest of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from croupier_policies import Vector

KEPT = 1 << 15  # of the largest values; enough for the tail of 10⁸ rows
FEWEST = 25  # values in a tail that is fitted at all


@dataclass(frozen=True, eq=False, slots=True)
class Tail:
    """The largest of n values; adding two gives both batches together.

    Attributes:
        count: n.
        largest: In rising order, at most `KEPT`.
    """

    count: int
    largest: Vector

    @classmethod
    def of(cls, values: Vector) -> Tail:
        """Of one batch, shape (n,)."""
        kept = np.partition(values, -KEPT)[-KEPT:] if len(values) > KEPT else values
        return cls(len(values), np.sort(kept))

    def __add__(self, other: Tail) -> Tail:
        both = np.concatenate([self.largest, other.largest])
        return Tail(self.count + other.count, Tail.of(both).largest)

    @property
    def shape(self) -> float:
        """k of the generalised Pareto law of the largest min(n/5, 3√n) values, over the next one; NaN with too few.

        Below ½ the values have a variance; above .7 a mean of n of them is not to be relied on, nor its interval; −∞
        where the tail is a single value.

        Source: Vehtari, Simpson, Gelman, Yao & Gabry, "Pareto smoothed importance sampling", JMLR 2024.

        >>> rng = np.random.default_rng(1)
        >>> bool(Tail.of(rng.pareto(1.25, 100_000)).shape > 0.7), bool(Tail.of(rng.random(100_000)).shape < 0.0)
        (True, True)
        """
        count = min(int(min(self.count / 5, 3 * math.sqrt(self.count))), len(self.largest) - 1)
        if count < FEWEST:
            return math.nan
        threshold, tail = self.largest[-count - 1], self.largest[-count:]
        above = tail[tail > threshold] - threshold
        if not len(above) or above[-1] <= above[0] * (1 + 1e-12):
            return -math.inf  # one value alone: there it ends
        return math.nan if len(above) < FEWEST else pareto_shape(above)


def pareto_shape(x: Vector) -> float:
    """k of a generalised Pareto law, P(X > x) = (1 + kx/σ)^(−1/k), fitted to x > 0 in rising order.

    With θ = −k/σ, k(θ) = mean of log(1 − θx) and profile likelihood L(θ) = n·(log(−θ/k(θ)) − k(θ) − 1), θ̂ is the mean
    of m points θⱼ = 1/x₍ₙ₎ + (1 − √(m/(j − ½)))/(3·x₍ₙ/₄₎), weighed by L; k is drawn to ½ as by ten more values.

    Args:
        x: Exceedances, shape (n,), in rising order.

    Source: Zhang & Stephens, "A new and efficient estimation method for the generalized Pareto distribution",
    Technometrics 2009; the prior as in PSIS.
    """
    n, points = len(x), 30 + int(math.sqrt(len(x)))
    quarter = x[int(n / 4 + 0.5) - 1]
    theta = 1 / x[-1] + (1 - np.sqrt(points / (np.arange(1, points + 1) - 0.5))) / (3 * quarter)
    theta = theta[np.abs(theta) * x[-1] > 1e-9]  # at 0 the law is exponential, and its likelihood 0/0
    shapes = np.array([np.log1p(-each * x).mean() for each in theta])
    fit = n * (np.log(-theta / shapes) - shapes - 1)
    weights = np.exp(fit - np.logaddexp.reduce(fit))
    k = float(np.log1p(-float(weights @ theta) * x).mean())
    return (n * k + 10 * 0.5) / (n + 10)
