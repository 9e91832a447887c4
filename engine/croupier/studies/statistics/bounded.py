"""A nonasymptotic confidence sequence for bounded rewards: valid from the first unit on."""

from __future__ import annotations

import math

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.intervals.base import checked_level
from croupier.studies.statistics.scores import VariantPair, select_pair
from croupier.studies.statistics.sequences import Trajectory
from croupier.studies.statistics.windows import ClosedWindows, Matrix
from croupier_policies import Vector

BOUNDED_GUARANTEE = "empirical Bernstein confidence sequence for bounded rewards, nonasymptotic and anytime-valid"


def bernstein_sequence(
    windows: ClosedWindows,
    treatment: int,
    control: int,
    max_reward: float,
    min_probability: float,
    level: float = 0.95,
) -> Trajectory:
    """The difference of mean rewards per unit with a nonasymptotic confidence sequence, wider than an asymptotic one.

    The score s = y·(1{treatment}/p − 1{control}/(1 − p)) lies in [−B/f, B/f], f the least probability, and has the
    effect as its mean. Scaled to x in 0…1: Σλx/Σλ ± (log(2/α) + Σ (x − x̂)²·(−log(1 − λ) − λ))/Σλ with x̂ the running
    mean before x and λ = min(½, √(2·log(2/α)/(σ̂²·t·log(1 + t)))).

    Args:
        windows: Closed windows; the effect is assumed constant over time.
        treatment: Index of the treatment variant.
        control: Index of the control variant.
        max_reward: B, the largest reward of a unit's window; the least is 0.
        min_probability: f, the least probability of either variant, given that the unit is in one of the two.
        level: 1 − α.

    Returns:
        The effect after every unit.

    Raises:
        InputError: A reward is outside 0…B, or a probability is below f.

    Source: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2023, theorem 2.
    """
    alpha = 1 - checked_level(level)
    pair = select_pair(windows, treatment, control)
    y = windows.rewards[pair.row]
    if not ((y >= 0).all() and (y <= max_reward).all()):
        raise InputError(f"a unit's reward is below 0 or above max_reward={max_reward}: the interval would not hold")
    if not (np.minimum(pair.p, 1 - pair.p) >= min_probability).all():
        raise InputError(
            f"a variant's probability is below min_probability={min_probability}: the interval would not hold"
        )
    bound = max_reward / min_probability
    x = (_ipw_scores(pair, y) + bound) / (2 * bound)
    centre, width, p = mean_sequence(x, alpha)
    low, high = (np.clip(end, 0, 1) * 2 * bound - bound for end in (centre - width, centre + width))
    indicators: Matrix = np.column_stack([1 - pair.treated, pair.treated])
    at, units, value = windows.closed_at[pair.row], np.cumsum(indicators, axis=0), centre * 2 * bound - bound
    return Trajectory(at, units, units, value, low, high, np.minimum.accumulate(p), level, BOUNDED_GUARANTEE)


def _ipw_scores(pair: VariantPair, y: Vector) -> Vector:
    return y * (pair.treated / pair.p - (1 - pair.treated) / (1 - pair.p))


def mean_sequence(x: Vector, alpha: float) -> tuple[Vector, Vector, Vector]:
    """Confidence sequence for the mean of x in 0…1: centre, half-width, and p-value of the mean ½, after each row.

    Rows may depend on earlier rows. The parameter covered, at all times simultaneously with probability at least 1 − α,
    is the λ-weighted mean of the conditional expectations of the rows given the past; see `bernstein_sequence`.

    Args:
        x: Rows in order of time, shape (n,), each in 0…1.
        alpha: α.
    """
    t = np.arange(1.0, len(x) + 1)
    mean = (0.5 + np.cumsum(x)) / (t + 1)
    previous_mean = np.concatenate([[0.5], mean[:-1]])
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    previous_variance = np.concatenate([[0.25], variance[:-1]])
    bet = np.minimum(0.5, np.sqrt(2 * math.log(2 / alpha) / (previous_variance * t * np.log1p(t))))
    total, cost = np.cumsum(bet), np.cumsum((x - previous_mean) ** 2 * (-np.log1p(-bet) - bet))
    centre = np.cumsum(bet * x) / total
    p = 2 * np.exp(np.minimum(math.log(0.5), cost - total * np.abs(centre - 0.5)))
    return centre, (math.log(2 / alpha) + cost) / total, p
