"""What the log says of the difference between two variants."""

from croupier.experiments.analysis.bounded import bernstein_sequence
from croupier.experiments.analysis.corrections import corrected
from croupier.experiments.analysis.effects import Effect, Path, estimates
from croupier.experiments.analysis.exposure import Events, Outcomes, closed_windows
from croupier.experiments.analysis.guardrails import Guardrail, State
from croupier.experiments.analysis.mismatch import Mismatch, sample_ratio
from croupier.experiments.analysis.planner import Plan, Prospect, plan, units_for
from croupier.experiments.analysis.segments import by_segment
from croupier.experiments.analysis.sequences import Course, asymptotic_sequence, fixed_horizon
from croupier.experiments.analysis.windows import Windows

__all__ = [
    "Course",
    "Effect",
    "Events",
    "Guardrail",
    "Mismatch",
    "Outcomes",
    "Path",
    "Plan",
    "Prospect",
    "State",
    "Windows",
    "asymptotic_sequence",
    "bernstein_sequence",
    "by_segment",
    "closed_windows",
    "corrected",
    "estimates",
    "fixed_horizon",
    "plan",
    "sample_ratio",
    "units_for",
]
