"""What units do between decisions: watched, read from older logs, and turned into features."""

from croupier.behaviour.drift import Drift
from croupier.behaviour.features import Features
from croupier.behaviour.observation import Observation

__all__ = ["Drift", "Features", "Observation"]
