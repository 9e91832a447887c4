"""What an estimator is: a smooth function V̂ = f(z̄) of the means of a few per-row terms z.

So one pass that gathers their moments gives the value, the standard error from the influence function
φ = ∇f(z̄)ᵀ(z − z̄), and, with the terms of two targets side by side, the standard error of their difference on
the same rows.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier.evaluation.estimators.moments import Matrix, Moments
from croupier_policies import Vector


@dataclass(frozen=True, eq=False, slots=True)
class Columns:
    """Logged rows as one target sees them; every column has shape (n,).

    Attributes:
        w: π(a|x)/p, the target's probability of the logged action over the logged propensity.
        r: The reward, in its own units.
        q: q̂(x, a), the estimated reward of the logged action, by a model that has not seen r.
        v: v̂(x) = Σ_a π(a|x)·q̂(x, a), the estimated reward of the target.
        copies: How many rows each stands for, where others were dropped at random; None for 1.
        h: What `aw-dr` weighs the row by, known before its action was drawn (see `Stabiliser`); None for 1.
    """

    w: Vector
    r: Vector
    q: Vector
    v: Vector
    h: Vector | None = None
    copies: Vector | None = None

    def part(self, rows: slice | NDArray[np.bool_]) -> Columns:
        """Some of the rows."""
        h, copies = (None if column is None else column[rows] for column in (self.h, self.copies))
        return Columns(self.w[rows], self.r[rows], self.q[rows], self.v[rows], h, copies)


class Estimated(NamedTuple):
    """A value and its standard error, both in units of reward."""

    value: float
    error: float


class Estimator(ABC):
    """V̂ = f(z̄): per-row terms z, and a smooth function of their means.

    Attributes:
        name: What it is called in reports and on the command line.
        width: Terms per row, k.
        model_only: It rests on the reward model alone, whose bias no interval of it covers.
        caveat: What none of its intervals covers; empty for nothing.
        unnormalised: It supposes that the weights have mean 1, and is off by what the seen ones lack.
        stabilised: Its terms are weighed by `Columns.h`.
    """

    name: str
    width: int = 1
    model_only: bool = False
    caveat: str = ""
    unnormalised: bool = False
    stabilised: bool = False

    @abstractmethod
    def terms(self, columns: Columns) -> Matrix:
        """z, shape (n, k)."""

    @abstractmethod
    def values(self, means: Matrix) -> Vector:
        """f of each of B mean vectors, shape (B,); NaN where it is not defined. `means`: shape (k, B)."""

    @abstractmethod
    def gradient(self, mean: Vector) -> Vector:
        """∇f(z̄), shape (k,)."""

    def value(self, mean: Vector) -> float:
        """f(z̄); NaN where it is not defined. `mean`: shape (k,)."""
        return float(self.values(mean[:, None])[0])

    def settled(self, moments: Moments) -> Estimator:
        """The estimator itself, or, where the data choose among several, the chosen one; on the same terms."""
        return self

    def estimate(self, moments: Moments) -> Estimated:
        """Value and standard error √(∇fᵀ Σ ∇f/n), Σ the covariance of the terms whose moments these are.

        >>> import numpy as np
        >>> from croupier.evaluation import ESTIMATORS
        >>> columns = Columns(*np.array([[2.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.5] * 3, [0.5] * 3]))
        >>> value, error = ESTIMATORS["ips"].estimate(Moments.of(ESTIMATORS["ips"].terms(columns)))
        >>> round(value, 6), round(error, 6)
        (0.666667, 0.666667)
        """
        chosen, mean = self.settled(moments), moments.mean
        return Estimated(chosen.value(mean), standard_error(chosen.gradient(mean), moments))


class Mean(Estimator):
    """An estimator with one term per row, whose mean it is."""

    def values(self, means: Matrix) -> Vector:
        """The means themselves."""
        return np.asarray(means[0])

    def gradient(self, mean: Vector) -> Vector:
        """1."""
        return np.ones(1)


def ratio(above: Vector, below: Vector) -> Vector:
    """above/below; NaN where `below` is 0."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below != 0.0)


def standard_error(gradient: Vector, moments: Moments) -> float:
    """√(∇ᵀ Σ ∇/n): the delta method, which is the standard deviation of the influence function over √n.

    Args:
        gradient: ∇, shape (k,).
        moments: Of n rows of k terms.
    """
    if moments.count < 2:
        return math.nan
    return math.sqrt(max(float(gradient @ moments.covariance @ gradient), 0.0) / moments.count)
