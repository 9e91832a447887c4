"""What other policies would have earned: off-policy estimates, their intervals, and whether the evidence is enough."""

from croupier.evaluation.compare import compare
from croupier.evaluation.estimators.base import Columns, Estimator
from croupier.evaluation.estimators.basic import ESTIMATORS
from croupier.evaluation.estimators.moments import Moments
from croupier.evaluation.evaluate import evaluate
from croupier.evaluation.evidence.accumulator import Tally
from croupier.evaluation.evidence.diagnostics import Diagnostics, Mass
from croupier.evaluation.evidence.verdict import RULES, Cause, Refusal, Rules, Verdict, judge
from croupier.evaluation.intervals import INTERVALS, Interval, Setting, normal_fixed_sample
from croupier.evaluation.passes.rows import Counts
from croupier.evaluation.passes.status import Status
from croupier.evaluation.passes.targets import Constant, Frozen, Function, Learned, Logged, Target
from croupier.evaluation.results import Comparison, Difference, Estimate, Evaluated, Evaluation

__all__ = [
    "ESTIMATORS",
    "INTERVALS",
    "RULES",
    "Cause",
    "Columns",
    "Comparison",
    "Constant",
    "Counts",
    "Diagnostics",
    "Difference",
    "Estimate",
    "Estimator",
    "Evaluated",
    "Evaluation",
    "Frozen",
    "Function",
    "Interval",
    "Learned",
    "Logged",
    "Mass",
    "Moments",
    "Refusal",
    "Rules",
    "Setting",
    "Status",
    "Tally",
    "Target",
    "Verdict",
    "compare",
    "evaluate",
    "judge",
    "normal_fixed_sample",
]
