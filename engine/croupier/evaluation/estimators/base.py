"""Estimators: smooth functions V̂ = f(z̄) of the means of a few per-row terms z.

One pass over the moments of the terms therefore gives the value, the standard error from the influence function
φ = ∇f(z̄)ᵀ(z − z̄), and, from the joint moments of two targets, the standard error of their difference on the same
rows.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier.evaluation.estimators.moments import Matrix, SampleMoments
from croupier_policies import Vector


@dataclass(frozen=True, eq=False, slots=True)
class EstimatorInputs:
    """The logged rows for one target, as columns of shape (n,).

    Attributes:
        w: π(a|x)/p, the target's probability of the logged action over the logged propensity.
        r: The reward, in its own units.
        q: q̂(x, a), the estimated reward of the logged action, by a model that was not trained on r.
        v: v̂(x) = Σ_a π(a|x)·q̂(x, a), the estimated reward of the target.
        h: The adaptive weight of `aw-dr`, fixed before the action was drawn (see `Stabiliser`); None where all are 1.
        subsampling: The subsampling weight c = 1/(1 − p_drop) where rows were dropped at random; None where all are 1.
    """

    w: Vector
    r: Vector
    q: Vector
    v: Vector
    h: Vector | None = None
    subsampling: Vector | None = None

    def select(self, rows: slice | NDArray[np.bool_]) -> EstimatorInputs:
        """A subset of the rows."""
        h, subsampling = (None if column is None else column[rows] for column in (self.h, self.subsampling))
        return EstimatorInputs(self.w[rows], self.r[rows], self.q[rows], self.v[rows], h, subsampling)


class PointEstimate(NamedTuple):
    """A value and its standard error, both in units of reward."""

    value: float
    error: float


class Estimator(ABC):
    """V̂ = f(z̄): per-row terms z, and a smooth function of their means.

    Attributes:
        name: Its name in reports and on the command line.
        width: The number k of terms per row.
        model_only: Whether it uses only the reward model, whose bias its intervals do not cover.
        caveat: What its intervals do not cover; empty for nothing.
        unnormalised: Whether it assumes that the weights have mean 1, and errs by what the observed ones lack.
        stabilised: Whether its terms are multiplied by the adaptive weights `EstimatorInputs.h`.
    """

    name: str
    width: int = 1
    model_only: bool = False
    caveat: str = ""
    unnormalised: bool = False
    stabilised: bool = False

    @abstractmethod
    def terms(self, inputs: EstimatorInputs) -> Matrix:
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

    def select_candidate(self, moments: SampleMoments) -> Estimator:
        """The estimator itself or, if it selects among candidates, the selected one, on the same terms."""
        return self

    def estimate(self, moments: SampleMoments) -> PointEstimate:
        """Value and standard error √(∇fᵀ Σ ∇f/n), Σ the covariance of the terms.

        >>> import numpy as np
        >>> from croupier.evaluation import ESTIMATORS
        >>> inputs = EstimatorInputs(*np.array([[2.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.5] * 3, [0.5] * 3]))
        >>> value, error = ESTIMATORS["ips"].estimate(SampleMoments.of(ESTIMATORS["ips"].terms(inputs)))
        >>> round(value, 6), round(error, 6)
        (0.666667, 0.666667)
        """
        selected, mean = self.select_candidate(moments), moments.mean
        return PointEstimate(selected.value(mean), standard_error(selected.gradient(mean), moments))


class MeanEstimator(Estimator):
    """An estimator that is the mean of one term per row."""

    def values(self, means: Matrix) -> Vector:
        """The means themselves."""
        return np.asarray(means[0])

    def gradient(self, mean: Vector) -> Vector:
        """1."""
        return np.ones(1)


def ratio(above: Vector, below: Vector) -> Vector:
    """above/below; NaN where `below` is 0."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below != 0.0)


def standard_error(gradient: Vector, moments: SampleMoments) -> float:
    """√(∇ᵀ Σ ∇/n), the delta method: the standard deviation of the influence function over √n.

    Args:
        gradient: ∇, shape (k,).
        moments: The moments of n rows of k terms.
    """
    if moments.count < 2:
        return math.nan
    return math.sqrt(max(float(gradient @ moments.covariance @ gradient), 0.0) / moments.count)
