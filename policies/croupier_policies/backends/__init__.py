"""Where the arithmetic runs: numba on a CPU, an array namespace (CuPy) on a GPU."""
