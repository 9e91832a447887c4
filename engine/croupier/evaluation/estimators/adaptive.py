"""Adaptive weights, which stabilise the variance of the terms while the logging policy learns."""

from __future__ import annotations

import math

import numpy as np

from croupier_policies import Vector

BLOCK = 64  # rows that share one weight
MEMORY = 50  # blocks in the running mean


class Stabiliser:
    """h = 1/√(running mean of w² over earlier rows): the conditional variance of h·w·(r − q̂) is then about constant.

    A weight is fixed before the action of its row is drawn, which is all that validity requires: E[h·Γ | past] = h·V.
    It is updated every 64 rows; the mean extends over some 3,200.

    Source: Zhan, Ren, Athey & Zhou, "Off-policy evaluation via adaptive weighting with data from contextual bandits",
    KDD 2021, section 4 (StableVar), with the running mean instead of an average over contexts.
    """

    def __init__(self) -> None:
        self.mean, self.blocks = 1.0, 0
        self._sum, self._open = 0.0, 0  # Σ w² and number of rows since the last update

    def next_weights(self, w: Vector) -> Vector:
        """h of the next rows of the log, shape (n,), from their weights π(a|x)/p and those of earlier rows.

        >>> Stabiliser().next_weights(np.repeat([1.0, 2.0], 64)).tolist() == [1.0] * 128
        True
        """
        h, start, squares = np.empty(len(w)), 0, w**2
        while start < len(w):
            stop = min(start + BLOCK - self._open, len(w))
            h[start:stop] = 1.0 / math.sqrt(self.mean)
            self._sum += float(squares[start:stop].sum())
            self._open += stop - start
            start = stop
            if self._open == BLOCK:
                self._close()
        return h

    def _close(self) -> None:
        self.blocks += 1
        share = max(1.0 / (1 + self.blocks), 1.0 / MEMORY)
        self.mean += share * (self._sum / BLOCK - self.mean)
        self.mean = max(self.mean, 1e-6)  # after rows without weight, the next row must not dominate
        self._sum, self._open = 0.0, 0
