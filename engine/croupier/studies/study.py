"""The analysis of an experiment, from the log alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from croupier.errors import EvidenceError, storing
from croupier.evaluation.datasets import evaluate_dataset, from_frame
from croupier.evaluation.intervals.base import checked_level, error_rate
from croupier.evaluation.results import Evaluation
from croupier.log.configuration import Configuration
from croupier.log.reader import open_if_url
from croupier.state.experiment.buckets import HOLDOUT
from croupier.studies.events import Shadowed, observed, read
from croupier.studies.results import Contrast, Study, arms
from croupier.studies.statistics import sequences
from croupier.studies.statistics.corrections import corrected
from croupier.studies.statistics.effects import Effect, estimates
from croupier.studies.statistics.exposure import Events, closed_windows
from croupier.studies.statistics.mismatch import Mismatch, sample_ratio
from croupier.studies.statistics.segments import by_segment
from croupier.studies.statistics.sequences import Course, asymptotic_sequence
from croupier.studies.statistics.windows import Windows
from croupier.studies.timeline import Story, story
from croupier_policies import Vector
from croupier_storage import Storage

LOOKS = 60


def study(
    store: str | Storage,
    name: str | None = None,
    *,
    metrics: Sequence[str] = (),
    segment: str | None = None,
    level: float = 0.95,
    until: float | None = None,
    fixed_horizon: float | None = None,
    offline: bool = True,
) -> Study:
    """Analyse an experiment of a log: every effect with a confidence sequence, to be looked at as often as one likes.

    Args:
        store: The URL of a store, which is read only and may be open elsewhere; or one that is open here.
        name: Of the experiment; the last one by default.
        metrics: Further ones than the reward, as `Experiment.guardrails` names them.
        segment: A feature of the context; it must be chosen before the outcomes are looked at.
        level: Of the intervals.
        until: The time of the last look; the latest in the log by default, and never after the experiment's end.
        fixed_horizon: Also a test for one look at this time, which must have been set beforehand.
        offline: Whether to tell what shadows would have earned, too.

    Raises:
        EvidenceError: There is no such experiment, or the time of the one look has not come.
        InputError: A metric is no number, or contexts have no features to tell segments by.
        StoreError: The store cannot be read.

    >>> import tempfile
    >>> from croupier import ConstantPolicy, Engine, Experiment
    >>> now = iter(range(10_000))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     url = f"sqlite:///{folder}/shop.db"
    ...     with Engine.open(url, policy=ConstantPolicy(action="a"), learner=None, clock=lambda: next(now)) as e:
    ...         variants = {"a": None, "b": ConstantPolicy(action="b")}
    ...         _ = e.experiments.start(Experiment("b for a", variants, window=10.0))
    ...         for n in range(1000):
    ...             decision = e.choose({}, ["a", "b"], unit=f"user-{n}")
    ...             _ = e.reward(decision.id, 0.6 if decision.action == "b" and n % 2 else 0.2)
    ...     found = study(url)
    >>> found.contrast("b").difference.last.low > 0
    True
    """
    checked_level(level)
    with storing(), open_if_url(store) as storage:
        told_of = story(storage, name)
        configuration = Configuration.from_settings(storage.settings())
        told = read(storage, told_of, segment)
        seen = {metric: observed(storage, told_of, metric) for metric in {*metrics, *told_of.said["guardrails"]}}
    events, window = told.events, float(told_of.said["window"])
    end = _last_look(told_of, events, until)
    first = told_of.start.at + window
    windows = closed_windows(events, window, end)
    others = {metric: closed_windows(events, window, end, outcomes) for metric, outcomes in seen.items()}
    looks = np.unique(np.linspace(first, max(end, first), LOOKS))
    analysis = _Analysis(
        told_of, windows, others, looks, level, tuple(metrics), told.segments, _due(fixed_horizon, end)
    )
    mismatch, came = _mismatch(events, len(told_of.variants))
    return Study(
        story=told_of,
        arms=arms(told_of, told.policies, windows, mismatch),
        events=events,
        windows=windows,
        looks=looks,
        contrasts=[analysis.contrast(*pair) for pair in _pairs(told_of)],
        mismatch=mismatch,
        came=came,
        shadows=told.shadows,
        offline=_offline(told.shadows, configuration.reward_range, level) if offline else None,
        level=level,
    )


def _pairs(story: Story) -> list[tuple[str, str]]:
    against = [(candidate, story.champion) for candidate in story.candidates]
    return against + [(story.champion, HOLDOUT)] * (HOLDOUT in story.variants)


def _last_look(story: Story, events: Events, until: float | None) -> float:
    """The latest time in the log; a window that was still open when the experiment ended was cut short, and is out."""
    if story.end is not None:
        latest = float(events.at.max(initial=story.end.at))
        return latest if until is None else min(until, latest)
    latest = float(np.nanmax(np.concatenate([[story.now], events.at, events.rewarded])))
    return latest if until is None else until


def _due(at: float | None, end: float) -> float | None:
    if at is not None and at > end:
        raise EvidenceError(
            f"the one look was to be at {at}, and the log ends at {end}: a look before its time is peeking, and wrong "
            "far more often than it says. Wait, or use the sequences, which may be looked at any time"
        )
    return at


@dataclass(frozen=True)
class _Analysis:
    """What every contrast is made from."""

    story: Story
    windows: Windows
    others: Mapping[str, Windows]
    looks: Vector
    level: float
    metrics: Sequence[str]
    labels: Sequence[str]
    fixed_at: float | None

    def contrast(self, treatment: str, control: str) -> Contrast:
        """One variant against another."""
        story, windows = self.story, self.windows
        each, planned = 1 - error_rate(self.level, max(len(story.candidates), 1)), float(story.said["planned"])
        pair = story.variants.index(treatment), story.variants.index(control)

        def sequence(of: Windows, effect: Effect | None = None) -> Course:
            return asymptotic_sequence(estimates(of, *pair, effect, self.looks), each, planned)

        found = {metric: sequence(self.others[metric]) for metric in self.metrics}
        adjusted = corrected(np.array([course.p[-1] for course in found.values()])) if found else np.empty(0)
        known = windows.segment is not None and len(windows)
        segments = by_segment(windows, *pair, None, self.looks, each, planned) if known else {}
        fixed = None if self.fixed_at is None else estimates(windows, *pair, None, np.array([self.fixed_at]))
        return Contrast(
            treatment,
            control,
            sequence(windows),
            sequence(windows, Effect(scale="ratio")),
            sequence(windows, Effect("decision")),
            sequence(windows, Effect("decision", "ratio")),
            found,
            dict(zip(found, map(float, adjusted), strict=True)),
            {metric: sequence(self.others[metric]) for metric in story.said["guardrails"]},
            {self.labels[k]: course for k, course in segments.items()},
            None if fixed is None else sequences.fixed_horizon(fixed, each),
        )


def _mismatch(events: Events, variants: int) -> tuple[Mismatch, Vector]:
    """Of every unit that met a variant, in the order in which they first did; and when that was."""
    order = np.argsort(events.at, kind="stable")
    _, first = np.unique(events.unit[order], return_index=True)
    rows = order[np.sort(first)]
    return sample_ratio(events.variant[rows], events.probability[rows].reshape(len(rows), variants)), events.at[rows]


def _offline(shadows: Mapping[str, Shadowed], reward_range: tuple[float, float], level: float) -> Evaluation | None:
    """What each shadow would have earned: decisions with a reward, weighted by π/p."""
    said = list(shadows.values())
    known = np.isfinite(said[0].reward) if said else np.empty(0, dtype=bool)
    if not known.any():
        return None
    columns = {"reward": said[0].reward[known], "propensity": said[0].propensity[known]}
    columns |= {f"shadow {k}": shadow.probability[known] for k, shadow in enumerate(said)}
    return evaluate_dataset(
        from_frame(columns, {"reward": "reward", "propensity": "propensity"}),
        ["logged", *(f"column:shadow {k}" for k in range(len(said)))],
        level=level,
        reward_range=reward_range,
    )
