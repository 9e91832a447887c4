"""The catalogue policy's scores and learning step in plain numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from croupier_policies.base import Vector
from croupier_policies.reference.constants import MAX_LOGIT


class Parameters(NamedTuple):
    """Shared weights, their accumulated squared gradients, and the weights of one user and of one item."""

    W: Vector  # (item columns, context columns)
    G: Vector  # the shape of W
    user: Vector  # (columns + rank,): weights over the features of items, then factors
    item: Vector  # (1 + rank,)


class StepSizes(NamedTuple):
    """Step sizes of the shared weights, a user's weights, an item's bias and the factors; and the shrinkage λ."""

    shared: float
    own: float
    bias: float
    rate: float
    shrink: float


def logit(z: Vector, x: Vector, known: Parameters) -> float:
    """s(i, j) = z_jᵀ(W·x + t_i) + c_j + u_i·v_j.

    Args:
        z: Features of the item, (columns,); the first is 1.
        x: Features of the context; the first is 1.
        known: The parameters of this user and item.
    """
    columns = len(z)
    t, u = known.user[:columns], known.user[columns:]
    return float(z @ (known.W @ x + t) + known.item[0] + u @ known.item[1:])


def learn(z: Vector, x: Vector, known: Parameters, reward: float, steps: StepSizes) -> Parameters:
    """One gradient step on the log-loss of r̂ = σ(s), with e = r - r̂.

    G += (e·z·xᵀ)²;  W += shared·e·z·xᵀ/√(1 + G);  t += own·(e·z - λ·t) if z ≠ 0;  c += bias·(e - λ·c)
    u += rate·(e·v - λ·u);  v += rate·(e·u - λ·v), both from their old values.
    """
    s = float(np.clip(logit(z, x, known), -MAX_LOGIT, MAX_LOGIT))
    error = reward - 1.0 / (1.0 + np.exp(-s))
    slope = error * np.outer(z, x)
    G = known.G + slope**2
    t, u = known.user[: len(z)], known.user[len(z) :]
    c, v = known.item[:1], known.item[1:]
    t = t + steps.own * (error * z - steps.shrink * t) * (z != 0.0)
    user = np.concatenate([t, u + steps.rate * (error * v - steps.shrink * u)])
    item = np.concatenate(
        [c + steps.bias * (error - steps.shrink * c), v + steps.rate * (error * u - steps.shrink * v)]
    )
    return Parameters(known.W + steps.shared * slope / np.sqrt(1.0 + G), G, user, item)


def probabilities(scores: Vector, temperature: float, epsilon: float) -> Vector:
    """(1 - ε)·softmax(s/τ) + ε/K."""
    x = np.clip(scores / temperature, -MAX_LOGIT, MAX_LOGIT)
    w = np.exp(x - x.max())
    return np.asarray((1.0 - epsilon) * w / w.sum() + epsilon / len(w))
