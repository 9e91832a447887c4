"""Estimators that shrink large weights: less variance, and a bias that their intervals do not cover."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from croupier.evaluation.estimators.base import EstimatorInputs, MeanEstimator
from croupier.evaluation.estimators.moments import Matrix
from croupier_policies import Vector


class ShrinkageEstimator(MeanEstimator):
    """V̂ = (1/n) Σ [v̂ + g(w)·(r − q̂)], or without v̂ and q̂, for a g that shrinks large weights.

    Args:
        limit: λ or τ, above 0; the larger, the less shrinkage, and at ∞ none.
    """

    family: str
    caveat = "without the bias of shrinkage"

    def __init__(self, limit: float) -> None:
        if not limit > 0:
            raise ValueError(f"the limit {limit} of {self.family} is not above 0")
        self.limit, self.name = limit, f"{self.family}:{limit:g}"

    @abstractmethod
    def shrink(self, w: Vector) -> Vector:
        """g(w), shape (n,)."""

    def terms(self, inputs: EstimatorInputs) -> Matrix:
        """v̂ + g(w)·(r − q̂)."""
        return (inputs.v + self.shrink(inputs.w) * (inputs.r - inputs.q))[:, None]


class ClippedIPS(ShrinkageEstimator):
    """Clipped IPS: V̂ = (1/n) Σ min(w, λ)·r.

    Source: Ionides, "Truncated importance sampling", JCGS 2008; for bandits Bottou et al., "Counterfactual reasoning
    and learning systems", JMLR 2013, section 4.4.

    >>> inputs = EstimatorInputs(*np.array([[20.0, 2.0], [1.0, 1.0], [0.5, 0.5], [0.5, 0.5]]))
    >>> ClippedIPS(10.0).terms(inputs)[:, 0].tolist()
    [10.0, 2.0]
    """

    family = "ips-clip"

    def shrink(self, w: Vector) -> Vector:
        """min(w, λ)."""
        return np.minimum(w, self.limit)

    def terms(self, inputs: EstimatorInputs) -> Matrix:
        """min(w, λ)·r."""
        return (self.shrink(inputs.w) * inputs.r)[:, None]


class ClippedDR(ShrinkageEstimator):
    """DR with clipped weights: V̂ = (1/n) Σ [v̂ + min(w, λ)·(r − q̂)].

    Source: Su, Dimakopoulou, Krishnamurthy & Dudík, "Doubly robust off-policy evaluation with shrinkage", ICML 2020,
    section 3.2 ("pessimistic shrinkage").
    """

    family = "dr-clip"

    def shrink(self, w: Vector) -> Vector:
        """min(w, λ)."""
        return np.minimum(w, self.limit)


class SwitchDR(ShrinkageEstimator):
    """SWITCH-DR: V̂ = (1/n) Σ [v̂ + w·1(w ≤ τ)·(r − q̂)]; above τ only the reward model is used.

    Source: Wang, Agarwal & Dudík, "Optimal and adaptive off-policy evaluation in contextual bandits", ICML 2017.
    """

    family = "switch-dr"

    def shrink(self, w: Vector) -> Vector:
        """w where it is at most τ, else 0."""
        return np.where(w <= self.limit, w, 0.0)


class OptimisticDR(ShrinkageEstimator):
    """DR with optimistic shrinkage: V̂ = (1/n) Σ [v̂ + λw/(w² + λ)·(r − q̂)].

    Source: Su, Dimakopoulou, Krishnamurthy & Dudík, "Doubly robust off-policy evaluation with shrinkage", ICML 2020,
    section 3.1.
    """

    family = "dr-os"

    def shrink(self, w: Vector) -> Vector:
        """λw/(w² + λ)."""
        return w / (w**2 / self.limit + 1.0)
