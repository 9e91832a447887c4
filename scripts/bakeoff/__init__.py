"""Accuracy of policies: `python -m bakeoff` on classification data, `bakeoff.simulations` and `bakeoff.contexts`."""
