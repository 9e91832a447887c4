"""Ordered lists drawn without replacement: where an item stands how often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from croupier_policies.base import Actions, Odds, Policy, RemainingActions, Row, Vector
from croupier_policies.kernels import lists as list_kernels

MAX_DEPTH = 3  # places for which the marginals are summed up
MAX_PREFIXES = 400  # how many beginnings of a list a policy is asked about, where its odds depend on who is a candidate
MAX_PAIRS = 4_000_000  # how many beginnings are summed over by odds: some ten milliseconds


def marginals(odds: Odds, depth: int) -> Vector:
    """P(item j stands at place s), (depth, K), of a list drawn from the odds without replacement; depth ≤ 3.

    Item by item, each from what is left: P(j_1 … j_k) = Π_s π(j_s | without j_1 … j_(s-1)), the Plackett-Luce model
    where ε = 0, and with the floor ε/(K - s + 1) at every place where not. Exact sums over all that may stand before:
    K terms for the second place, K² for the third. (Plackett 1975, "The analysis of permutations".)

    >>> marginals(Odds(np.array([2.0, 1.0, 1.0]), 0.0), 2).round(4).tolist()
    [[0.5, 0.25, 0.25], [0.3333, 0.3333, 0.3333]]
    """
    out = np.empty((depth, odds.weights.shape[0]))
    list_kernels.marginals(np.ascontiguousarray(odds.weights), odds.epsilon, depth, out)
    return out


def list_marginals(policy: Policy, context: Row, actions: Actions, depth: int) -> Vector | None:
    """The same for any policy, by its odds, or by asking it about every beginning of a list; None where those are many.

    >>> from croupier_policies import UniformPolicy
    >>> list_marginals(UniformPolicy(), {}, Actions(("a", "b")), 2).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    count = len(actions)
    depth = min(depth, count, MAX_DEPTH)
    odds = policy.odds(context, actions)
    beginnings = count ** (depth - 1)
    if odds is not None:
        return marginals(odds, depth) if depth < MAX_DEPTH or beginnings <= MAX_PAIRS else None
    return enumerate_marginals(policy, context, actions, depth) if beginnings <= MAX_PREFIXES else None


def enumerate_marginals(policy: Policy, context: Row, actions: Actions, depth: int) -> Vector:
    """The same, whatever it costs: one question for every beginning of a list, K^(depth - 1) in all."""
    out = np.zeros((depth, len(actions)))
    _extend(policy, context, actions, (), 1.0, out)
    return out


def _extend(
    policy: Policy, context: Row, actions: Actions, before: tuple[int, ...], chance: float, out: Vector
) -> None:
    p = policy.probabilities(context, without(actions, before))
    places = [k for k in range(len(actions)) if k not in before]
    for k, here in zip(places, p.tolist(), strict=True):
        out[len(before), k] += chance * here
        if len(before) + 1 < out.shape[0] and here > 0.0:
            _extend(policy, context, actions, (*before, k), chance * here, out)


def without(actions: Actions, before: Sequence[int]) -> Actions:
    """The candidates without those at these places.

    >>> without(without(Actions(("a", "b", "c", "d")), [0]), [1]).ids
    ('b', 'd')
    """
    return (
        RemainingActions(actions.full_set, (*actions.excluded, *map(actions.full_index, before))) if before else actions
    )
