"""A confidence sequence by betting: anytime-valid, also while the logging policy learns, and additive over partitions.

A bet of the fraction μ·V/(1 + μV) that the next term x exceeds V multiplies the wealth by (1 + μx)/(1 + μV). If V is
the value, the wealth is a martingale with initial value 1 under any logging policy, so it ever reaches 1/α with a
probability of at most α (Ville); every V under which it has reached 1/α is excluded. The rows enter only through
Σ log(1 + μx), one number per bet, and V only at the end. If the value changes along the log, V is its mean: by the
concavity of log(1 + μV), the wealth at the mean is no larger than the martingale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import numpy as np

from croupier.evaluation.estimators.base import Estimator, EstimatorInputs
from croupier.evaluation.estimators.moments import SampleMoments
from croupier.evaluation.intervals.base import (
    Interval,
    IntervalAccumulator,
    LogBounds,
    Terms,
    error_rate,
    guarantee_text,
)
from croupier.evaluation.intervals.bernstein import term_bounds
from croupier_policies import Vector

SEQUENCE = "confidence sequence (betting), anytime-valid, any logging policy"
BETS: Vector = np.exp2(np.arange(-20.0, 13.0))  # μ, for terms on the scale of the reward range
SMALL: Vector = BETS[BETS < 1.0]  # those that a floor may permit: the maximal weight is at least 1
#: By estimator the bets that its terms exceed V, that w·(1 − s) exceeds 1 − V, and that its terms are below V.
SIDES = {"ips": (BETS, BETS, -SMALL), "dr": (SMALL, SMALL[:0], -SMALL)}
CHUNK = 16  # factors multiplied before a logarithm is taken


class Bets(NamedTuple):
    """The part of the wealth that does not depend on V: n rows, and Σ log(1 + μx) for each bet μ, shape (m,)."""

    n: int
    mu: Vector
    logs: Vector

    @classmethod
    def empty(cls, mu: Vector) -> Bets:
        """The bets before the first row."""
        return cls(0, mu, np.zeros(len(mu)))

    def with_terms(self, x: Vector) -> Bets:
        """The bets after one more batch of terms, shape (n,)."""
        return Bets(self.n + len(x), self.mu, self.logs + log_factors(x, self.mu))

    def within_bounds(self, below: float, above: float) -> Bets:
        """The bets that no term within these bounds can bankrupt."""
        ends = [np.zeros(len(self.mu)) if end == 0.0 else self.mu * end for end in (below, above)]
        kept = np.minimum(*ends) > -1.0
        return Bets(self.n, self.mu[kept], self.logs[kept])

    def log_evidence(self, value: float) -> float:
        """log of the mean over the bets of Π (1 + μx)/(1 + μV): the evidence against V."""
        wealth = self.logs - self.n * np.log1p(self.mu * value)
        return float(np.logaddexp.reduce(wealth) - np.log(len(wealth))) if len(wealth) else 0.0

    def __add__(self, later: Bets) -> Bets:  # type: ignore[override] # a sum, not the concatenation of tuples
        return Bets(self.n + later.n, self.mu, self.logs + later.logs)


def log_factors(x: Vector, mu: Vector) -> Vector:
    """Σ log(1 + μx) over a batch for each bet μ, shape (m,); −∞ where a factor is not above 0.

    Args:
        x: Terms, shape (n,).
        mu: Bets, shape (m,).

    >>> log_factors(np.array([1.0, 3.0]), np.array([1.0])).round(6).tolist()  # log 2 + log 4
    [2.079442]
    """
    whole = len(x) - len(x) % CHUNK
    result, factors = np.empty(len(mu)), np.empty(len(x))
    with np.errstate(divide="ignore"):
        for k, bet in enumerate(mu):
            np.multiply(x, bet, out=factors)
            factors += 1.0
            np.maximum(factors, 0.0, out=factors)
            products = np.multiply.reduce(
                factors[:whole].reshape(CHUNK, -1), axis=0
            )  # contiguous rows, multiplied elementwise
            result[k] = np.log(products).sum() + np.log(factors[whole:]).sum()
    return result


class Betting(IntervalAccumulator):
    """A confidence sequence for IPS and for DR.

    With s = (r − low)/(high − low), the lower end bets on w·s, and the upper end on w·(1 − s), whose mean is at most
    1 − V; neither needs a bound on w. Under a floor (w ≤ W) there are also bets −μ > −1/W on w·s. For DR half of the
    stake is on its own terms, as far as the floor permits, and the other half as for IPS.

    Args:
        estimators: The estimators; the sequence is available for `ips` and `dr`.
        bounds: The bounds of rewards and weights.

    Source: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2024; Waudby-Smith,
    Wu, Ramdas, Karampatziakis & Mineiro, "Anytime-valid off-policy inference for contextual bandits", 2022, section 3;
    mixture over constant bets as in Cover's universal portfolios.
    """

    def __init__(self, estimators: Sequence[Estimator], bounds: LogBounds) -> None:
        self.bounds = bounds
        requested = {each.name for each in estimators}
        names = [name for name in SIDES if name in requested or (name == "ips" and "dr" in requested)]
        self.bets = {name: [Bets.empty(side) for side in SIDES[name]] for name in names}
        self.range = dict.fromkeys(names, (0.0, 0.0))

    def add(self, inputs: EstimatorInputs, terms: Terms) -> None:
        """Place the bets of a batch."""
        low, high, *_ = self.bounds
        scaled = (inputs.r - low) / (high - low)
        own = (inputs.v + inputs.w * (inputs.r - inputs.q) - low) / (high - low)
        self.place(inputs.w * scaled, inputs.w * (1.0 - scaled), own)

    def place(self, gains: Vector, losses: Vector, own: Vector) -> None:
        """Place the bets of a batch, shape (n,) each.

        Args:
            gains: Non-negative terms of mean at most V, for V on the scale of [0, 1].
            losses: Non-negative terms of mean at most 1 − V.
            own: Terms of any sign with mean V.
        """
        for name, (above, complement, below) in self.bets.items():
            x = gains if name == "ips" else own
            self.bets[name] = [above.with_terms(x), complement.with_terms(losses), below.with_terms(x)]
            least, most = self.range[name]
            self.range[name] = (min(least, float(x.min(initial=0.0))), max(most, float(x.max(initial=0.0))))

    def interval(
        self, estimator: Estimator, moments: SampleMoments, level: float, comparisons: int = 1
    ) -> Interval | None:
        """The interval of IPS or DR; None for other estimators, and where a term violates the declared floor."""
        if estimator.name not in SIDES or not all(map(self._within_declared_bounds, self.bets)):
            return None
        names = [name for name in self.bets if name in ("ips", estimator.name)]
        low, high, *_ = self.bounds
        ends = self._ends(names, float(np.log(2 / error_rate(level, comparisons))))
        lower, upper = (low + (high - low) * end for end in ends)
        return Interval(lower, upper, level, guarantee_text(SEQUENCE, estimator, comparisons))

    def _bounds(self, name: str) -> tuple[float, float]:
        bounds = term_bounds(name, LogBounds(0.0, 1.0, self.bounds.max_weight))
        if bounds is not None:
            return bounds
        return (0.0, np.inf) if name == "ips" else (-np.inf, np.inf)

    def _within_declared_bounds(self, name: str) -> bool:
        """Whether every term was within its bounds, up to rounding."""
        (below, above), (least, most) = self._bounds(name), self.range[name]
        return least >= below - 1e-9 * (1 + abs(below)) and most <= above * (1 + 1e-9)

    def _ends(self, names: Sequence[str], most: float) -> tuple[float, float]:
        above, below = [], []
        for name in names:
            bounds = self._bounds(name)
            high, complement, low = (each.within_bounds(*bounds) for each in self.bets[name])
            above += [high] if len(high.mu) else []
            below += [(each, sign) for each, sign in ((complement, -1.0), (low, 1.0)) if len(each.mu)]

        def lower_evidence(value: float) -> float:
            return _log_mean([each.log_evidence(value) for each in above])

        def upper_evidence(short: float) -> float:
            """The evidence against V = 1 − short as an upper end."""
            return _log_mean([each.log_evidence(short if sign < 0 else 1.0 - short) for each, sign in below])

        return _lower_end(lower_evidence, most), 1.0 - _lower_end(upper_evidence, most)

    def __add__(self, later: Self) -> Self:
        for name, bets in self.bets.items():
            self.bets[name] = [mine + theirs for mine, theirs in zip(bets, later.bets[name], strict=True)]
            (a, b), (c, d) = self.range[name], later.range[name]
            self.range[name] = (min(a, c), max(b, d))
        return self


def _log_mean(logs: Sequence[float]) -> float:
    """The log of the mean of several wealths; 0 where there is none."""
    return float(np.logaddexp.reduce(logs) - np.log(len(logs))) if len(logs) else 0.0


def _lower_end(log_evidence: Callable[[float], float], threshold: float) -> float:
    """The least value in [0, 1] that is not excluded, for evidence that decreases in the value."""
    from scipy.optimize import brentq

    if log_evidence(0.0) < threshold:
        return 0.0
    return (
        1.0
        if log_evidence(1.0) >= threshold
        else float(brentq(lambda value: log_evidence(value) - threshold, 0.0, 1.0, xtol=1e-13))
    )
