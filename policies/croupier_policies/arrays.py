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

    "array_api_strict" is the standard's own, to test that nothing outside the standard is used.

    Raises:
        DeviceMissing: There is no such device here, or its library is not installed.

    >>> namespace("numpy").__name__
    'numpy'
    """
    if device in ("cpu", "numpy"):
        return np
    if device == "cuda":
        return _cupy()
    if device == "array_api_strict":
        return importlib.import_module(device)
    raise DeviceMissing(f"device {device!r} is none of {', '.join(DEVICES)}")


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
        raise DeviceMissing(f'device="cuda": no usable GPU here ({error}); use device="cpu"') from error
    if count == 0:
        raise DeviceMissing('device="cuda": this machine has no GPU; use device="cpu"')
    return xp


def to_host(array: Any) -> NDArray[np.float64]:
    """The same numbers as a numpy array."""
    get = getattr(array, "get", None)  # CuPy's way of copying to the host
    return np.asarray(get() if get is not None else array, dtype=np.float64)


@cache
def arithmetic(device: str) -> str:
    """What the bits of a result depend on: library versions, width, device, and the class of CPU.

    Within one arithmetic results are equal bit for bit; across two, to about 1e-9.
    """
    import llvmlite
    import numba
    from llvmlite import binding

    where = f"{platform.machine()} {binding.get_host_cpu_name()}" if device != "cuda" else "cuda"
    return f"float64 {device} {where} numpy {np.__version__} numba {numba.__version__} llvmlite {llvmlite.__version__}"
