"""The arithmetic of a device."""

from __future__ import annotations

from croupier_policies import arrays
from croupier_policies.backends.array import Arrays
from croupier_policies.backends.base import Arithmetic
from croupier_policies.backends.numba import Compiled


def for_device(device: str) -> Arithmetic:
    """Compiled kernels for "cpu", array formulas for "numpy" and "cuda". Raises DeviceMissing.

    >>> type(for_device("numpy")).__name__
    'Arrays'
    """
    return Compiled() if device == "cpu" else Arrays(arrays.namespace(device))
