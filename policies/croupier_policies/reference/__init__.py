"""The arithmetic written once for any array namespace: what the kernels are tested against."""
