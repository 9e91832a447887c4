"""Latent factors: matrix factorisation learned one rating at a time."""
