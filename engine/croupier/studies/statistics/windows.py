"""What is analysed: one closed exposure window per unit."""

from __future__ import annotations

from dataclasses import dataclass

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
