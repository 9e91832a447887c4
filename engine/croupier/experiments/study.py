"""The analysis of an experiment, from the log alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from croupier.errors import storing
from croupier.evaluation.intervals.base import miss
from croupier.experiments.analysis.corrections import corrected
from croupier.experiments.analysis.effects import Effect, estimates
from croupier.experiments.analysis.exposure import Events, closed_windows
from croupier.experiments.analysis.mismatch import Mismatch, sample_ratio
from croupier.experiments.analysis.segments import by_segment
from croupier.experiments.analysis.sequences import Course, asymptotic_sequence
from croupier.experiments.analysis.windows import Windows
from croupier.experiments.pieces import HOLDOUT
from croupier.experiments.reading import Shadowed, observed, read
from croupier.experiments.story import Story, story
from croupier_policies import Vector
from croupier_storage import Storage

LOOKS = 60


@dataclass(frozen=True)
class Contrast:
    """One variant against another, over time.

    Attributes:
        treatment: The variant.
        control: What it is compared with.
        difference: Of the mean reward of a unit's window.
        ratio: Of the same.
        per_decision: Difference of the reward per decision.
        metrics: Difference of each further metric, per unit; their last p-values are in `corrected`.
        corrected: P-values of the metrics at the last look, by Holm's correction for their number.
        guardrails: Difference of each guardrail's metric, per unit.
        segments: Difference in each segment; the intervals of all hold together.
    """

    treatment: str
    control: str
    difference: Course
    ratio: Course
    per_decision: Course
    metrics: Mapping[str, Course] = field(default_factory=dict)
    corrected: Mapping[str, float] = field(default_factory=dict)
    guardrails: Mapping[str, Course] = field(default_factory=dict)
    segments: Mapping[str, Course] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """What the log says of an experiment.

    Attributes:
        story: Its start, weights and end.
        events: Its decisions.
        windows: One closed window per unit.
        looks: Times of the looks, in seconds, shape (looks,).
        contrasts: Every candidate against the champion, and the champion against the hold-out.
        mismatch: Whether units met the variants as was meant.
        shadows: What each shadow said.
        level: Of the intervals; those of all candidates hold together.
    """

    story: Story
    events: Events
    windows: Windows
    looks: Vector
    contrasts: Sequence[Contrast]
    mismatch: Mismatch
    shadows: Mapping[str, Shadowed]
    level: float

    def contrast(self, variant: str) -> Contrast:
        """That of a candidate."""
        return next(one for one in self.contrasts if one.treatment == variant)

    def met(self) -> dict[str, int]:
        """Units that met each variant first."""
        return {name: int(n) for name, n in zip(self.story.variants, self.mismatch.observed, strict=True)}


def study(
    storage: Storage,
    name: str | None = None,
    *,
    metrics: Sequence[str] = (),
    segment: str | None = None,
    level: float = 0.95,
    until: float | None = None,
) -> Study:
    """Analyse an experiment of a log: every effect with a confidence sequence, to be looked at as often as one likes.

    Args:
        storage: The log.
        name: Of the experiment; the last one by default.
        metrics: Further ones than the reward, as `Experiment.guardrails` names them.
        segment: A feature of the context; it must be chosen before the outcomes are looked at.
        level: Of the intervals.
        until: The time of the last look; the latest in the log by default.

    Raises:
        EvidenceError: There is no such experiment.
        StoreError: The store cannot be read.
    """
    with storing():
        told_of = story(storage, name)
        told = read(storage, told_of, segment)
        end = told_of.now if until is None else until
        seen = {metric: observed(storage, told_of, metric) for metric in {*metrics, *told_of.said["guardrails"]}}
    events, window = told.events, float(told_of.said["window"])
    first = told_of.start.at + window
    looks = np.unique(np.linspace(first, max(end, first), LOOKS))
    windows = closed_windows(events, window, end)
    others = {metric: closed_windows(events, window, end, outcomes) for metric, outcomes in seen.items()}
    make = partial(_contrast, told_of, windows, others, looks, level, tuple(metrics), told.segments)
    champion, *rest = told_of.variants
    pairs = [(v, champion) for v in rest if v != HOLDOUT] + [(champion, HOLDOUT)] * (HOLDOUT in rest)
    return Study(
        told_of,
        events,
        windows,
        looks,
        [make(*pair) for pair in pairs],
        _mismatch(events, len(told_of.variants)),
        told.shadows,
        level,
    )


def _contrast(
    story: Story,
    windows: Windows,
    others: Mapping[str, Windows],
    looks: Vector,
    level: float,
    metrics: Sequence[str],
    labels: Sequence[str],
    treatment: str,
    control: str,
) -> Contrast:
    candidates = len(story.variants) - 1 - (HOLDOUT in story.variants)
    each, planned = 1 - miss(level, max(candidates, 1)), float(story.said["planned"])
    pair = story.variants.index(treatment), story.variants.index(control)

    def sequence(of: Windows, effect: Effect | None = None) -> Course:
        return asymptotic_sequence(estimates(of, *pair, effect, looks), each, planned)

    found = {metric: sequence(others[metric]) for metric in metrics}
    adjusted = corrected(np.array([course.p[-1] for course in found.values()])) if found else np.empty(0)
    segments = by_segment(windows, *pair, None, looks, each, planned) if labels else {}
    return Contrast(
        treatment,
        control,
        sequence(windows),
        sequence(windows, Effect(scale="ratio")),
        sequence(windows, Effect("decision")),
        found,
        dict(zip(found, map(float, adjusted), strict=True)),
        {metric: sequence(others[metric]) for metric in story.said["guardrails"]},
        {labels[k]: course for k, course in segments.items()},
    )


def _mismatch(events: Events, variants: int) -> Mismatch:
    """Of every unit that met a variant, in the order in which they first did."""
    order = np.argsort(events.at, kind="stable")
    _, first = np.unique(events.unit[order], return_index=True)
    rows = order[np.sort(first)]
    return sample_ratio(events.variant[rows], events.probability[rows].reshape(len(rows), variants))
