"""Policies, reward models and learners: arrays in, arrays out; no I/O, no clock, no global random numbers."""

from croupier_policies.base import (
    Actions,
    Configurable,
    Finding,
    Learner,
    Odds,
    Policy,
    Reason,
    Row,
    State,
    Text,
    Value,
    Vector,
)
from croupier_policies.catalogue.policy import CataloguePolicy
from croupier_policies.encoding.flat import flat_row
from croupier_policies.errors import DeviceMissing, ForgedState, NotStorable, PolicyError, TooLarge
from croupier_policies.exploration.base import Estimates, Law
from croupier_policies.exploration.laws import (
    AnnealedSoftmax,
    Boltzmann,
    EpsilonGreedy,
    InverseGap,
    Softmax,
    Thompson,
    UpperBound,
)
from croupier_policies.exploration.sampling import draw, uniform
from croupier_policies.factors.learner import FactorLearner
from croupier_policies.factors.svd import InitialFactors, truncated_svd
from croupier_policies.models.bank import BankModel
from croupier_policies.models.base import Model
from croupier_policies.models.hybrid import HybridModel
from croupier_policies.models.logistic import LogisticModel
from croupier_policies.models.mixed import MixedModel
from croupier_policies.models.ridge import RidgeModel
from croupier_policies.policies.adaptive import AdaptivePolicy
from croupier_policies.policies.bag import BagPolicy
from croupier_policies.policies.defaults import InverseGapPolicy, SoftmaxPolicy
from croupier_policies.policies.ensemble import EnsemblePolicy
from croupier_policies.policies.fixed import ConstantPolicy, UniformPolicy
from croupier_policies.policies.linear import LinearPolicy
from croupier_policies.policies.logged import LoggedPolicy
from croupier_policies.river.learner import RiverLearner
from croupier_policies.river.policy import RiverPolicy
from croupier_policies.vw.policy import VWPolicy

__all__ = [
    "Actions",
    "AdaptivePolicy",
    "AnnealedSoftmax",
    "BagPolicy",
    "BankModel",
    "Boltzmann",
    "CataloguePolicy",
    "Configurable",
    "ConstantPolicy",
    "DeviceMissing",
    "EnsemblePolicy",
    "EpsilonGreedy",
    "Estimates",
    "FactorLearner",
    "Finding",
    "ForgedState",
    "HybridModel",
    "InitialFactors",
    "InverseGap",
    "InverseGapPolicy",
    "Law",
    "Learner",
    "LinearPolicy",
    "LoggedPolicy",
    "LogisticModel",
    "MixedModel",
    "Model",
    "NotStorable",
    "Odds",
    "Policy",
    "PolicyError",
    "Reason",
    "RidgeModel",
    "RiverLearner",
    "RiverPolicy",
    "Row",
    "Softmax",
    "SoftmaxPolicy",
    "State",
    "Text",
    "Thompson",
    "TooLarge",
    "UniformPolicy",
    "UpperBound",
    "VWPolicy",
    "Value",
    "Vector",
    "draw",
    "flat_row",
    "truncated_svd",
    "uniform",
]
