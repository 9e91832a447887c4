"""Compiled: where in a list an item stands how often, when the list is drawn without replacement."""

from __future__ import annotations

import numpy as np

from croupier_policies.kernels import jit


@jit
def marginals(w, epsilon, depth, out):  # type: ignore[no-untyped-def] # compiled
    """Write P(item j stands at place s) for the first `depth` ≤ 3 places into `out`, (depth, K).

    With Z the sum of the weights, p_a = π(a), q_ab = π(a)·π(b | without a), e = ε and the rests Z_a = Z - w_a,
    Z_ab = Z - w_a - w_b:
        P_2(j) = (1-e)·w_j·Σ_{a≠j} p_a/Z_a + e/(K-1)·(1 - P_1(j))
        P_3(j) = (1-e)·w_j·Σ_{a≠b, both ≠ j} q_ab/Z_ab + e/(K-2)·(1 - P_1(j) - P_2(j))
    The sums over all but j are sums over all less j's own terms; for the two heaviest items, whose own terms may be
    nearly all of it, they are added up without them. So are the rests.
    """
    count = w.shape[0]
    top, second = _heaviest(w)
    Z, Z1, Z2 = 0.0, 0.0, 0.0  # of all, of all but the heaviest, of all but the two heaviest
    for a in range(count):
        Z += w[a]
        Z1 += 0.0 if a == top else w[a]
        Z2 += 0.0 if a in (top, second) else w[a]
    for a in range(count):
        out[0, a] = (1.0 - epsilon) * (w[a] / Z) + epsilon / count
    if depth > 1:
        _second(w, epsilon, top, Z, Z1, out)
    if depth > 2:
        _third(w, epsilon, top, second, Z, Z1, Z2, out)


@jit
def _heaviest(w):  # type: ignore[no-untyped-def] # compiled
    """The places of the two largest weights; the second is -1 where there is one weight only."""
    top, second = 0, -1
    for a in range(1, w.shape[0]):
        if w[a] > w[top]:
            top, second = a, top
        elif second < 0 or w[a] > w[second]:
            second = a
    return top, second


@jit
def _second(w, epsilon, top, Z, Z1, out):  # type: ignore[no-untyped-def] # compiled
    count = w.shape[0]
    total, others = 0.0, 0.0
    for a in range(count):
        term = out[0, a] / (Z1 if a == top else Z - w[a])
        total += term
        others += 0.0 if a == top else term
    for j in range(count):
        rest = others if j == top else total - out[0, j] / (Z - w[j])
        out[1, j] = (1.0 - epsilon) * w[j] * rest + epsilon / (count - 1) * (1.0 - out[0, j])


@jit
def _third(w, epsilon, top, second, Z, Z1, Z2, out):  # type: ignore[no-untyped-def] # compiled
    count = w.shape[0]
    own = np.zeros(count)  # of each item, the terms in which it stands first or second
    terms = np.empty(count)
    floor = epsilon / (count - 1)
    total, no_top, no_second = 0.0, 0.0, 0.0
    for a in range(count):
        rest = Z1 if a == top else Z - w[a]
        scale = (1.0 - epsilon) / rest
        for b in range(count):
            terms[b] = out[0, a] * (scale * w[b] + floor) / (rest - w[b])
        if a != top:
            terms[top] = out[0, a] * (scale * w[top] + floor) / (Z2 if a == second else Z1 - w[a])
        else:
            terms[second] = out[0, a] * (scale * w[second] + floor) / Z2
        terms[a] = 0.0
        row = 0.0
        for b in range(count):
            row += terms[b]
            own[b] += terms[b]
        own[a] += row
        total += row
        no_top += 0.0 if a == top else _less(terms, top)
        no_second += 0.0 if a == second else _less(terms, second)
    for j in range(count):
        others = no_top if j == top else no_second if j == second else total - own[j]
        out[2, j] = (1.0 - epsilon) * w[j] * others + epsilon / (count - 2) * (1.0 - out[0, j] - out[1, j])


@jit
def _less(terms, place):  # type: ignore[no-untyped-def] # compiled
    """The sum of the terms but one."""
    sum = 0.0
    for b in range(terms.shape[0]):
        sum += 0.0 if b == place else terms[b]
    return sum
