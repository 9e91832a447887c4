"""Constants that the formulas and their compiled kernels share.

Numba freezes a constant into the compiled code and does not notice that it has changed in another file: after editing
one of these, delete the `__pycache__` folder of `kernels`.
"""

from __future__ import annotations

LANES = 16  # actions in one group of posteriors; they lie side by side, so that one instruction advances several

MAX_ABSOLUTE_VALUE = 1e100  # numbers are clipped to ± this before they are counted: no sum of squares overflows
MAX_SQUARED_NORM = 8.0  # of an encoded row, without its intercept and its Fourier features
FOURIER_NORM = 3.0  # of a row's Fourier features

TINY = 1e-300  # added to a denominator: avoids 0/0 where every uncertainty has underflowed
TIE = 1e-9  # scores that differ by less than this many σ are tied; rounding differs between devices by as much

MAX_LOGIT = 300.0  # of a logit over the temperature: e^±300 and sums of them are ordinary numbers
