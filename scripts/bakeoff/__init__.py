"""Accuracy of policies: `python -m bakeoff` on classification data, `python -m bakeoff.simulations` on simulations."""
