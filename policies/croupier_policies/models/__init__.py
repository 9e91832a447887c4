"""Reward models: linear posteriors, one an action, shared, or several side by side."""
