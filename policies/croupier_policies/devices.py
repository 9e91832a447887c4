"""The arithmetic of a device."""

from __future__ import annotations

from croupier_policies import arrays
from croupier_policies.arithmetic import Arithmetic
from croupier_policies.array_arithmetic import Arrays
from croupier_policies.compiled import Compiled


def for_device(device: str) -> Arithmetic:
    """Compiled kernels for "cpu", array formulas for "numpy" and "cuda". Raises DeviceMissing.

    >>> type(for_device("numpy")).__name__
    'Arrays'
    """
    return Compiled() if device == "cpu" else Arrays(arrays.namespace(device))
