"""Array namespaces: the same formulas on numpy, CuPy and any other library of the array API standard."""

from __future__ import annotations

import importlib
import platform
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from croupier_policies.errors import DeviceMissing

DEVICES = ("cpu", "numpy", "cuda", "array_api_strict")


def namespace(device: str) -> Any:
    """The array namespace of a device: numpy for "cpu" and "numpy", CuPy for "cuda".

    "array_api_strict" is the reference implementation of the array API standard; tests use it to show that the formulas
    use nothing outside the standard.

    Raises:
        DeviceMissing: The device is unknown or not present, or its library is not installed.

    >>> namespace("numpy").__name__
    'numpy'
    """
    if device in ("cpu", "numpy"):
        return np
    if device == "cuda":
        return _cupy()
    if device == "array_api_strict":
        return importlib.import_module(device)
    raise DeviceMissing(f"unknown device {device!r}; use one of {', '.join(DEVICES)}")


def _cupy() -> Any:
    try:
        import cupy
        from array_api_compat import cupy as xp
    except ImportError as error:
        raise DeviceMissing(
            'device="cuda" needs CuPy, which is not installed: pip install "croupier[gpu]", or use device="cpu"'
        ) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise DeviceMissing(f'device="cuda": no usable GPU ({error}); use device="cpu"') from error
    if count == 0:
        raise DeviceMissing('device="cuda": this machine has no GPU; use device="cpu"')
    return xp


def to_host(array: Any) -> NDArray[np.float64]:
    """The array as a float64 numpy array on the host."""
    get = getattr(array, "get", None)  # CuPy's copy to the host
    return np.asarray(get() if get is not None else array, dtype=np.float64)


@cache
def arithmetic(device: str) -> str:
    """What the bits of a result depend on: library versions, floating-point width, device, and the class of CPU.

    Where this string is equal, results are equal bit for bit; otherwise they agree to about 1e-9.
    """
    import llvmlite
    import numba
    from llvmlite import binding

    where = f"{platform.machine()} {binding.get_host_cpu_name()}" if device != "cuda" else "cuda"
    return f"float64 {device} {where} numpy {np.__version__} numba {numba.__version__} llvmlite {llvmlite.__version__}"
