"""Estimation and inference for the effect of one variant against another."""

from croupier.studies.statistics.bounded import bernstein_sequence
from croupier.studies.statistics.corrections import correct_p_values
from croupier.studies.statistics.effects import Effect, EffectEstimates, estimate_effect
from croupier.studies.statistics.exposure import Events, MetricEvents, closed_windows
from croupier.studies.statistics.guardrails import Guardrail, GuardrailState
from croupier.studies.statistics.planner import Assumptions, Plan, plan, required_units
from croupier.studies.statistics.sample_ratio import SampleRatioTest, sample_ratio_test
from croupier.studies.statistics.segments import effects_by_segment
from croupier.studies.statistics.sequences import Trajectory, asymptotic_sequence, fixed_horizon
from croupier.studies.statistics.windows import ClosedWindows

__all__ = [
    "Assumptions",
    "ClosedWindows",
    "Effect",
    "EffectEstimates",
    "Events",
    "Guardrail",
    "GuardrailState",
    "MetricEvents",
    "Plan",
    "SampleRatioTest",
    "Trajectory",
    "asymptotic_sequence",
    "bernstein_sequence",
    "closed_windows",
    "correct_p_values",
    "effects_by_segment",
    "estimate_effect",
    "fixed_horizon",
    "plan",
    "required_units",
    "sample_ratio_test",
]
