"""Closed exposure windows from the decisions and rewards of an experiment."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier.errors import InputError
from croupier.studies.statistics.windows import Codes, Matrix, Windows
from croupier_policies import Vector


class Events(NamedTuple):
    """Decisions of an experiment, one a row, in any order.

    Attributes:
        unit: Whose decision it is, shape (m,), of any sortable kind.
        variant: Index of the variant that made it, shape (m,).
        at: When, in seconds, shape (m,).
        reward: What it earned, shape (m,); anything where nothing came.
        rewarded: When that came, in seconds, shape (m,); NaN where nothing came.
        probability: Of every variant at the decision, shape (m, variants).
        covariate: Of the unit, from before, shape (m,), or None.
        segment: Of the unit, from before, shape (m,), or None.
    """

    unit: NDArray[np.generic]
    variant: Codes
    at: Vector
    reward: Vector
    rewarded: Vector
    probability: Matrix
    covariate: Vector | None = None
    segment: Codes | None = None

    def only(self, rows: Codes) -> Events:
        """These rows, in this order."""
        unit, variant, at, reward, rewarded, probability, covariate, segment = self
        return Events(
            unit[rows],
            variant[rows],
            at[rows],
            reward[rows],
            rewarded[rows],
            probability[rows],
            None if covariate is None else covariate[rows],
            None if segment is None else segment[rows],
        )


class Outcomes(NamedTuple):
    """Something units did, one a row, in any order: another metric than the reward.

    Attributes:
        unit: Who, shape (k,).
        at: When, in seconds, shape (k,).
        value: How much, shape (k,).
    """

    unit: NDArray[np.generic]
    at: Vector
    value: Vector


def closed_windows(events: Events, window: float, until: float, outcomes: Outcomes | None = None) -> Windows:
    """One row for each unit whose window, from its first decision on, had closed by `until`.

    Nothing that happens after a window has closed changes its row: that is what makes a look at any time honest. A
    running total of a unit goes on changing, and has no such guarantee.

    Args:
        events: Decisions and their rewards.
        window: Length of the window in seconds.
        until: The time of the look, in seconds.
        outcomes: What counts instead of the rewards of decisions: everything of the unit within its window.

    Raises:
        InputError: The window is not a positive number.

    >>> two = Events(np.array(["u", "u"]), np.array([1, 1]), np.array([0.0, 5.0]), np.array([1.0, 1.0]),
    ...              np.array([2.0, 99.0]), np.full((2, 2), 0.5))
    >>> row = closed_windows(two, window=10.0, until=20.0)
    >>> row.rewards, row.decisions
    (array([1.]), array([2.]))
    """
    if not 0 < window < float("inf"):
        raise InputError(f"the exposure window is {window} seconds; give a positive number")
    order = np.argsort(events.at, kind="stable")
    sorted_ = events.only(order)
    units, first, code = np.unique(sorted_.unit, return_index=True, return_inverse=True)
    ends = sorted_.at[first] + window
    within = sorted_.at < ends[code]
    if outcomes is None:
        earned = within & (sorted_.rewarded < ends[code])
        rewards = np.bincount(code[earned], sorted_.reward[earned], len(first)).astype(float)
    else:
        rewards = _during(outcomes, units, sorted_.at[first], ends)
    decisions = np.bincount(code[within], minlength=len(first)).astype(float)
    elsewhere = np.bincount(code[within & (sorted_.variant != sorted_.variant[first][code])], minlength=len(first)) > 0
    kept = np.argsort(ends, kind="stable")
    kept = kept[ends[kept] <= until]
    rows = first[kept]
    covariate, segment = (None if c is None else c[rows] for c in (sorted_.covariate, sorted_.segment))
    return Windows(
        ends[kept],
        sorted_.variant[rows],
        sorted_.probability[rows],
        rewards[kept],
        decisions[kept],
        covariate,
        segment,
        int(elsewhere[kept].sum()),
    )


def _during(outcomes: Outcomes, units: NDArray[np.generic], starts: Vector, ends: Vector) -> Vector:
    """Sum of the outcomes of each unit with start ≤ at < end, shape (n,)."""
    place = np.minimum(np.searchsorted(units, outcomes.unit), max(len(units) - 1, 0))
    known = units[place] == outcomes.unit if len(units) else np.zeros(len(place), dtype=bool)
    place, at, value = place[known], outcomes.at[known], outcomes.value[known]
    counts = (at >= starts[place]) & (at < ends[place])
    total: Vector = np.bincount(place[counts], value[counts], len(units)).astype(float)
    return total
