"""An embedded engine that learns from feedback in real time, and can prove what it learned."""

from croupier.behaviour import Drift, Features
from croupier.catalogue import Catalogue
from croupier.decision import Decision, Outcome, Status
from croupier.engine import Engine
from croupier.errors import (
    ConfigurationDiffers,
    Conflict,
    CorruptSnapshot,
    CorruptStore,
    CroupierError,
    EngineClosed,
    EvidenceError,
    InputError,
    NotNow,
    PolicyFailed,
    SchemaMismatch,
    StoreError,
    StoreInUse,
    StoreUnavailable,
    UnknownDecision,
)
from croupier.evaluation import Comparison, Evaluation, compare, evaluate
from croupier.experiments import Experiment
from croupier.experiments.promotion import Rule
from croupier.experiments.results import Study
from croupier.experiments.study import study
from croupier.fold import ReplayWarning
from croupier.recommender import Recommendation
from croupier.rewards import Rewards
from croupier.verify import Verification, verify
from croupier_policies import (
    BagPolicy,
    CataloguePolicy,
    ConstantPolicy,
    FactorLearner,
    InverseGapPolicy,
    LinearPolicy,
    LoggedPolicy,
    RiverLearner,
    RiverPolicy,
    SoftmaxPolicy,
    UniformPolicy,
    VWPolicy,
    truncated_svd,
)

__all__ = [
    "BagPolicy",
    "Catalogue",
    "CataloguePolicy",
    "Comparison",
    "ConfigurationDiffers",
    "Conflict",
    "ConstantPolicy",
    "CorruptSnapshot",
    "CorruptStore",
    "CroupierError",
    "Decision",
    "Drift",
    "Engine",
    "EngineClosed",
    "Evaluation",
    "EvidenceError",
    "Experiment",
    "FactorLearner",
    "Features",
    "InputError",
    "InverseGapPolicy",
    "LinearPolicy",
    "LoggedPolicy",
    "NotNow",
    "Outcome",
    "PolicyFailed",
    "Recommendation",
    "ReplayWarning",
    "Rewards",
    "RiverLearner",
    "RiverPolicy",
    "Rule",
    "SchemaMismatch",
    "SoftmaxPolicy",
    "Status",
    "StoreError",
    "StoreInUse",
    "StoreUnavailable",
    "Study",
    "UniformPolicy",
    "UnknownDecision",
    "VWPolicy",
    "Verification",
    "compare",
    "evaluate",
    "study",
    "truncated_svd",
    "verify",
]
