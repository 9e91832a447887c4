"""What an analysis says in words, and the lines of its tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from croupier.state.experiment.buckets import HOLDOUT
from croupier.studies.results import Contrast, Study
from croupier.studies.statistics.guardrails import Guardrail, State
from croupier.studies.statistics.sequences import LEAST, Course
from croupier.studies.timeline import Story

FROZEN = "the frozen champion of the hold-out"
STEPS = ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes"))


class Line(NamedTuple):
    """A row of a contrast: what is measured, its course, the p-value to go by, what else there is to say."""

    measure: str
    course: Course
    p: float | None = None
    note: str = ""

    @property
    def broken(self) -> bool:
        """Whether it tells of harm that is not put up with."""
        return self.note.startswith(State.BROKEN)


def lines(contrast: Contrast, story: Story) -> list[Line]:
    """Rewards first, then guardrails, further metrics and segments."""
    found = [
        Line(measure, course, float(course.p[-1]))
        for measure, course in (
            ("reward per unit, difference", contrast.difference),
            ("reward per unit, ratio", contrast.ratio),
            ("reward per decision, difference", contrast.per_decision),
            ("reward per decision, ratio", contrast.per_decision_ratio),
        )
    ]
    if (fixed := contrast.fixed) is not None:
        found.append(Line("the same per unit, at one look set beforehand", fixed, float(fixed.p[-1]), "fixed horizon"))
    for name, course in contrast.guardrails.items():
        guard = Guardrail(name, float(story.said["guardrails"][name]))
        found.append(Line(f"guardrail {name}", course, None, f"{guard.state(course.last)}, margin {guard.margin:g}"))
    found += [
        Line(f"{name} per unit", course, contrast.corrected[name], "p corrected (Holm)")
        for name, course in contrast.metrics.items()
    ]
    return found


def finding(contrast: Contrast, what: str = "a unit's reward") -> str:
    """What the difference per unit says by now."""
    course, (new, old) = contrast.difference, (quoted(name) for name in (contrast.treatment, contrast.control))
    if not course.told:
        return f"Too early to say whether {new} is better than {old}: {early(course, new, old)}."
    low, high = course.last[:2]
    if low > 0:
        return f"{new} is better than {old}: by at least {low:.3g} of {what}, at any look."
    if high < 0:
        return f"{new} is worse than {old}: by at least {-high:.3g} of {what}, at any look."
    return f"No difference between {new} and {old} is shown yet: it lies between {low:+.3g} and {high:+.3g} of {what}."


def early(course: Course, new: str, old: str) -> str:
    """How far the evidence is from the least that says anything."""
    control, treatment = course.effective[-1] if len(course.effective) else (0.0, 0.0)
    return (
        f"{new} has {treatment:,.0f} effective units and {old} {control:,.0f}, and nothing is said before each has "
        f"{LEAST}"
    )


def badge(contrast: Contrast) -> str:
    """The same in a word."""
    course = contrast.difference
    if not course.told:
        return "too early"
    return "better" if course.low[-1] > 0 else "worse" if course.high[-1] < 0 else "not shown"


def quoted(variant: str) -> str:
    """A variant within a sentence; the hold-out as what it is."""
    return FROZEN if variant == HOLDOUT else f"“{variant}”"


def named(contrast: Contrast) -> tuple[str, str]:
    """Treatment and control, likewise, for a title."""
    return contrast.treatment, FROZEN if contrast.control == HOLDOUT else contrast.control


def split_said(study: Study) -> str:
    """Whether units met the variants as was meant."""
    if study.doubted is None:
        return f"Units meet the variants as was meant (p = {p_value(study.mismatch_p)}, always valid)."
    since = elapsed(study.doubted - study.story.start.at)
    return (
        f"Units do not meet the variants as was meant (p = {p_value(study.mismatch_p)}, in doubt since {since} after "
        "the start). Believe no difference here until you know why: units went missing, or were counted twice."
    )


def ended(story: Story) -> str:
    """How it stands with the experiment, and the ruling behind it."""
    ruling = story.turns[-1].ruling
    why = f": {'; '.join(ruling['reasons'])}" if ruling else ""
    if story.end is None:
        return f"Running. The last ruling: {ruling['action']}{why}." if ruling else "Running."
    if story.promoted is not None:
        return f"Ended: {quoted(story.promoted)} was promoted to champion{why}."
    return f"Ended: {'withdrawn' if ruling else 'stopped'}{why}."


def elapsed(seconds: float) -> str:
    """A length of time in a fitting unit.

    >>> elapsed(5.0), elapsed(5400), elapsed(3 * 86_400)
    ('5 seconds', '1.5 hours', '3 days')
    """
    size, unit = unit_of(seconds)
    return f"{seconds / size:.3g} {unit}"


def unit_of(seconds: float) -> tuple[float, str]:
    """The unit for times up to this: its seconds, and its name."""
    return next((step for step in STEPS if seconds >= step[0] * 1.5), (1.0, "seconds"))


def when(at: float) -> str:
    """A moment in UTC.

    >>> when(86_400.0)
    '1970-01-02 00:00 UTC'
    """
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def p_value(p: float) -> str:
    """A p-value as it is printed.

    >>> p_value(0.04), p_value(1e-9)
    ('0.04', '< 0.0001')
    """
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}"
