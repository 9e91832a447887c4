"""Closed exposure windows from the decisions and rewards of an experiment."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier.errors import InputError
from croupier.studies.statistics.windows import ClosedWindows, IntVector, Matrix
from croupier_policies import Vector


class Events(NamedTuple):
    """Decisions of an experiment, one per row, in any order.

    Attributes:
        unit: The unit, shape (m,), of any sortable type.
        variant: Index of the variant that decided, shape (m,).
        at: Time of the decision, in seconds, shape (m,).
        reward: Reward of the decision, shape (m,); ignored where `rewarded_at` is NaN.
        rewarded_at: Time from which the reward counts, in seconds, shape (m,); NaN if there is none.
        probability: Probability of every variant at the decision, shape (m, variants).
        covariate: A number known of the unit before the experiment, shape (m,), or None.
        segment: Index of the unit's segment, known before the experiment, shape (m,), or None.
    """

    unit: NDArray[np.generic]
    variant: IntVector
    at: Vector
    reward: Vector
    rewarded_at: Vector
    probability: Matrix
    covariate: Vector | None = None
    segment: IntVector | None = None

    def select(self, rows: IntVector) -> Events:
        """These rows, in this order."""
        unit, variant, at, reward, rewarded_at, probability, covariate, segment = self
        return Events(
            unit[rows],
            variant[rows],
            at[rows],
            reward[rows],
            rewarded_at[rows],
            probability[rows],
            None if covariate is None else covariate[rows],
            None if segment is None else segment[rows],
        )


class MetricEvents(NamedTuple):
    """Events of a metric other than the reward, one per row, in any order.

    Attributes:
        unit: The unit, shape (k,).
        at: Time of the event, in seconds, shape (k,).
        value: The amount it adds to the metric, shape (k,).
    """

    unit: NDArray[np.generic]
    at: Vector
    value: Vector


def closed_windows(
    events: Events, window: float, until: float, metric_events: MetricEvents | None = None
) -> ClosedWindows:
    """One row for each unit whose window, which opens at its first decision, had closed by `until`.

    Later events never change the row of a closed window, which is what makes repeated looks valid. A running total per
    unit changes with every event and has no such guarantee.

    Args:
        events: Decisions and their rewards.
        window: Length of the window, in seconds.
        until: Time of the look, in seconds.
        metric_events: Summed per unit within its window in place of the rewards of its decisions.

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
    in_order = events.select(np.argsort(events.at, kind="stable"))
    units, first, code = np.unique(in_order.unit, return_index=True, return_inverse=True)
    ends = in_order.at[first] + window
    within = in_order.at < ends[code]
    if metric_events is None:
        counted = within & (in_order.rewarded_at < ends[code])
        rewards = np.bincount(code[counted], in_order.reward[counted], len(first)).astype(float)
    else:
        rewards = _sums_within(metric_events, units, in_order.at[first], ends)
    decisions = np.bincount(code[within], minlength=len(first)).astype(float)
    changed = within & (in_order.variant != in_order.variant[first][code])
    reassigned = np.bincount(code[changed], minlength=len(first)) > 0
    closed = np.argsort(ends, kind="stable")
    closed = closed[ends[closed] <= until]
    rows = first[closed]
    covariate, segment = (None if c is None else c[rows] for c in (in_order.covariate, in_order.segment))
    return ClosedWindows(
        ends[closed],
        in_order.variant[rows],
        in_order.probability[rows],
        rewards[closed],
        decisions[closed],
        covariate,
        segment,
        int(reassigned[closed].sum()),
    )


def _sums_within(metric_events: MetricEvents, units: NDArray[np.generic], starts: Vector, ends: Vector) -> Vector:
    """Sum of the values of each unit with start ≤ at < end, shape (n,)."""
    index = np.minimum(np.searchsorted(units, metric_events.unit), max(len(units) - 1, 0))
    known = units[index] == metric_events.unit if len(units) else np.zeros(len(index), dtype=bool)
    index, at, value = index[known], metric_events.at[known], metric_events.value[known]
    within = (at >= starts[index]) & (at < ends[index])
    total: Vector = np.bincount(index[within], value[within], len(units)).astype(float)
    return total
