"""What is analysed: one closed exposure window per unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from croupier.errors import InputError
from croupier_policies import Vector

Codes = NDArray[np.int64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """One row per unit whose window has closed, in the order in which windows closed.

    A unit belongs to the variant it met first, whatever it met later.

    Attributes:
        closes: When the window closed, in seconds, never falling, shape (n,).
        variant: Index of the variant that the unit met first, shape (n,).
        probability: Of every variant at that first meeting, the weights in force, shape (n, variants).
        rewards: Sum of the rewards of the decisions within the window, that came within it, shape (n,).
        decisions: Number of decisions within the window, shape (n,).
        covariate: Something known of the unit before it met the variant, shape (n,); None for nothing.
        segment: Index of the segment the unit was in before it met the variant, shape (n,); None for none.
        moved: Units that met another variant within their window, because weights had changed.
    """

    closes: Vector
    variant: Codes
    probability: Matrix
    rewards: Vector
    decisions: Vector
    covariate: Vector | None = None
    segment: Codes | None = None
    moved: int = 0

    def __post_init__(self) -> None:
        n = len(self.closes)
        columns = [self.variant, self.rewards, self.decisions, self.covariate, self.segment]
        if any(column is not None and column.shape != (n,) for column in columns) or len(self.probability) != n:
            raise InputError(f"every column needs the {n} rows of `closes`")
        if (np.diff(self.closes) < 0).any():
            raise InputError("rows are not in the order in which their windows closed: an analysis over time needs it")
        if n and not (self.probability[np.arange(n), self.variant] > 0).all():
            raise InputError("a unit met a variant that had probability 0: the weights in force are not these")
        if not all(np.isfinite(c).all() for c in (self.rewards, self.decisions, self.covariate) if c is not None):
            raise InputError("a reward, a number of decisions or a covariate is not finite")

    def __len__(self) -> int:
        return len(self.closes)

    def only(self, rows: NDArray[np.bool_]) -> Windows:
        """The units of a mask, shape (n,)."""
        return Windows(
            self.closes[rows],
            self.variant[rows],
            self.probability[rows],
            self.rewards[rows],
            self.decisions[rows],
            None if self.covariate is None else self.covariate[rows],
            None if self.segment is None else self.segment[rows],
            self.moved,
        )


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


def closed_windows(events: Events, window: float, until: float) -> Windows:
    """One row for each unit whose window, from its first decision on, had closed by `until`.

    Nothing that happens after a window has closed changes its row: that is what makes a look at any time honest. A
    running total of a unit goes on changing, and has no such guarantee.

    Args:
        events: Decisions and their rewards.
        window: Length of the window in seconds.
        until: The time of the look, in seconds.

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
    _, first, code = np.unique(sorted_.unit, return_index=True, return_inverse=True)
    ends = sorted_.at[first] + window
    within = sorted_.at < ends[code]
    earned = within & (sorted_.rewarded < ends[code])
    rewards = np.bincount(code[earned], sorted_.reward[earned], len(first)).astype(float)
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
