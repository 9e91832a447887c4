"""Ordered lists drawn without replacement: where an item stands how often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from croupier_policies.base import Actions, Odds, Policy, Remainder, Row, Vector
from croupier_policies.kernels import lists as list_kernels

DEPTH = 3  # places for which the marginals are summed up
PREFIXES = 400  # how many beginnings of a list a policy is asked about, where its odds depend on who is a candidate
PAIRS = 4_000_000  # how many beginnings are summed over by odds: some ten milliseconds


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
    depth = min(depth, count, DEPTH)
    odds = policy.odds(context, actions)
    beginnings = count ** (depth - 1)
    if odds is not None:
        return marginals(odds, depth) if depth < DEPTH or beginnings <= PAIRS else None
    return enumerated(policy, context, actions, depth) if beginnings <= PREFIXES else None


def enumerated(policy: Policy, context: Row, actions: Actions, depth: int) -> Vector:
    """The same, whatever it costs: one question for every beginning of a list, K^(depth - 1) in all."""
    out = np.zeros((depth, len(actions)))
    _extend(policy, context, actions, (), 1.0, out)
    return out


def _extend(
    policy: Policy, context: Row, actions: Actions, before: tuple[int, ...], chance: float, out: Vector
) -> None:
    p = policy.probabilities(context, left(actions, before))
    places = [k for k in range(len(actions)) if k not in before]
    for k, here in zip(places, p.tolist(), strict=True):
        out[len(before), k] += chance * here
        if len(before) + 1 < out.shape[0] and here > 0.0:
            _extend(policy, context, actions, (*before, k), chance * here, out)


def left(actions: Actions, before: Sequence[int]) -> Actions:
    """The candidates without those at these places.

    >>> left(left(Actions(("a", "b", "c", "d")), [0]), [1]).ids
    ('b', 'd')
    """
    return Remainder(actions.whole, (*actions.out, *map(actions.place, before))) if before else actions
