"""Reward models: linear posteriors per action, shared between actions, or several models in a bank."""
