"""What a target policy would have earned, from columns of logged rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.base import Columns, Estimator
from croupier.evaluation.moments import Matrix
from croupier_policies import Vector


class IPS(Estimator):
    """Inverse propensity scoring: V̂ = (1/n) Σ w·r; unbiased where the log covers the target.

    Source: Horvitz & Thompson, 1952; for bandits Li et al., "Unbiased offline evaluation", WSDM 2011.
    """

    name, width = "ips", 1

    def terms(self, columns: Columns) -> Matrix:
        """w·r."""
        return (columns.w * columns.r)[:, None]

    def value(self, mean: Vector) -> float:
        """The mean itself."""
        return float(mean[0])

    def gradient(self, mean: Vector) -> Vector:
        """1."""
        return np.ones(1)


class SNIPS(Estimator):
    """Self-normalised IPS: V̂ = Σ w·r / Σ w; a bias of order 1/n for less variance, within the rewards' range.

    Its error linearises the ratio: φ = w·(r − V̂)/w̄.

    Source: Swaminathan & Joachims, "The self-normalized estimator for counterfactual learning", NeurIPS 2015; the
    linearisation in Owen, "Monte Carlo theory, methods and examples", section 9.2.
    """

    name, width = "snips", 2

    def terms(self, columns: Columns) -> Matrix:
        """(w, w·r)."""
        return np.column_stack([columns.w, columns.w * columns.r])

    def value(self, mean: Vector) -> float:
        """The ratio of the means."""
        return float(mean[1] / mean[0]) if mean[0] else math.nan

    def gradient(self, mean: Vector) -> Vector:
        """(−V̂, 1)/w̄."""
        return np.array([-self.value(mean), 1.0]) / (mean[0] if mean[0] else math.nan)


class DM(Estimator):
    """Direct method: V̂ = (1/n) Σ v̂(x); as good as the reward model, and its interval does not know how good that is.

    Source: Dudík, Langford & Li, "Doubly robust policy evaluation and learning", ICML 2011.
    """

    name, width, model_only = "dm", 1, True

    def terms(self, columns: Columns) -> Matrix:
        """v̂."""
        return columns.v[:, None]

    def value(self, mean: Vector) -> float:
        """The mean itself."""
        return float(mean[0])

    def gradient(self, mean: Vector) -> Vector:
        """1."""
        return np.ones(1)


class DR(Estimator):
    """Doubly robust: V̂ = (1/n) Σ [v̂(x) + w·(r − q̂(x, a))]; unbiased like IPS; a good model makes it vary less.

    Source: Dudík, Erhan, Langford & Li, "Doubly robust policy evaluation and optimization", Statistical Science, 2014.
    """

    name, width = "dr", 1

    def terms(self, columns: Columns) -> Matrix:
        """v̂ + w·(r − q̂)."""
        return (columns.v + columns.w * (columns.r - columns.q))[:, None]

    def value(self, mean: Vector) -> float:
        """The mean itself."""
        return float(mean[0])

    def gradient(self, mean: Vector) -> Vector:
        """1."""
        return np.ones(1)


class SNDR(Estimator):
    """Self-normalised DR: V̂ = (1/n) Σ v̂(x) + Σ w·(r − q̂) / Σ w.

    Source: Thomas & Brunskill, "Data-efficient off-policy policy evaluation", ICML 2016 (weighted doubly robust).
    """

    name, width = "sndr", 3

    def terms(self, columns: Columns) -> Matrix:
        """(w, w·(r − q̂), v̂)."""
        return np.column_stack([columns.w, columns.w * (columns.r - columns.q), columns.v])

    def value(self, mean: Vector) -> float:
        """v̄ + the ratio of the others."""
        return float(mean[2] + mean[1] / mean[0]) if mean[0] else math.nan

    def gradient(self, mean: Vector) -> Vector:
        """(−ratio, 1, w̄)/w̄."""
        w = mean[0] if mean[0] else math.nan
        return np.array([-mean[1] / w, 1.0, w]) / w


#: Every estimator by its name; adding one is a class and an entry here.
ESTIMATORS: dict[str, Estimator] = {each.name: each for each in (IPS(), SNIPS(), DM(), DR(), SNDR())}


def named(names: Sequence[str]) -> list[Estimator]:
    """The estimators of these names, each once.

    Raises:
        InputError: No estimator has one of the names, or none was named.
    """
    unknown = [name for name in names if name not in ESTIMATORS]
    if unknown or not names:
        raise InputError(f"no estimator is called {unknown or names}; there are {', '.join(ESTIMATORS)}")
    return [ESTIMATORS[name] for name in dict.fromkeys(names)]
