"""What units do between decisions: watched, read from older logs, and turned into features."""

from croupier.state.features.drift import Drift
from croupier.state.features.features import Features
from croupier.state.features.observation import Observation

__all__ = ["Drift", "Features", "Observation"]
