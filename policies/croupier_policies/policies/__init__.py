"""Policies: a reward model with an exploration law, and policies that combine both."""
