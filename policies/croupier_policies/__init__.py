"""The mathematics of deciding and learning: arrays in, arrays out; no I/O, no clock, no global random numbers."""

from croupier_policies.base import Actions, Configured, Learner, Odds, Policy, Row, State, Vector
from croupier_policies.catalogue.policy import CataloguePolicy
from croupier_policies.errors import DeviceMissing, ForgedState, NotStorable, PolicyError, TooLarge
from croupier_policies.exploration.base import Estimates, InverseGap, Law, Softmax
from croupier_policies.exploration.more import Boltzmann, EpsilonGreedy, Thompson, UpperBound
from croupier_policies.exploration.sampling import draw, uniform
from croupier_policies.factors.learner import FactorLearner
from croupier_policies.factors.svd import Start, truncated_svd
from croupier_policies.models.bank import BankModel
from croupier_policies.models.base import Model
from croupier_policies.models.hybrid import HybridModel
from croupier_policies.models.logistic import LogisticModel
from croupier_policies.models.ridge import RidgeModel
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
    "BagPolicy",
    "BankModel",
    "Boltzmann",
    "CataloguePolicy",
    "Configured",
    "ConstantPolicy",
    "DeviceMissing",
    "EnsemblePolicy",
    "EpsilonGreedy",
    "Estimates",
    "FactorLearner",
    "ForgedState",
    "HybridModel",
    "InverseGap",
    "InverseGapPolicy",
    "Law",
    "Learner",
    "LinearPolicy",
    "LoggedPolicy",
    "LogisticModel",
    "Model",
    "NotStorable",
    "Odds",
    "Policy",
    "PolicyError",
    "RidgeModel",
    "RiverLearner",
    "RiverPolicy",
    "Row",
    "Softmax",
    "SoftmaxPolicy",
    "Start",
    "State",
    "Thompson",
    "TooLarge",
    "UniformPolicy",
    "UpperBound",
    "VWPolicy",
    "Vector",
    "draw",
    "truncated_svd",
    "uniform",
]
