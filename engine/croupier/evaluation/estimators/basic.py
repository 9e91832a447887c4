"""What a target policy would have earned, from columns of logged rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.estimators.base import Columns, Estimator, Mean, ratio
from croupier.evaluation.estimators.moments import Matrix
from croupier.evaluation.estimators.shrinkage import ClippedDR, ClippedIPS, OptimisticDR, Shrunk, SwitchDR
from croupier.evaluation.estimators.slope import GRID, Slope
from croupier_policies import Vector


class IPS(Mean):
    """Inverse propensity scoring: V̂ = (1/n) Σ w·r; unbiased where the log covers the target.

    Source: Horvitz & Thompson, 1952; for bandits Li et al., "Unbiased offline evaluation", WSDM 2011.
    """

    name, unnormalised = "ips", True

    def terms(self, columns: Columns) -> Matrix:
        """w·r."""
        return (columns.w * columns.r)[:, None]


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

    def values(self, means: Matrix) -> Vector:
        """The ratio of the means."""
        return ratio(means[1], means[0])

    def gradient(self, mean: Vector) -> Vector:
        """(−V̂, 1)/w̄."""
        return np.array([-self.value(mean), 1.0]) / (mean[0] if mean[0] else math.nan)


class DM(Mean):
    """Direct method: V̂ = (1/n) Σ v̂(x); as good as the reward model, and its interval does not know how good that is.

    Source: Dudík, Langford & Li, "Doubly robust policy evaluation and learning", ICML 2011.
    """

    name, model_only, caveat = "dm", True, "without the model's bias"

    def terms(self, columns: Columns) -> Matrix:
        """v̂."""
        return columns.v[:, None]


class DR(Mean):
    """Doubly robust: V̂ = (1/n) Σ [v̂(x) + w·(r − q̂(x, a))]; unbiased like IPS; a good model makes it vary less.

    Source: Dudík, Erhan, Langford & Li, "Doubly robust policy evaluation and optimization", Statistical Science, 2014.
    """

    name = "dr"

    def terms(self, columns: Columns) -> Matrix:
        """v̂ + w·(r − q̂)."""
        return (columns.v + columns.w * (columns.r - columns.q))[:, None]


class SNDR(Estimator):
    """Self-normalised DR: V̂ = (1/n) Σ v̂(x) + Σ w·(r − q̂) / Σ w.

    Source: Thomas & Brunskill, "Data-efficient off-policy policy evaluation", ICML 2016 (weighted doubly robust).
    """

    name, width = "sndr", 3

    def terms(self, columns: Columns) -> Matrix:
        """(w, w·(r − q̂), v̂)."""
        return np.column_stack([columns.w, columns.w * (columns.r - columns.q), columns.v])

    def values(self, means: Matrix) -> Vector:
        """v̄ + the ratio of the others."""
        return np.asarray(means[2]) + ratio(means[1], means[0])

    def gradient(self, mean: Vector) -> Vector:
        """(−ratio, 1, w̄)/w̄."""
        w = mean[0] if mean[0] else math.nan
        return np.array([-mean[1] / w, 1.0, w]) / w


class AdaptiveDR(SNIPS):
    """Adaptively weighted DR: V̂ = Σ h·Γ / Σ h, Γ = v̂(x) + w·(r − q̂(x, a)); for the log of a policy that learns.

    h steadies the variance of its terms, so that its normal interval holds where that of DR need not: a policy that
    learns draws some actions less and less, and the late rows then decide alone how far DR is off.

    Source: Hadad, Hirshberg, Zhan, Wager & Athey, "Confidence intervals for policy evaluation in adaptive
    experiments", PNAS 2021, equations 5 and 10; with weights per moment, not per context, as in Zhan et al., KDD 2021.
    """

    name, width, stabilised = "aw-dr", 2, True

    def terms(self, columns: Columns) -> Matrix:
        """(h, h·Γ)."""
        h = np.ones_like(columns.w) if columns.h is None else columns.h
        return np.column_stack([h, h * (columns.v + columns.w * (columns.r - columns.q))])


#: Every estimator without a parameter by its name; adding one is a class and an entry here.
ESTIMATORS: dict[str, Estimator] = {each.name: each for each in (IPS(), SNIPS(), DM(), DR(), SNDR(), AdaptiveDR())}
#: Every estimator with one: `switch-dr:10` takes τ = 10, `switch-dr:slope` lets SLOPE choose it.
SHRUNK: dict[str, Callable[[float], Shrunk]] = {
    each.family: each for each in (ClippedIPS, ClippedDR, SwitchDR, OptimisticDR)
}
NAMES = f"{', '.join(ESTIMATORS)}, and with a number or `slope` behind a colon {', '.join(SHRUNK)}"


def named(names: Sequence[str]) -> list[Estimator]:
    """The estimators of these names, each once.

    Raises:
        InputError: No estimator has one of the names, or none was named.

    >>> [each.name for each in named(["ips", "switch-dr:10", "dr-os:slope"])]
    ['ips', 'switch-dr:10', 'dr-os:slope']
    """
    if not names:
        raise InputError(f"name at least one estimator; there are {NAMES}")
    return [_named(name) for name in dict.fromkeys(names)]


def _named(name: str) -> Estimator:
    family, _, parameter = name.partition(":")
    if name in ESTIMATORS:
        return ESTIMATORS[name]
    if family in SHRUNK and parameter == "slope":
        return Slope(SHRUNK[family], GRID)
    try:
        return SHRUNK[family](float(parameter))
    except (KeyError, ValueError) as error:
        raise InputError(f"no estimator is called {name!r}; there are {NAMES}") from error
