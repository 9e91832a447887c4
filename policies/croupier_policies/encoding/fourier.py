"""Random Fourier features: a linear model on them is a smooth nonlinear model of their inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from croupier_policies.base import Vector
from croupier_policies.exploration.sampling import uniform
from croupier_policies.reference.constants import FOURIER_NORM

FREQUENCY_SCALE = 1.2  # doubling it helps one or two data sets, and costs .02 and more on small sets with many classes


class FourierFeatures:
    """φ_f = 3·√(2/F)·cos(Σ_c W_cf·z_c + b_f), W ~ N(0, (1.2/√d)²), b uniform; d is the number of fields in a row.

    W and b are derived by hashing the seed and the column number, so they are not part of the state, and columns may be
    added at every row. (Rahimi & Recht 2007, "Random features for large-scale kernel machines".)

    >>> FourierFeatures(2, seed=7).features([(3, 0.5)], 1) == FourierFeatures(2, seed=7).features([(3, 0.5)], 1)
    True
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self._phases = 2.0 * math.pi * self._uniforms("phase")
        self._frequencies: dict[int, Vector] = {}

    def matrix(self, start: int, width: int) -> Vector:
        """The frequencies of an array whose first column is `start`, (width, F), and below them the phases."""
        rows = [FREQUENCY_SCALE / math.sqrt(width) * self._column_frequencies(start + i) for i in range(width)]
        return np.array([*rows, self._phases])

    def features(self, pairs: Sequence[tuple[int, float]], fields: int) -> list[float]:
        """φ of a row given as (column, value) pairs."""
        phases = self._phases.copy()
        for column, value in pairs:
            phases += value * (FREQUENCY_SCALE / math.sqrt(fields)) * self._column_frequencies(column)
        return [FOURIER_NORM * math.sqrt(2.0 / self.count) * math.cos(phase) for phase in phases]

    def _column_frequencies(self, column: int) -> Vector:
        if column not in self._frequencies:
            radius, angle = self._uniforms(f"radius {column}"), self._uniforms(f"angle {column}")
            normal = np.sqrt(-2.0 * np.log1p(-radius)) * np.cos(2.0 * math.pi * angle)  # Box–Muller
            self._frequencies[column] = normal
        return self._frequencies[column]

    def _uniforms(self, name: str) -> Vector:
        return np.array([uniform(self.seed, "waves", f"{name} {f}") for f in range(self.count)])
