"""What estimators need to know of one decision, from whole probability vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from croupier.evaluation.estimators.moments import Matrix
from croupier_policies import Vector


class Measured(NamedTuple):
    """Of one decision.

    Attributes:
        targets: By target w, v̂, the probability outside the support and Σ_a π(a|x)²/p(a|x), shape (targets, 4); the
            last NaN where the logging policy's probabilities are not known.
        pairs: By pair of targets what |w₁ − w₂| and its square were expected to be, shape (pairs, 2); NaN likewise.
    """

    targets: Matrix
    pairs: Matrix


def measured(
    table: Matrix,
    logged: Vector | None,
    estimates: Vector,
    drawn: int,
    propensity: float,
    pairs: Sequence[tuple[int, int]] = (),
) -> Measured:
    """What to note of a decision.

    Args:
        table: The probabilities of every target, shape (targets, K).
        logged: The logging policy's, shape (K,); None where they are not known.
        estimates: q̂ of every candidate, shape (K,).
        drawn: Which was drawn.
        propensity: With what probability.
        pairs: Which targets are to be compared.

    >>> even = np.array([0.5, 0.5])
    >>> found = measured(np.array([[1.0, 0.0], even]), even, even, 0, 0.5, [(0, 1)])
    >>> found.targets[0].tolist(), found.pairs.tolist()
    ([2.0, 0.5, 0.0, 2.0], [[1.0, 1.0]])
    """
    found = np.full((len(table), 4), np.nan)
    found[:, 0] = table[:, drawn] / propensity
    found[:, 1] = table @ estimates
    found[:, 2] = 0.0
    if logged is None:
        return Measured(found, np.full((len(pairs), 2), np.nan))
    on = logged > 0.0
    inside, p = (table, logged) if on.all() else (table[:, on], logged[on])
    if inside is not table:
        found[:, 2] = table[:, ~on].sum(axis=1)
    found[:, 3] = (inside**2 / p).sum(axis=1)
    apart = np.abs([inside[i] - inside[j] for i, j in pairs]).reshape(len(pairs), inside.shape[1])
    return Measured(found, np.column_stack([apart.sum(axis=1), (apart**2 / p).sum(axis=1)]))
