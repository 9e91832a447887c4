"""Latent factors: matrix factorisation, learned one reward at a time."""
