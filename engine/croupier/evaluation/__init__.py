"""What other policies would have earned: off-policy estimates, their intervals, and whether the evidence is enough."""

from croupier.evaluation.base import Columns, Estimator
from croupier.evaluation.compare import compare
from croupier.evaluation.diagnostics import Diagnostics, Mass
from croupier.evaluation.differences import Comparison, Difference
from croupier.evaluation.estimators import ESTIMATORS
from croupier.evaluation.evaluate import evaluate
from croupier.evaluation.intervals import INTERVALS, Interval, Setting, normal_fixed_sample
from croupier.evaluation.log import Counts
from croupier.evaluation.moments import Moments
from croupier.evaluation.results import Estimate, Evaluated, Evaluation
from croupier.evaluation.status import Status
from croupier.evaluation.tally import Tally
from croupier.evaluation.targets import Constant, Frozen, Function, Learned, Logged, Target
from croupier.evaluation.verdict import RULES, Cause, Refusal, Rules, Verdict, judge

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
