"""The unit of analysis: one closed exposure window per unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from croupier.errors import InputError
from croupier_policies import Vector

IntVector = NDArray[np.int64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class ClosedWindows:
    """One row per unit whose exposure window has closed, in order of closing time.

    A unit belongs to the variant it was first assigned to, whatever it was assigned to later.

    Attributes:
        closed_at: Time at which the window closed, in seconds, non-decreasing, shape (n,).
        variant: Index of the variant that the unit was first assigned to, shape (n,).
        probability: Probability of every variant at that assignment, shape (n, variants).
        rewards: Sum of the rewards that arrived within the window for decisions within it, shape (n,).
        decisions: Number of decisions within the window, shape (n,).
        covariate: A number known of the unit before its assignment, shape (n,), or None.
        segment: Index of the unit's segment, known before its assignment, shape (n,), or None.
        reassigned: Number of units that met another variant within their window, because weights had changed.

    Raises:
        InputError: Columns differ in length, rows are not in order of closing time, a unit has a variant of
            probability 0, or a value is not finite.
    """

    closed_at: Vector
    variant: IntVector
    probability: Matrix
    rewards: Vector
    decisions: Vector
    covariate: Vector | None = None
    segment: IntVector | None = None
    reassigned: int = 0

    def __post_init__(self) -> None:
        n = len(self.closed_at)
        columns = [self.variant, self.rewards, self.decisions, self.covariate, self.segment]
        if any(column is not None and column.shape != (n,) for column in columns) or len(self.probability) != n:
            raise InputError(f"every column must have {n} rows, as `closed_at` has")
        if (np.diff(self.closed_at) < 0).any():
            raise InputError("rows are not in order of closing time, which an analysis over time requires; sort them")
        if n and not (self.probability[np.arange(n), self.variant] > 0).all():
            raise InputError("a unit has a variant of probability 0; give the weights that were in force")
        if not all(np.isfinite(c).all() for c in (self.rewards, self.decisions, self.covariate) if c is not None):
            raise InputError("a reward, a number of decisions or a covariate is not finite")

    def __len__(self) -> int:
        return len(self.closed_at)

    def select(self, rows: NDArray[np.bool_]) -> ClosedWindows:
        """The units of a mask, shape (n,)."""
        return ClosedWindows(
            self.closed_at[rows],
            self.variant[rows],
            self.probability[rows],
            self.rewards[rows],
            self.decisions[rows],
            None if self.covariate is None else self.covariate[rows],
            None if self.segment is None else self.segment[rows],
            self.reassigned,
        )
