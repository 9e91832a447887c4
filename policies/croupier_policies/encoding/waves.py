"""Random Fourier features: a linear model of cosines is a smooth nonlinear model of what they are cosines of."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from croupier_policies.base import Vector
from croupier_policies.exploration.sampling import uniform
from croupier_policies.kernels.encoding import AMPLITUDE

SPREAD = 1.2  # twice as much suits a set or two better, and costs .02 and more on small sets of many classes


class Waves:
    """φ_f = 3·√(2/F)·cos(Σ_c W_cf·z_c + b_f), W ~ N(0, (1.2/√d)²), b uniform; d fields in a row.

    W and b are derived from the seed and the number of a column, so they are no state, and a column may come any time.
    (Rahimi & Recht 2007, "Random features for large-scale kernel machines".)

    >>> Waves(2, seed=7).of([(3, 0.5)], 1) == Waves(2, seed=7).of([(3, 0.5)], 1)
    True
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self._phases = 2.0 * math.pi * self._uniforms("phase")
        self._frequencies: dict[int, Vector] = {}

    def matrix(self, start: int, width: int) -> Vector:
        """Frequencies of an array whose first column is `start`, (width, F), and the phases below them."""
        rows = [SPREAD / math.sqrt(width) * self._of_column(start + i) for i in range(width)]
        return np.array([*rows, self._phases])

    def of(self, pairs: Sequence[tuple[int, float]], fields: int) -> list[float]:
        """φ of a row with these values in these columns."""
        phases = self._phases.copy()
        for column, value in pairs:
            phases += value * (SPREAD / math.sqrt(fields)) * self._of_column(column)
        return [AMPLITUDE * math.sqrt(2.0 / self.count) * math.cos(phase) for phase in phases]

    def _of_column(self, column: int) -> Vector:
        if column not in self._frequencies:
            radius, angle = self._uniforms(f"radius {column}"), self._uniforms(f"angle {column}")
            normal = np.sqrt(-2.0 * np.log1p(-radius)) * np.cos(2.0 * math.pi * angle)  # Box and Muller
            self._frequencies[column] = normal
        return self._frequencies[column]

    def _uniforms(self, name: str) -> Vector:
        return np.array([uniform(self.seed, "waves", f"{name} {f}") for f in range(self.count)])
