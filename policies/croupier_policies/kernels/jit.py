"""How every kernel is compiled."""

from __future__ import annotations

import numba

# No fastmath and no threads: the bits of a result depend on nothing but the inputs and the class of CPU. The kernels
# hold the GIL: a call that releases it beside a busy thread waits for milliseconds to get it back.
jit = numba.njit(cache=True, error_model="numpy")
