"""Estimators that hold large weights down: less variance, at the price of a bias that no interval of theirs covers."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from croupier.evaluation.estimators.base import Columns, Mean
from croupier.evaluation.estimators.moments import Matrix
from croupier_policies import Vector


class Shrunk(Mean):
    """V̂ = (1/n) Σ [v̂ + g(w)·(r − q̂)], or without v̂ and q̂, for a g that holds large weights down.

    Args:
        limit: λ or τ, above 0; the larger, the less is held down, and at ∞ nothing.
    """

    family: str
    caveat = "without the bias of shrinking"

    def __init__(self, limit: float) -> None:
        if not limit > 0:
            raise ValueError(f"the limit {limit} of {self.family} is not above 0")
        self.limit, self.name = limit, f"{self.family}:{limit:g}"

    @abstractmethod
    def shrunk(self, w: Vector) -> Vector:
        """g(w), shape (n,)."""

    def terms(self, columns: Columns) -> Matrix:
        """v̂ + g(w)·(r − q̂)."""
        return (columns.v + self.shrunk(columns.w) * (columns.r - columns.q))[:, None]


class ClippedIPS(Shrunk):
    """Clipped IPS: V̂ = (1/n) Σ min(w, λ)·r.

    Source: Ionides, "Truncated importance sampling", JCGS 2008; for bandits Bottou et al., "Counterfactual reasoning
    and learning systems", JMLR 2013, section 4.4.

    >>> ClippedIPS(10.0).terms(Columns(*np.array([[20.0, 2.0], [1.0, 1.0], [0.5, 0.5], [0.5, 0.5]])))[:, 0].tolist()
    [10.0, 2.0]
    """

    family = "ips-clip"

    def shrunk(self, w: Vector) -> Vector:
        """min(w, λ)."""
        return np.minimum(w, self.limit)

    def terms(self, columns: Columns) -> Matrix:
        """min(w, λ)·r."""
        return (self.shrunk(columns.w) * columns.r)[:, None]


class ClippedDR(Shrunk):
    """DR with clipped weights: V̂ = (1/n) Σ [v̂ + min(w, λ)·(r − q̂)].

    Source: Su, Dimakopoulou, Krishnamurthy & Dudík, "Doubly robust off-policy evaluation with shrinkage", ICML 2020,
    section 3.2 ("pessimistic shrinkage").
    """

    family = "dr-clip"

    def shrunk(self, w: Vector) -> Vector:
        """min(w, λ)."""
        return np.minimum(w, self.limit)


class SwitchDR(Shrunk):
    """SWITCH-DR: V̂ = (1/n) Σ [v̂ + w·1(w ≤ τ)·(r − q̂)]; beyond τ the reward model speaks alone.

    Source: Wang, Agarwal & Dudík, "Optimal and adaptive off-policy evaluation in contextual bandits", ICML 2017.
    """

    family = "switch-dr"

    def shrunk(self, w: Vector) -> Vector:
        """w where it is at most τ, else 0."""
        return np.where(w <= self.limit, w, 0.0)


class OptimisticDR(Shrunk):
    """DR with optimistic shrinkage: V̂ = (1/n) Σ [v̂ + λw/(w² + λ)·(r − q̂)].

    Source: Su, Dimakopoulou, Krishnamurthy & Dudík, "Doubly robust off-policy evaluation with shrinkage", ICML 2020,
    section 3.1.
    """

    family = "dr-os"

    def shrunk(self, w: Vector) -> Vector:
        """λw/(w² + λ)."""
        return w / (w**2 / self.limit + 1.0)
