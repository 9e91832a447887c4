"""An embedded engine that learns from feedback in real time, and can prove what it learned."""

from croupier.engine import Engine
from croupier.errors import (
    ConfigurationDiffers,
    Conflict,
    CorruptSnapshot,
    CorruptStore,
    CroupierError,
    DecisionDeferred,
    DecisionNotDeferred,
    DecisionNotRewarded,
    DecisionRewarded,
    EngineClosed,
    EvidenceError,
    ExperimentRunning,
    InputError,
    NoExperiment,
    NoFeatures,
    NoPromotion,
    PolicyFailed,
    SchemaMismatch,
    StateError,
    StoreError,
    StoreInUse,
    StoreUnavailable,
    UnknownDecision,
)
from croupier.evaluation import Comparison, Evaluation, compare, evaluate
from croupier.log.catalogue import Catalogue
from croupier.log.decision import Decision, Outcome, Status
from croupier.log.rewards import Rewards
from croupier.ratings import Recommendation
from croupier.state.features import Drift, Features
from croupier.state.fold import ReplayWarning
from croupier.state.verify import Verification, verify
from croupier.studies import Experiment
from croupier.studies.promotion import Rule
from croupier.studies.results import Study
from croupier.studies.study import study
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
    "DecisionDeferred",
    "DecisionNotDeferred",
    "DecisionNotRewarded",
    "DecisionRewarded",
    "Drift",
    "Engine",
    "EngineClosed",
    "Evaluation",
    "EvidenceError",
    "Experiment",
    "ExperimentRunning",
    "FactorLearner",
    "Features",
    "InputError",
    "InverseGapPolicy",
    "LinearPolicy",
    "LoggedPolicy",
    "NoExperiment",
    "NoFeatures",
    "NoPromotion",
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
    "StateError",
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
