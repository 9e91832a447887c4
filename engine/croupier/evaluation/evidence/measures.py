"""Measures of one decision, from whole probability vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from croupier.evaluation.estimators.moments import Matrix
from croupier_policies import Vector


class DecisionMeasures(NamedTuple):
    """The measures of one decision that estimators and diagnostics need.

    Attributes:
        targets: By target w, v̂, the probability outside the support and Σ_a π(a|x)²/p(a|x), shape (targets, 4); the
            last is NaN where the logging policy's probabilities are not known.
        pairs: By pair of targets the expectations of |w₁ − w₂| and of its square, shape (pairs, 2); NaN where the
            logging policy's probabilities are not known.
    """

    targets: Matrix
    pairs: Matrix


def measure(
    table: Matrix,
    logged: Vector | None,
    estimates: Vector,
    drawn: int,
    propensity: float,
    pairs: Sequence[tuple[int, int]] = (),
) -> DecisionMeasures:
    """The measures of a decision.

    Args:
        table: The probabilities of every target, shape (targets, K).
        logged: The logging policy's probabilities, shape (K,); None where they are not known.
        estimates: q̂ of every candidate, shape (K,).
        drawn: The index of the action drawn.
        propensity: The probability with which it was drawn.
        pairs: The pairs of targets to compare.

    >>> even = np.array([0.5, 0.5])
    >>> found = measure(np.array([[1.0, 0.0], even]), even, even, 0, 0.5, [(0, 1)])
    >>> found.targets[0].tolist(), found.pairs.tolist()
    ([2.0, 0.5, 0.0, 2.0], [[1.0, 1.0]])
    """
    found = np.full((len(table), 4), np.nan)
    found[:, 0] = table[:, drawn] / propensity
    found[:, 1] = table @ estimates
    found[:, 2] = 0.0
    if logged is None:
        return DecisionMeasures(found, np.full((len(pairs), 2), np.nan))
    on = logged > 0.0
    inside, p = (table, logged) if on.all() else (table[:, on], logged[on])
    if inside is not table:
        found[:, 2] = table[:, ~on].sum(axis=1)
    found[:, 3] = (inside**2 / p).sum(axis=1)
    distances = np.abs([inside[i] - inside[j] for i, j in pairs]).reshape(len(pairs), inside.shape[1])
    return DecisionMeasures(found, np.column_stack([distances.sum(axis=1), (distances**2 / p).sum(axis=1)]))
