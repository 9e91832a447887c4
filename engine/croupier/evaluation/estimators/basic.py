"""Estimators of the value of a target policy, from columns of logged rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.estimators.base import Estimator, EstimatorInputs, MeanEstimator, ratio
from croupier.evaluation.estimators.moments import Matrix
from croupier.evaluation.estimators.shrinkage import ClippedDR, ClippedIPS, OptimisticDR, ShrinkageEstimator, SwitchDR
from croupier.evaluation.estimators.slope import GRID, Slope
from croupier_policies import Vector


class IPS(MeanEstimator):
    """Inverse propensity scoring: V̂ = (1/n) Σ w·r; unbiased where the logged support covers that of the target.

    Source: Horvitz & Thompson, 1952; for bandits Li et al., "Unbiased offline evaluation", WSDM 2011.
    """

    name, unnormalised = "ips", True

    def terms(self, inputs: EstimatorInputs) -> Matrix:
        """w·r."""
        return (inputs.w * inputs.r)[:, None]


class SNIPS(Estimator):
    """Self-normalised IPS: V̂ = Σ w·r / Σ w; a bias of order 1/n, less variance, within the range of rewards.

    Its standard error linearises the ratio: φ = w·(r − V̂)/w̄.

    Source: Swaminathan & Joachims, "The self-normalized estimator for counterfactual learning", NeurIPS 2015; the
    linearisation in Owen, "Monte Carlo theory, methods and examples", section 9.2.
    """

    name, width = "snips", 2

    def terms(self, inputs: EstimatorInputs) -> Matrix:
        """(w, w·r)."""
        return np.column_stack([inputs.w, inputs.w * inputs.r])

    def values(self, means: Matrix) -> Vector:
        """The ratio of the means."""
        return ratio(means[1], means[0])

    def gradient(self, mean: Vector) -> Vector:
        """(−V̂, 1)/w̄."""
        return np.array([-self.value(mean), 1.0]) / (mean[0] if mean[0] else math.nan)


class DM(MeanEstimator):
    """Direct method: V̂ = (1/n) Σ v̂(x); as accurate as the reward model, whose bias its interval does not cover.

    Source: Dudík, Langford & Li, "Doubly robust policy evaluation and learning", ICML 2011.
    """

    name, model_only, caveat = "dm", True, "without the bias of the reward model"

    def terms(self, inputs: EstimatorInputs) -> Matrix:
        """v̂."""
        return inputs.v[:, None]


class DR(MeanEstimator):
    """Doubly robust: V̂ = (1/n) Σ [v̂(x) + w·(r − q̂(x, a))]; unbiased as IPS is, with less variance if the model is good.

    Source: Dudík, Erhan, Langford & Li, "Doubly robust policy evaluation and optimization", Statistical Science, 2014.
    """

    name = "dr"

    def terms(self, inputs: EstimatorInputs) -> Matrix:
        """v̂ + w·(r − q̂)."""
        return (inputs.v + inputs.w * (inputs.r - inputs.q))[:, None]


class SNDR(Estimator):
    """Self-normalised DR: V̂ = (1/n) Σ v̂(x) + Σ w·(r − q̂) / Σ w.

    Source: Thomas & Brunskill, "Data-efficient off-policy policy evaluation", ICML 2016 (weighted doubly robust).
    """

    name, width = "sndr", 3

    def terms(self, inputs: EstimatorInputs) -> Matrix:
        """(w, w·(r − q̂), v̂)."""
        return np.column_stack([inputs.w, inputs.w * (inputs.r - inputs.q), inputs.v])

    def values(self, means: Matrix) -> Vector:
        """v̄ plus the ratio of the others."""
        return np.asarray(means[2]) + ratio(means[1], means[0])

    def gradient(self, mean: Vector) -> Vector:
        """(−ratio, 1, w̄)/w̄."""
        w = mean[0] if mean[0] else math.nan
        return np.array([-mean[1] / w, 1.0, w]) / w


class AdaptiveDR(SNIPS):
    """Adaptively weighted DR: V̂ = Σ h·Γ / Σ h, Γ = v̂(x) + w·(r − q̂(x, a)); for the log of a policy that learns.

    h stabilises the variance of its terms, so that its normal interval is valid where that of DR may not be: a policy
    that learns draws some actions ever more rarely, and a few late rows then dominate the error of DR.

    Source: Hadad, Hirshberg, Zhan, Wager & Athey, "Confidence intervals for policy evaluation in adaptive
    experiments", PNAS 2021, equations 5 and 10; with weights per moment, not per context, as in Zhan et al., KDD 2021.
    """

    name, width, stabilised = "aw-dr", 2, True

    def terms(self, inputs: EstimatorInputs) -> Matrix:
        """(h, h·Γ)."""
        h = np.ones_like(inputs.w) if inputs.h is None else inputs.h
        return np.column_stack([h, h * (inputs.v + inputs.w * (inputs.r - inputs.q))])


#: The estimators without a parameter, by name; a new one is a class and an entry here.
ESTIMATORS: dict[str, Estimator] = {each.name: each for each in (IPS(), SNIPS(), DM(), DR(), SNDR(), AdaptiveDR())}
#: The estimators with one: `switch-dr:10` has τ = 10, `switch-dr:slope` selects τ by SLOPE.
SHRINKAGE_ESTIMATORS: dict[str, Callable[[float], ShrinkageEstimator]] = {
    each.family: each for each in (ClippedIPS, ClippedDR, SwitchDR, OptimisticDR)
}
ESTIMATOR_NAMES = (
    f"{', '.join(ESTIMATORS)}, and with `:NUMBER` or `:slope` after the name {', '.join(SHRINKAGE_ESTIMATORS)}"
)


def find_estimators(names: Sequence[str]) -> list[Estimator]:
    """The estimators of these names, without duplicates.

    Raises:
        InputError: A name is unknown, or no name is given.

    >>> [each.name for each in find_estimators(["ips", "switch-dr:10", "dr-os:slope"])]
    ['ips', 'switch-dr:10', 'dr-os:slope']
    """
    if not names:
        raise InputError(f"name at least one estimator; there are {ESTIMATOR_NAMES}")
    return [_named(name) for name in dict.fromkeys(names)]


def _named(name: str) -> Estimator:
    family, _, parameter = name.partition(":")
    if name in ESTIMATORS:
        return ESTIMATORS[name]
    if family in SHRINKAGE_ESTIMATORS and parameter == "slope":
        return Slope(SHRINKAGE_ESTIMATORS[family], GRID)
    try:
        return SHRINKAGE_ESTIMATORS[family](float(parameter))
    except (KeyError, ValueError) as error:
        raise InputError(f"no estimator is called {name!r}; there are {ESTIMATOR_NAMES}") from error
