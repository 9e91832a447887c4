"""Compiled counterparts of the two default laws; `rewards` is the number of rewards learned."""

from __future__ import annotations

import math

import numpy as np

from croupier_policies.kernels.jit import jit
from croupier_policies.reference.constants import TIE, TINY


@jit
def _gaps(mean, sd, width, out):  # type: ignore[no-untyped-def] # compiled
    """Write the gap of every optimistic score to the best one into `out`; returns the index of the first best."""
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
    """Write π of `reference.laws.softmax` into `out`."""
    count = mean.shape[0]
    best = _gaps(mean, sd, 2.0 * alpha * sigma, out)
    total = 0.0
    for k in range(count):
        out[k] = math.exp(-out[k] / (v * sigma * math.sqrt(sd[k] * sd[k] + sd[best] * sd[best]) + TINY))
        total += out[k]
    for k in range(count):
        out[k] = (1.0 - epsilon) * (out[k] / total) + epsilon / count


@jit
def annealed_softmax(mean, sd, sigma, rewards, alpha, v, epsilon, out):  # type: ignore[no-untyped-def] # compiled
    """Write π of `reference.laws.annealed_softmax` into `out`."""
    count = mean.shape[0]
    _gaps(mean, sd, 2.0 * alpha * sigma, out)
    temperature = v * sigma * math.sqrt(count / (rewards + 1.0)) + TINY
    total = 0.0
    for k in range(count):
        out[k] = math.exp(-out[k] / temperature)
        total += out[k]
    for k in range(count):
        out[k] = (1.0 - epsilon) * (out[k] / total) + epsilon / count


@jit
def inverse_gap(mean, sd, sigma, rewards, alpha, gamma, epsilon, out):  # type: ignore[no-untyped-def] # compiled
    """Write π of `reference.laws.inverse_gap` into `out`."""
    count = mean.shape[0]
    _gaps(mean, sd, 2.0 * alpha * sigma, out)
    slope = gamma * math.sqrt(count * (rewards + 1.0)) / (sigma + TINY)
    bests = 0
    others = 0.0
    for k in range(count):
        if out[k] <= TIE * sigma:
            out[k] = -1.0  # marks a tied best
            bests += 1
        else:
            out[k] = 1.0 / (count + slope * out[k])
            others += out[k]
    for k in range(count):
        q = out[k] if out[k] >= 0.0 else (1.0 - others) / bests
        out[k] = (1.0 - epsilon) * q + epsilon / count
