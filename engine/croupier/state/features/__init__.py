"""Observations of units, the features computed from them, and the detection of drift in prediction errors."""

from croupier.state.features.drift import Drift
from croupier.state.features.features import Features
from croupier.state.features.observation import Observation

__all__ = ["Drift", "Features", "Observation"]
