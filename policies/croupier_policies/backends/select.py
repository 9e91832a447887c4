"""Selects the backend of a device."""

from __future__ import annotations

from croupier_policies import arrays
from croupier_policies.backends.array import ArrayBackend
from croupier_policies.backends.base import Backend
from croupier_policies.backends.numba import NumbaBackend


def backend_for(device: str) -> Backend:
    """NumbaBackend kernels for "cpu", array formulas for "numpy" and "cuda". Raises DeviceMissing.

    >>> type(backend_for("numpy")).__name__
    'ArrayBackend'
    """
    return NumbaBackend() if device == "cpu" else ArrayBackend(arrays.namespace(device))
