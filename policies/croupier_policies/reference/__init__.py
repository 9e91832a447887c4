"""The formulas, written for any array namespace or plain numpy; the kernels are tested against them."""
