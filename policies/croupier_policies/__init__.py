"""The mathematics of deciding and learning: arrays in, arrays out; no I/O, no clock, no global random numbers."""

from croupier_policies.bag import BagPolicy
from croupier_policies.bank_model import BankModel
from croupier_policies.base import Actions, Configured, Learner, Odds, Policy, Row, State, Vector
from croupier_policies.catalogue_policy import CataloguePolicy
from croupier_policies.ensemble import EnsemblePolicy
from croupier_policies.errors import DeviceMissing, PolicyError, TooLarge
from croupier_policies.exploration import Estimates, InverseGap, Law, Softmax
from croupier_policies.factors import FactorLearner
from croupier_policies.fixed import ConstantPolicy, UniformPolicy
from croupier_policies.hybrid_model import HybridModel
from croupier_policies.linear_policy import LinearPolicy
from croupier_policies.logged import LoggedPolicy
from croupier_policies.logistic_model import LogisticModel
from croupier_policies.model import Model
from croupier_policies.more_laws import Boltzmann, EpsilonGreedy, Thompson, UpperBound
from croupier_policies.ridge_model import RidgeModel
from croupier_policies.ridge_policies import InverseGapPolicy, SoftmaxPolicy
from croupier_policies.river_learner import RiverLearner
from croupier_policies.river_policy import RiverPolicy
from croupier_policies.river_state import ForgedState, NotStorable
from croupier_policies.sampling import draw, uniform
from croupier_policies.svd import Start, truncated_svd
from croupier_policies.vw import VWPolicy

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
