"""Position marginals of a list drawn without replacement."""

from __future__ import annotations

import numpy as np

from croupier_policies.kernels.jit import jit


@jit
def marginals(w, epsilon, depth, out):  # type: ignore[no-untyped-def] # compiled
    """Write P(item j is at position s) for the first `depth` ≤ 3 positions into `out`, (depth, K).

    With Z the sum of the weights, p_a = π(a), q_ab = π(a)·π(b | without a), e = ε, Z_a = Z - w_a and
    Z_ab = Z - w_a - w_b:
        P_2(j) = (1-e)·w_j·Σ_{a≠j} p_a/Z_a + e/(K-1)·(1 - P_1(j))
        P_3(j) = (1-e)·w_j·Σ_{a≠b, both ≠ j} q_ab/Z_ab + e/(K-2)·(1 - P_1(j) - P_2(j))
    A sum over all but j is the total minus j's own terms. For the two heaviest items, whose terms may be nearly all of
    the total, that subtraction would cancel, so the sum is accumulated without them. So are Z_a and Z_ab.
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
    """The indices of the two largest weights; the second is -1 if there is only one weight."""
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
    """Accumulate for each item b the terms of the pairs {a, b}, both orders at once; the two heaviest a separately.

    The inner loop has no reduction, so that one instruction advances several b.
    """
    count = w.shape[0]
    p, rest = out[0], Z - w
    rest[top] = Z1
    scale, floor = (1.0 - epsilon) / rest, epsilon / (count - 1)
    others, with_top, with_second = np.zeros(count), np.zeros(count), np.zeros(count)
    for a in range(count):
        if a not in (top, second):
            own, tops = others[a], others[top]
            _pairs(w, p, scale, rest, floor, a, others)
            others[a] = own
            others[top] = tops + _pair(w, p, scale, floor, a, top, Z1 - w[a])
    for b in range(count):
        if b != top:
            with_top[b] = _pair(w, p, scale, floor, top, b, Z2 if b == second else Z1 - w[b])
        if b not in (top, second):
            with_second[b] = _pair(w, p, scale, floor, second, b, rest[second] - w[b])
    with_second[top] = with_top[second]
    total, no_top, no_second = 0.0, 0.0, 0.0  # every term occurs twice: once for each item of its pair
    for b in range(count):
        total += 0.5 * (others[b] + with_top[b] + with_second[b])
        no_top += 0.0 if b == top else 0.5 * (others[b] + with_second[b])
        no_second += 0.0 if b == second else 0.5 * (others[b] + with_top[b])
    for j in range(count):
        left = total - others[j] - with_top[j] - with_second[j]
        left = no_top if j == top else no_second if j == second else left
        out[2, j] = (1.0 - epsilon) * w[j] * left + epsilon / (count - 2) * (1.0 - out[0, j] - out[1, j])


@jit
def _pair(w, p, scale, floor, a, b, rest):  # type: ignore[no-untyped-def] # compiled
    """q_ab/Z_ab + q_ba/Z_ab."""
    return (p[a] * (scale[a] * w[b] + floor) + p[b] * (scale[b] * w[a] + floor)) / rest


@jit
def _pairs(w, p, scale, rest, floor, a, others):  # type: ignore[no-untyped-def] # compiled
    """The same for one a with every b, added to `others`."""
    for b in range(w.shape[0]):
        both = p[a] * (scale[a] * w[b] + floor) + p[b] * (scale[b] * w[a] + floor)
        others[b] += both / (rest[a] - w[b])
