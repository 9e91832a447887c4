"""Before an experiment: how many units it needs, how long that takes, what it costs, and whether to run it at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np

from croupier.errors import InputError
from croupier.studies.statistics.sequences import mixture

NORMAL = NormalDist()
Choice = Literal["do nothing", "experiment", "switch now"]


@dataclass(frozen=True)
class Prospect:
    """What is known before.

    Attributes:
        sd: Standard deviation of a unit's reward over a window, after CUPED: sd·√(1 − correlation²).
        per_day: Units that meet the experiment for the first time, each day.
        window: Days until a unit's window has closed.
        horizon: Units that will come after today, for whom the choice is made.
        believed: Mean of what one believes about the difference per unit.
        doubt: Standard deviation of that belief, > 0.
        share: Of units that meet the candidate.
        cost: Of running the experiment at all, in units of reward.
        level: 1 − α.
    """

    sd: float
    per_day: float
    window: float
    horizon: float
    believed: float = 0.0
    doubt: float = 0.01
    share: float = 0.5
    cost: float = 0.0
    level: float = 0.95

    def __post_init__(self) -> None:
        positive = self.sd, self.per_day, self.window, self.horizon, self.doubt
        if not all(0 < value < math.inf for value in positive) or not 0 < self.share < 1 or not 0 < self.level < 1:
            raise InputError(
                f"sd, per_day, window, horizon, doubt are positive, share and level between 0 and 1: {self}"
            )


class Plan(NamedTuple):
    """What to do. Values are expected rewards over the horizon, as differences from doing nothing.

    Attributes:
        choice: The best of the three; "do nothing" where the others are worth no more than that.
        units: Units of the best experiment.
        days: Its length, the last windows included.
        experiment: Its value, its costs paid.
        switch_now: The value of changing without evidence.
        exploring: What its units are expected to lose, against giving each the better of what one believes now.
    """

    choice: Choice
    units: int
    days: float
    experiment: float
    switch_now: float
    exploring: float


def units_for(effect: float, prospect: Prospect, power: float = 0.8, *, sequential: bool = True) -> int:
    """Units of both variants until an effect is found with this power.

    Fixed horizon: (z_{1−α/2} + z_power)²·sd²/(share·(1 − share)·effect²). Sequential: the n, with the sequence tightest
    there, at which it has stopped with this power, by the value at n alone: it will mostly have stopped before.

    Args:
        effect: The true difference per unit, not 0.
        prospect: For sd, share and level.
        power: Chance to find it.
        sequential: With an always-valid sequence, or with one look.

    >>> people = Prospect(sd=1.0, per_day=100, window=7, horizon=1e6)
    >>> units_for(0.1, people, sequential=False), units_for(0.1, people)
    (3140, 6012)
    """
    alpha = 1 - prospect.level
    reach = _reach(alpha) if sequential else NORMAL.inv_cdf(1 - alpha / 2)
    spread = prospect.sd**2 / (prospect.share * (1 - prospect.share))
    return math.ceil((reach + NORMAL.inv_cdf(power)) ** 2 * spread / effect**2)


def plan(prospect: Prospect) -> Plan:
    """The number of units n with the highest expected reward over the horizon N, beside the two ways without evidence.

    value(n) = share·n·m + (N − n − waiting)·E[δ·P(promoted | δ, n)] − cost, δ ~ N(m, τ²) for belief m and doubt τ. The
    candidate is promoted where the sequence, tightest at n, has its lower end above 0 at n. Units that come while the
    last windows close meet the champion.

    >>> people = Prospect(sd=1.0, per_day=1_000, window=7, horizon=1e6, doubt=0.05)
    >>> plan(people).choice, plan(Prospect(1.0, 1_000, 7, horizon=2_000, doubt=0.001, cost=5.0)).choice
    ('experiment', 'do nothing')
    """
    m, n_all = prospect.believed, prospect.horizon
    sizes = np.unique(np.geomspace(min(100.0, n_all), n_all, 200).astype(int))
    values = np.array([_value(int(n), prospect) for n in sizes])
    best = int(values.argmax())
    n, value, switch = int(sizes[best]), float(values[best]), n_all * m
    choices: dict[Choice, float] = {"do nothing": 0.0, "switch now": switch, "experiment": value}
    choice = max(choices, key=lambda name: choices[name])
    exploring = n * max(m, 0.0) - prospect.share * n * m + prospect.cost
    return Plan(choice, n, n / prospect.per_day + prospect.window, value, switch, exploring)


def _value(n: int, prospect: Prospect) -> float:
    z, weight = np.polynomial.hermite_e.hermegauss(60)
    delta = prospect.believed + prospect.doubt * z
    error = prospect.sd / math.sqrt(n * prospect.share * (1 - prospect.share))
    promoted = np.array([NORMAL.cdf(d / error - _reach(1 - prospect.level)) for d in delta])
    gain = float((weight / weight.sum()) @ (delta * promoted))
    left = max(0.0, prospect.horizon - n - prospect.per_day * prospect.window)
    return prospect.share * n * prospect.believed + left * gain - prospect.cost


def _reach(alpha: float) -> float:
    """Standard errors between a sequence's value and its ends where it is tightest."""
    a = mixture(alpha)
    return math.sqrt(2 * (1 + 1 / a) * math.log(math.sqrt(1 + a) / alpha))
