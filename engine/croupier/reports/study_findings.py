"""The findings of a study in words, and the rows of its tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from croupier.state.experiment.buckets import HOLDOUT
from croupier.studies.results import Contrast, Study
from croupier.studies.statistics.guardrails import Guardrail, GuardrailState
from croupier.studies.statistics.sequences import MIN_EFFECTIVE_UNITS, Trajectory
from croupier.studies.timeline import Timeline

FROZEN_CHAMPION = "the hold-out (frozen champion)"
DURATION_UNITS = ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes"))


class MeasureRow(NamedTuple):
    """A row of a contrast's table.

    Attributes:
        measure: What is estimated.
        trajectory: The estimates over time.
        p: The p-value to report; None for none.
        note: A remark.
    """

    measure: str
    trajectory: Trajectory
    p: float | None = None
    note: str = ""

    @property
    def violated(self) -> bool:
        """Whether it is a violated guardrail."""
        return self.note.startswith(GuardrailState.VIOLATED)


def measure_rows(contrast: Contrast, timeline: Timeline) -> list[MeasureRow]:
    """Rewards first, then guardrails and further metrics."""
    found = [
        MeasureRow(measure, trajectory, float(trajectory.p[-1]))
        for measure, trajectory in (
            ("reward per unit, difference", contrast.difference),
            ("reward per unit, ratio", contrast.ratio),
            ("reward per decision, difference", contrast.per_decision),
            ("reward per decision, ratio", contrast.per_decision_ratio),
        )
    ]
    if (fixed := contrast.fixed_horizon) is not None:
        found.append(MeasureRow("reward per unit, difference", fixed, float(fixed.p[-1]), "fixed-horizon test"))
    for name, trajectory in contrast.guardrails.items():
        guard = Guardrail(name, float(timeline.description["guardrails"][name]))
        note = f"{guard.state(trajectory.last)}, margin {guard.margin:g}"
        found.append(MeasureRow(f"guardrail {name}", trajectory, None, note))
    found += [
        MeasureRow(f"{name} per unit", trajectory, contrast.corrected_p[name], "p corrected (Holm)")
        for name, trajectory in contrast.metrics.items()
    ]
    return found


def finding(contrast: Contrast) -> str:
    """The conclusion about the difference of reward per unit, as a sentence."""
    trajectory = contrast.difference
    new, old = (quote(name) for name in (contrast.treatment, contrast.control))
    if not trajectory.enough_data:
        return f"Insufficient data to compare {new} with {old}: {data_shortage(trajectory, new, old)}."
    low, high = trajectory.last[:2]
    if low > 0:
        return f"{new} is better than {old} by at least {low:.3g} in reward per unit (anytime-valid)."
    if high < 0:
        return f"{new} is worse than {old} by at least {-high:.3g} in reward per unit (anytime-valid)."
    return f"Inconclusive: the difference of {new} and {old} in reward per unit is between {low:+.3g} and {high:+.3g}."


def missing_interval(trajectory: Trajectory) -> str:
    """What a table shows where there is no interval: too few units, or a variance of zero or a ratio to zero."""
    few = not len(trajectory.effective) or trajectory.effective[-1].min() < MIN_EFFECTIVE_UNITS
    return "insufficient data" if few else "undefined"


def data_shortage(trajectory: Trajectory, new: str, old: str) -> str:
    """Why there is no interval: the effective sample sizes of treatment and control, or rewards without variance."""
    control, treatment = trajectory.effective[-1] if len(trajectory.effective) else (0.0, 0.0)
    if min(control, treatment) >= MIN_EFFECTIVE_UNITS:
        return (
            f"all {treatment:,.0f} units for {new} have the same reward and so have all {control:,.0f} for {old}: the "
            "variance is zero, and an interval needs rewards that differ"
        )
    return (
        f"the effective sample size is {treatment:,.0f} units for {new} and {control:,.0f} for {old}; at least "
        f"{MIN_EFFECTIVE_UNITS} each are required"
    )


def conclusion(contrast: Contrast) -> str:
    """The conclusion as "better", "worse", "inconclusive" or "insufficient data"."""
    trajectory = contrast.difference
    if not trajectory.enough_data:
        return "insufficient data"
    return "better" if trajectory.low[-1] > 0 else "worse" if trajectory.high[-1] < 0 else "inconclusive"


def quote(variant: str) -> str:
    """A variant's name within a sentence; the hold-out is described instead."""
    return FROZEN_CHAMPION if variant == HOLDOUT else f"“{variant}”"


def contrast_names(contrast: Contrast) -> tuple[str, str]:
    """Treatment and control within a title; the hold-out is described instead."""
    return contrast.treatment, FROZEN_CHAMPION if contrast.control == HOLDOUT else contrast.control


def sample_ratio_text(study: Study) -> str:
    """The result of the test for sample-ratio mismatch, as a sentence."""
    if study.mismatch_at is None:
        return f"No sample-ratio mismatch detected (p = {format_p(study.mismatch_p)}, anytime-valid)."
    since = format_duration(study.mismatch_at - study.timeline.start.at)
    return (
        f"Sample-ratio mismatch detected (p = {format_p(study.mismatch_p)}, first detected {since} after the start). "
        "Do not trust the differences until the cause is known: units may have been lost or counted twice."
    )


def status_text(timeline: Timeline) -> str:
    """Whether the experiment runs or how it ended, with the last ruling."""
    ruling = timeline.entries[-1].ruling
    reasons = f": {'; '.join(ruling['reasons'])}" if ruling else ""
    if timeline.end is None:
        return f"Running. Last ruling: {ruling['action']}{reasons}." if ruling else "Running."
    if timeline.promoted is not None:
        return f"Ended: {quote(timeline.promoted)} was promoted to champion{reasons}."
    return f"Ended: {'withdrawn' if ruling else 'stopped'}{reasons}."


def format_duration(seconds: float) -> str:
    """A duration in a suitable unit.

    >>> format_duration(5.0), format_duration(5400), format_duration(3 * 86_400)
    ('5 seconds', '1.5 hours', '3 days')
    """
    size, unit = duration_unit(seconds)
    return f"{seconds / size:.3g} {unit}"


def duration_unit(seconds: float) -> tuple[float, str]:
    """The unit for durations up to this one: its length in seconds, and its name."""
    return next((unit for unit in DURATION_UNITS if seconds >= unit[0] * 1.5), (1.0, "seconds"))


def format_time(at: float) -> str:
    """A time in UTC.

    >>> format_time(86_400.0)
    '1970-01-02 00:00 UTC'
    """
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def format_p(p: float) -> str:
    """A p-value as it is printed.

    >>> format_p(0.04), format_p(1e-9)
    ('0.04', '< 0.0001')
    """
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}"
