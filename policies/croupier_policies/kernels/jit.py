"""How every kernel is compiled."""

from __future__ import annotations

import numba

# No fastmath and no threads: the bits of a result depend on nothing but the inputs and the class of CPU. The kernels
# hold the GIL: a call that releases it beside a busy thread waits for milliseconds to get it back.
jit = numba.njit(cache=True, error_model="numpy")

# one reduction may be reordered, to use the vector instructions; the compiled order is part of the arithmetic
_reduction = numba.njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})


@_reduction
def reduced(one, other):  # type: ignore[no-untyped-def] # compiled
    """Σ one·other, in the order that the compiler fixed."""
    total = 0.0
    for k in range(one.shape[0]):
        total += one[k] * other[k]
    return total
