"""Exploration laws: estimates and their uncertainty to probabilities; and the draw."""
