"""Kernels of `backends.noise.Noise`: `values` holds the count, the weight, the mean reward and the squares."""

from __future__ import annotations

import math

from croupier_policies.kernels.jit import jit


@jit
def sigma(values):  # type: ignore[no-untyped-def] # compiled
    """σ."""
    return math.sqrt(values[3] / (1.0 + values[1]))


@jit
def add(values, reward, mean, quadratic):  # type: ignore[no-untyped-def] # compiled
    """Learn a reward whose predictive mean and variance (in units of σ²) are given."""
    error = reward - mean
    values[3] += error * error / (1.0 + max(quadratic, 0.0))
    values[0] += 1.0
    values[1] += 1.0
    values[2] += (reward - values[2]) / values[1]


@jit
def learn(values, reward, quadratic, predicted, predicted1):  # type: ignore[no-untyped-def] # compiled
    """Learn a reward, given xᵀA⁻¹x, θᵀx and θ1ᵀx before it; returns the prediction r̄ + (θ - r̄·θ1)ᵀx."""
    mean = values[2] + predicted - values[2] * predicted1
    add(values, reward, mean, quadratic)
    return mean
