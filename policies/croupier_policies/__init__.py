"""The mathematics of deciding and learning: arrays in, arrays out; no I/O, no clock, no global random numbers."""

from croupier_policies.base import Actions, Configured, Learner, Policy, Row, State, Vector
from croupier_policies.errors import DeviceMissing, PolicyError, TooLarge
from croupier_policies.fixed import ConstantPolicy, UniformPolicy
from croupier_policies.ridge_policies import InverseGapPolicy, RidgePolicy, SoftmaxPolicy
from croupier_policies.river_learner import RiverLearner
from croupier_policies.river_state import ForgedState, NotStorable
from croupier_policies.sampling import draw, uniform

__all__ = [
    "Actions",
    "Configured",
    "ConstantPolicy",
    "DeviceMissing",
    "ForgedState",
    "InverseGapPolicy",
    "Learner",
    "NotStorable",
    "Policy",
    "PolicyError",
    "RidgePolicy",
    "RiverLearner",
    "Row",
    "SoftmaxPolicy",
    "State",
    "TooLarge",
    "UniformPolicy",
    "Vector",
    "draw",
    "uniform",
]
