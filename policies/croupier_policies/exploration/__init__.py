"""Exploration laws, which map reward estimates and their uncertainty to probabilities, and the draw."""
