"""Backends of the linear models: numba kernels on a CPU, an array namespace (CuPy) on a GPU."""
