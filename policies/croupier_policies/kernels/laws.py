"""Compiled twins of the two default laws; `rewards` counts those learned so far."""

from __future__ import annotations

import math

import numpy as np

from croupier_policies.kernels.jit import jit
from croupier_policies.reference.constants import TIE, TINY


@jit
def _gaps(mean, sd, width, out):  # type: ignore[no-untyped-def] # compiled
    """Write every optimistic score's gap to the best into `out`; returns the first of the best."""
    best = 0
    top = -np.inf
    for k in range(mean.shape[0]):
        out[k] = mean[k] + width * sd[k]
        if out[k] > top:
            top = out[k]
            best = k
    for k in range(mean.shape[0]):
        out[k] = top - out[k]
    return best


@jit
def softmax(mean, sd, sigma, rewards, alpha, v, epsilon, out):  # type: ignore[no-untyped-def] # compiled
    """π of `laws.softmax` into `out`."""
    count = mean.shape[0]
    best = _gaps(mean, sd, 2.0 * alpha * sigma, out)
    total = 0.0
    for k in range(count):
        out[k] = math.exp(-out[k] / (v * sigma * math.sqrt(sd[k] * sd[k] + sd[best] * sd[best]) + TINY))
        total += out[k]
    for k in range(count):
        out[k] = (1.0 - epsilon) * (out[k] / total) + epsilon / count


@jit
def inverse_gap(mean, sd, sigma, rewards, alpha, gamma, epsilon, out):  # type: ignore[no-untyped-def] # compiled
    """π of `laws.inverse_gap` into `out`."""
    count = mean.shape[0]
    _gaps(mean, sd, 2.0 * alpha * sigma, out)
    slope = gamma * math.sqrt(count * (rewards + 1.0)) / (sigma + TINY)
    bests = 0
    others = 0.0
    for k in range(count):
        if out[k] <= TIE * sigma:
            out[k] = -1.0  # marks a best one
            bests += 1
        else:
            out[k] = 1.0 / (count + slope * out[k])
            others += out[k]
    for k in range(count):
        q = out[k] if out[k] >= 0.0 else (1.0 - others) / bests
        out[k] = (1.0 - epsilon) * q + epsilon / count
