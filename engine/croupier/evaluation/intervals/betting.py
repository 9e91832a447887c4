"""A confidence sequence from bets: it holds at every look, while the logging policy learns, and its parts can be added.

Whoever bets the fraction μ·V/(1 + μV) that the next term x is above V multiplies their wealth by (1 + μx)/(1 + μV).
If V was right, that wealth is a martingale that starts at 1, whatever chooses the action, so it ever reaches 1/α with
probability at most α (Ville): a V under which it has, is out. The rows enter as Σ log(1 + μx) alone, one number per
bet; V comes in at the end. If the value changes along the log, V is the mean of what it was: by the concavity of
log(1 + μV) the wealth at the mean is no larger than the martingale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import numpy as np

from croupier.evaluation.estimators.base import Columns, Estimator
from croupier.evaluation.estimators.moments import Moments
from croupier.evaluation.intervals.base import Gathering, Interval, Setting, Terms, miss, named_guarantee
from croupier.evaluation.intervals.bernstein import term_bounds
from croupier_policies import Vector

SEQUENCE = "confidence sequence (betting), any time, any logging policy"
BETS: Vector = np.exp2(np.arange(-20.0, 13.0))  # μ, for terms on the scale of the reward range
SMALL: Vector = BETS[BETS < 1.0]  # those that a floor may allow: a weight of 1 there always is
#: By estimator the bets on its terms being above V, on w·(1 − s) being above 1 − V, and on its terms being below V.
SIDES = {"ips": (BETS, BETS, -SMALL), "dr": (SMALL, SMALL[:0], -SMALL)}
CHUNK = 16  # factors multiplied before a logarithm is taken


class Bets(NamedTuple):
    """Wealth before V is known: n rows, and for each bet μ the sum Σ log(1 + μx), shape (m,) each."""

    n: int
    mu: Vector
    logs: Vector

    @classmethod
    def on(cls, mu: Vector) -> Bets:
        """Before the first row."""
        return cls(0, mu, np.zeros(len(mu)))

    def placed(self, x: Vector) -> Bets:
        """With the terms of one more batch, shape (n,)."""
        return Bets(self.n + len(x), self.mu, self.logs + log_factors(x, self.mu))

    def possible(self, below: float, above: float) -> Bets:
        """Those that no term between these bounds could have ruined; all of equal stake."""
        ends = [np.zeros(len(self.mu)) if end == 0.0 else self.mu * end for end in (below, above)]
        kept = np.minimum(*ends) > -1.0
        return Bets(self.n, self.mu[kept], self.logs[kept])

    def against(self, value: float) -> float:
        """log of the mean over the bets of Π (1 + μx)/(1 + μV): the evidence against V."""
        wealth = self.logs - self.n * np.log1p(self.mu * value)
        return float(np.logaddexp.reduce(wealth) - np.log(len(wealth))) if len(wealth) else 0.0

    def __add__(self, later: Bets) -> Bets:  # type: ignore[override] # adds up, where a tuple would append
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
            products = np.multiply.reduce(factors[:whole].reshape(CHUNK, -1), axis=0)  # rows wide apart, side by side
            result[k] = np.log(products).sum() + np.log(factors[whole:]).sum()
    return result


class Betting(Gathering):
    """A confidence sequence for IPS and for DR.

    With s = (r − low)/(high − low): lower bets on w·s, upper bets on w·(1 − s), whose mean is at most 1 − V; neither
    needs a bound on w. With a floor (w ≤ W) also bets of −μ > −1/W on w·s. For DR half the stakes are on its own terms,
    on either side, as far as a floor allows; the other half as for IPS.

    Args:
        estimators: Of which `ips` and `dr` can be had.
        setting: Reward range and floor.

    Source: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2024; Waudby-Smith,
    Wu, Ramdas, Karampatziakis & Mineiro, "Anytime-valid off-policy inference for contextual bandits", 2022, section 3;
    mixture over constant bets as in Cover's universal portfolios.
    """

    def __init__(self, estimators: Sequence[Estimator], setting: Setting) -> None:
        self.setting = setting
        asked = {each.name for each in estimators}
        names = [name for name in SIDES if name in asked or (name == "ips" and "dr" in asked)]
        self.bets = {name: [Bets.on(side) for side in SIDES[name]] for name in names}
        self.range = dict.fromkeys(names, (0.0, 0.0))

    def add(self, columns: Columns, terms: Terms) -> None:
        """Place the bets of a batch."""
        low, high, *_ = self.setting
        scaled = (columns.r - low) / (high - low)
        own = (columns.v + columns.w * (columns.r - columns.q) - low) / (high - low)
        self.place(columns.w * scaled, columns.w * (1.0 - scaled), own)

    def place(self, gains: Vector, losses: Vector, own: Vector) -> None:
        """Place the bets of a batch, shape (n,) each.

        Args:
            gains: Terms of at least 0 whose mean is at most V, for V on the scale of 0 to 1.
            losses: Terms of at least 0 whose mean is at most 1 − V.
            own: Terms of either sign whose mean is V.
        """
        for name, (above, flipped, below) in self.bets.items():
            x = gains if name == "ips" else own
            self.bets[name] = [above.placed(x), flipped.placed(losses), below.placed(x)]
            least, most = self.range[name]
            self.range[name] = (min(least, float(x.min(initial=0.0))), max(most, float(x.max(initial=0.0))))

    def interval(self, estimator: Estimator, moments: Moments, level: float, comparisons: int = 1) -> Interval | None:
        """Of IPS and DR; None for the others, and where a term is not what the declared floor allows."""
        if estimator.name not in SIDES or not all(map(self._as_declared, self.bets)):
            return None
        names = [name for name in self.bets if name in ("ips", estimator.name)]
        low, high, *_ = self.setting
        ends = self._ends(names, float(np.log(2 / miss(level, comparisons))))
        lower, upper = (low + (high - low) * end for end in ends)
        return Interval(lower, upper, level, named_guarantee(SEQUENCE, estimator, comparisons))

    def _bounds(self, name: str) -> tuple[float, float]:
        bounds = term_bounds(name, Setting(0.0, 1.0, self.setting.weight))
        if bounds is not None:
            return bounds
        return (0.0, np.inf) if name == "ips" else (-np.inf, np.inf)

    def _as_declared(self, name: str) -> bool:
        """Whether no term was outside its bounds, but for rounding."""
        (below, above), (least, most) = self._bounds(name), self.range[name]
        return least >= below - 1e-9 * (1 + abs(below)) and most <= above * (1 + 1e-9)

    def _ends(self, names: Sequence[str], most: float) -> tuple[float, float]:
        above, below = [], []
        for name in names:
            bounds = self._bounds(name)
            high, flipped, low = (each.possible(*bounds) for each in self.bets[name])
            above += [high] if len(high.mu) else []
            below += [(each, sign) for each, sign in ((flipped, -1.0), (low, 1.0)) if len(each.mu)]

        def as_low(value: float) -> float:
            return _together([each.against(value) for each in above])

        def as_high(short: float) -> float:
            """The evidence against V = 1 − short being as high as that."""
            return _together([each.against(short if sign < 0 else 1.0 - short) for each, sign in below])

        return _edge(as_low, most), 1.0 - _edge(as_high, most)

    def __add__(self, later: Self) -> Self:
        for name, bets in self.bets.items():
            self.bets[name] = [mine + theirs for mine, theirs in zip(bets, later.bets[name], strict=True)]
            (a, b), (c, d) = self.range[name], later.range[name]
            self.range[name] = (min(a, c), max(b, d))
        return self


def _together(logs: Sequence[float]) -> float:
    """log of the mean of several fortunes, which is one again; 0 where there is none."""
    return float(np.logaddexp.reduce(logs) - np.log(len(logs))) if len(logs) else 0.0


def _edge(against: Callable[[float], float], most: float) -> float:
    """The least value in [0, 1] that is not out, where the evidence falls as the value grows; 0 where none is out."""
    from scipy.optimize import brentq

    if against(0.0) < most:
        return 0.0
    return 1.0 if against(1.0) >= most else float(brentq(lambda value: against(value) - most, 0.0, 1.0, xtol=1e-13))
