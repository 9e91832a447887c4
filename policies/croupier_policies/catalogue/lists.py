"""Position marginals of ordered lists drawn without replacement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from croupier_policies.base import Actions, Odds, Policy, RemainingActions, Row, Vector
from croupier_policies.kernels import lists as list_kernels

MAX_DEPTH = 3  # positions for which marginals are computed
MAX_PREFIXES = 400  # list prefixes for which a policy is evaluated, if it has no Luce weights
MAX_PAIRS = 4_000_000  # list prefixes summed over with Luce weights: about ten milliseconds


def marginals(odds: Odds, depth: int) -> Vector:
    """P(item j is at position s), (depth, K), for a list drawn from Luce weights without replacement; depth ≤ 3.

    Items are drawn one by one from those that remain: P(j_1 … j_k) = Π_s π(j_s | without j_1 … j_(s-1)). This is the
    Plackett–Luce model, with a floor of ε/(K - s + 1) at position s if ε > 0. The sums over all prefixes are exact: K
    terms for the second position, K² for the third. (Plackett 1975, "The analysis of permutations".)

    >>> marginals(Odds(np.array([2.0, 1.0, 1.0]), 0.0), 2).round(4).tolist()
    [[0.5, 0.25, 0.25], [0.3333, 0.3333, 0.3333]]
    """
    out = np.empty((depth, odds.weights.shape[0]))
    list_kernels.marginals(np.ascontiguousarray(odds.weights), odds.epsilon, depth, out)
    return out


def list_marginals(policy: Policy, context: Row, actions: Actions, depth: int) -> Vector | None:
    """`marginals` of any policy, by its odds or by enumeration of list prefixes; None if there are too many.

    >>> from croupier_policies import UniformPolicy
    >>> list_marginals(UniformPolicy(), {}, Actions(("a", "b")), 2).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    count = len(actions)
    depth = min(depth, count, MAX_DEPTH)
    odds = policy.odds(context, actions)
    prefixes = count ** (depth - 1)
    if odds is not None:
        return marginals(odds, depth) if depth < MAX_DEPTH or prefixes <= MAX_PAIRS else None
    return enumerate_marginals(policy, context, actions, depth) if prefixes <= MAX_PREFIXES else None


def enumerate_marginals(policy: Policy, context: Row, actions: Actions, depth: int) -> Vector:
    """`marginals` of any policy by enumeration: one evaluation per list prefix, K^(depth - 1) in all."""
    out = np.zeros((depth, len(actions)))
    _extend(policy, context, actions, (), 1.0, out)
    return out


def _extend(
    policy: Policy, context: Row, actions: Actions, prefix: tuple[int, ...], probability: float, out: Vector
) -> None:
    p = policy.probabilities(context, without(actions, prefix))
    places = [k for k in range(len(actions)) if k not in prefix]
    for k, here in zip(places, p.tolist(), strict=True):
        out[len(prefix), k] += probability * here
        if len(prefix) + 1 < out.shape[0] and here > 0.0:
            _extend(policy, context, actions, (*prefix, k), probability * here, out)


def without(actions: Actions, before: Sequence[int]) -> Actions:
    """The candidates without those at these indices.

    >>> without(without(Actions(("a", "b", "c", "d")), [0]), [1]).ids
    ('b', 'd')
    """
    return (
        RemainingActions(actions.full_set, (*actions.excluded, *map(actions.full_index, before))) if before else actions
    )
