"""Margins between two recommenders on the same visits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from croupier.studies.statistics.bounded import mean_sequence


def margin(difference: NDArray[np.float64]) -> tuple[float, float]:
    """A 95 % confidence sequence, at its last visit, for the mean of differences in [-1, 1], (visits,)."""
    centre, radius, _ = mean_sequence((difference + 1.0) / 2.0, 0.05)
    low, high = (float(2.0 * bound[-1] - 1.0) for bound in (centre - radius, centre + radius))
    return low, high
