"""Off-policy evaluation: estimates of the value of target policies, their intervals, and verdicts on the evidence."""

from croupier.evaluation.compare import compare
from croupier.evaluation.estimators.base import Estimator, EstimatorInputs
from croupier.evaluation.estimators.basic import ESTIMATORS
from croupier.evaluation.estimators.moments import SampleMoments
from croupier.evaluation.evaluate import evaluate
from croupier.evaluation.evidence.diagnostics import Diagnostics, WeightSummary
from croupier.evaluation.evidence.tally import Tally
from croupier.evaluation.evidence.verdict import RULES, Cause, Refusal, Rules, Verdict, judge
from croupier.evaluation.intervals import INTERVALS, Interval, LogBounds, normal_fixed_sample
from croupier.evaluation.passes.rows import Counts
from croupier.evaluation.passes.status import DecisionStatus
from croupier.evaluation.passes.targets import (
    ConstantTarget,
    FrozenTarget,
    FunctionTarget,
    LearningTarget,
    LoggedTarget,
    Target,
)
from croupier.evaluation.results import Comparison, Difference, Estimate, Evaluation, TargetEvaluation

__all__ = [
    "ESTIMATORS",
    "INTERVALS",
    "RULES",
    "Cause",
    "Comparison",
    "ConstantTarget",
    "Counts",
    "DecisionStatus",
    "Diagnostics",
    "Difference",
    "Estimate",
    "Estimator",
    "EstimatorInputs",
    "Evaluation",
    "FrozenTarget",
    "FunctionTarget",
    "Interval",
    "LearningTarget",
    "LogBounds",
    "LoggedTarget",
    "Refusal",
    "Rules",
    "SampleMoments",
    "Tally",
    "Target",
    "TargetEvaluation",
    "Verdict",
    "WeightSummary",
    "compare",
    "evaluate",
    "judge",
    "normal_fixed_sample",
]
