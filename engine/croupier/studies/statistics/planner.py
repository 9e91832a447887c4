"""Planning an experiment: units needed, duration, exploration cost, and whether it is worth running."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np

from croupier.errors import InputError
from croupier.studies.statistics.sequences import mixture_parameter

NORMAL = NormalDist()
_OPTIONS = {"prior_mean": "prior_mean (--believed)", "prior_sd": "prior_sd (--doubt)"}
Choice = Literal["do nothing", "experiment", "switch now"]


@dataclass(frozen=True)
class Assumptions:
    """What is assumed before an experiment.

    Attributes:
        sd: Standard deviation of a unit's reward over a window, after CUPED: sd·√(1 − correlation²).
        per_day: New units per day.
        window: Days until a unit's exposure window closes.
        horizon: Number of future units that the choice concerns.
        prior_mean: Mean of the normal prior of the difference per unit.
        prior_sd: Standard deviation of that prior, > 0.
        share: Share of units assigned to the candidate.
        cost: Fixed cost of running the experiment, in units of reward.
        level: 1 − α.

    Raises:
        InputError: A value is out of range.
    """

    sd: float
    per_day: float
    window: float
    horizon: float
    prior_mean: float = 0.0
    prior_sd: float = 0.01
    share: float = 0.5
    cost: float = 0.0
    level: float = 0.95

    def __post_init__(self) -> None:
        bounds = dict.fromkeys(("sd", "per_day", "window", "horizon", "prior_sd"), math.inf) | {"share": 1, "level": 1}
        for name, below in bounds.items():
            if not 0 < (value := getattr(self, name)) < below:
                wanted = "a positive number" if below == math.inf else "a number between 0 and 1"
                raise InputError(f"{_OPTIONS.get(name, name)} is {value}; give {wanted}")
        for name in ("prior_mean", "cost"):
            if not math.isfinite(value := getattr(self, name)):
                raise InputError(f"{_OPTIONS.get(name, name)} is {value}; give a finite number")


class Plan(NamedTuple):
    """The best choice. Values are expected rewards over the horizon, relative to doing nothing.

    Attributes:
        choice: The best of the three choices; "do nothing" if no other has a positive value.
        units: Units of the best experiment.
        days: Duration of the best experiment, including the last windows.
        experiment_value: Value of the best experiment, its costs deducted.
        switch_value: Value of switching to the candidate without an experiment.
        exploration_cost: Expected loss of the experiment's units against giving all of them the variant with the larger
            prior mean, plus the fixed cost.
    """

    choice: Choice
    units: int
    days: float
    experiment_value: float
    switch_value: float
    exploration_cost: float


def required_units(effect: float, assumptions: Assumptions, power: float = 0.8, *, sequential: bool = True) -> int:
    """Units of both variants needed to detect an effect with this power.

    Fixed horizon: (z_{1−α/2} + z_power)²·sd²/(share·(1 − share)·effect²). Sequential: the n at which a sequence that is
    tightest at n excludes 0 with this power; it usually stops earlier.

    Args:
        effect: The true difference per unit, not 0.
        assumptions: Supplies sd, share and level.
        power: Probability of detecting the effect.
        sequential: Whether a confidence sequence is used, or a fixed-horizon test.

    >>> assumptions = Assumptions(sd=1.0, per_day=100, window=7, horizon=1e6)
    >>> required_units(0.1, assumptions, sequential=False), required_units(0.1, assumptions)
    (3140, 6012)
    """
    alpha = 1 - assumptions.level
    width = _min_width(alpha) if sequential else NORMAL.inv_cdf(1 - alpha / 2)
    variance = assumptions.sd**2 / (assumptions.share * (1 - assumptions.share))
    return math.ceil((width + NORMAL.inv_cdf(power)) ** 2 * variance / effect**2)


def plan(assumptions: Assumptions) -> Plan:
    """The experiment of n units with the highest expected reward over the horizon N, against not experimenting.

    value(n) = share·n·m + (N − n − waiting)·E[δ·P(promoted | δ, n)] − cost, with δ ~ N(m, τ²), prior mean m and prior
    standard deviation τ. The candidate is promoted if the sequence, tightest at n, has its lower bound above 0 at n.
    Units that arrive while the last windows close are assigned to the champion.

    >>> assumptions = Assumptions(sd=1.0, per_day=1_000, window=7, horizon=1e6, prior_sd=0.05)
    >>> plan(assumptions).choice, plan(Assumptions(1.0, 1_000, 7, horizon=2_000, prior_sd=0.001, cost=5.0)).choice
    ('experiment', 'do nothing')
    """
    m, n_all = assumptions.prior_mean, assumptions.horizon
    sizes = np.unique(np.geomspace(min(100.0, n_all), n_all, 200).astype(int))
    values = np.array([_value(int(n), assumptions) for n in sizes])
    best = int(values.argmax())
    n, value, switch = int(sizes[best]), float(values[best]), n_all * m
    choices: dict[Choice, float] = {"do nothing": 0.0, "switch now": switch, "experiment": value}
    choice = max(choices, key=lambda name: choices[name])
    exploration_cost = n * max(m, 0.0) - assumptions.share * n * m + assumptions.cost
    return Plan(choice, n, n / assumptions.per_day + assumptions.window, value, switch, exploration_cost)


def _value(n: int, assumptions: Assumptions) -> float:
    z, weight = np.polynomial.hermite_e.hermegauss(60)
    delta = assumptions.prior_mean + assumptions.prior_sd * z
    error = assumptions.sd / math.sqrt(n * assumptions.share * (1 - assumptions.share))
    promoted = np.array([NORMAL.cdf(d / error - _min_width(1 - assumptions.level)) for d in delta])
    gain = float((weight / weight.sum()) @ (delta * promoted))
    remaining = max(0.0, assumptions.horizon - n - assumptions.per_day * assumptions.window)
    return assumptions.share * n * assumptions.prior_mean + remaining * gain - assumptions.cost


def _min_width(alpha: float) -> float:
    """Half-width of a confidence sequence at its tightest, in standard errors."""
    a = mixture_parameter(alpha)
    return math.sqrt(2 * (1 + 1 / a) * math.log(math.sqrt(1 + a) / alpha))
