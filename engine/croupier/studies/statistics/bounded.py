"""A confidence sequence for bounded rewards that holds at every number of units, not only in the limit."""

from __future__ import annotations

import math

import numpy as np

from croupier.errors import InputError
from croupier.evaluation.intervals.base import checked_level
from croupier.studies.statistics.scores import Pair, paired
from croupier.studies.statistics.sequences import Course
from croupier.studies.statistics.windows import Matrix, Windows
from croupier_policies import Vector

BOUNDED = "confidence sequence (empirical Bernstein), bounded rewards, any number of units and looks"


def bernstein_sequence(
    windows: Windows, treatment: int, control: int, largest: float, floor: float, level: float = 0.95
) -> Course:
    """The difference of mean rewards per unit, nonasymptotic: wide, and to be relied on from the first unit.

    The score s = y·(1{treatment}/p − 1{control}/(1 − p)) lies in [−B/floor, B/floor] and has the effect as its mean.
    Scaled to x in 0…1: Σλx/Σλ ± (log(2/α) + Σ (x − x̂)²·(−log(1 − λ) − λ))/Σλ with x̂ the
    running mean before x and λ = min(½, √(2·log(2/α)/(σ̂²·t·log(1 + t)))).

    Args:
        windows: Closed windows; the effect is taken to be the same for the units of every time.
        treatment: Index of a variant.
        control: Index of another.
        largest: B, the most that a unit's window can earn; the least is 0.
        floor: The least probability, within the two, that either variant may ever have.
        level: 1 − α.

    Raises:
        InputError: A reward is outside 0…B, or a probability below the floor.

    Source: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2023, theorem 2.
    """
    alpha = 1 - checked_level(level)
    pair = paired(windows, treatment, control)
    y = windows.rewards[pair.row]
    if not ((y >= 0).all() and (y <= largest).all()):
        raise InputError(f"a unit earned less than 0 or more than the {largest} that was declared")
    if not (np.minimum(pair.p, 1 - pair.p) >= floor).all():
        raise InputError(f"a variant had a smaller probability than the floor {floor} that was declared")
    bound = largest / floor
    x = (_scored(pair, y) + bound) / (2 * bound)
    centre, reach, least = mean_sequence(x, alpha)
    low, high = (np.clip(end, 0, 1) * 2 * bound - bound for end in (centre - reach, centre + reach))
    sides: Matrix = np.column_stack([1 - pair.treated, pair.treated])
    at, units, value = windows.closes[pair.row], np.cumsum(sides, axis=0), centre * 2 * bound - bound
    return Course(at, units, units, value, low, high, np.minimum.accumulate(least), level, BOUNDED)


def _scored(pair: Pair, y: Vector) -> Vector:
    return y * (pair.treated / pair.p - (1 - pair.treated) / (1 - pair.p))


def mean_sequence(x: Vector, alpha: float) -> tuple[Vector, Vector, Vector]:
    """Centre and reach of the interval for the mean of x in 0…1, and the p-value of the mean ½, after each row.

    The rows may depend on those before: what is covered, at all times together with probability at least 1 − α, is
    the mean of the expectations of each row given the past, weighted by λ; see `bernstein_sequence`.

    Args:
        x: Rows in order of time, shape (n,), each in 0…1.
        alpha: α.
    """
    t = np.arange(1.0, len(x) + 1)
    mean = (0.5 + np.cumsum(x)) / (t + 1)
    before = np.concatenate([[0.5], mean[:-1]])
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    spread = np.concatenate([[0.25], variance[:-1]])
    bet = np.minimum(0.5, np.sqrt(2 * math.log(2 / alpha) / (spread * t * np.log1p(t))))
    total, cost = np.cumsum(bet), np.cumsum((x - before) ** 2 * (-np.log1p(-bet) - bet))
    centre = np.cumsum(bet * x) / total
    p = 2 * np.exp(np.minimum(math.log(0.5), cost - total * np.abs(centre - 0.5)))
    return centre, (math.log(2 / alpha) + cost) / total, p
