"""What the log says of the difference between two variants."""

from croupier.studies.statistics.bounded import bernstein_sequence
from croupier.studies.statistics.corrections import corrected
from croupier.studies.statistics.effects import Effect, Path, estimates
from croupier.studies.statistics.exposure import Events, Outcomes, closed_windows
from croupier.studies.statistics.guardrails import Guardrail, State
from croupier.studies.statistics.mismatch import Mismatch, sample_ratio
from croupier.studies.statistics.planner import Plan, Prospect, plan, units_for
from croupier.studies.statistics.segments import by_segment
from croupier.studies.statistics.sequences import Course, asymptotic_sequence, fixed_horizon
from croupier.studies.statistics.windows import Windows

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
