"""The analysis of an experiment, from its log alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from croupier.errors import EvidenceError, storing
from croupier.evaluation.arguments import NAMES
from croupier.evaluation.datasets import evaluate_dataset, from_frame
from croupier.evaluation.intervals.base import checked_level, error_rate
from croupier.evaluation.results import Evaluation
from croupier.log.arguments import Check, checking, each, flag, instance, number, optional, text
from croupier.log.configuration import Configuration
from croupier.log.limits import TIME
from croupier.log.reader import open_if_url
from croupier.state.experiment.buckets import HOLDOUT
from croupier.studies.events import ShadowDecisions, check_metrics, read_experiment, read_metric
from croupier.studies.results import Contrast, Study, summarize_variants
from croupier.studies.statistics import sequences
from croupier.studies.statistics.corrections import correct_p_values
from croupier.studies.statistics.effects import Effect, estimate_effect
from croupier.studies.statistics.exposure import Events, closed_windows
from croupier.studies.statistics.sample_ratio import SampleRatioTest, sample_ratio_test
from croupier.studies.statistics.segments import effects_by_segment
from croupier.studies.statistics.sequences import Trajectory, asymptotic_sequence
from croupier.studies.statistics.windows import ClosedWindows
from croupier.studies.timeline import Timeline, find_timeline
from croupier_policies import Vector
from croupier_storage import Storage

LOOKS = 60


_CHECKS: dict[str, Check] = {
    "store": instance((str, Storage), '"sqlite:///shop.db"'),
    "name": optional(text),
    "metrics": each(text, NAMES),
    "segment": optional(text),
    "level": number(0.0, 1.0),
    "until": optional(number(-TIME.maximum, TIME.maximum)),
    "fixed_horizon": optional(number(-TIME.maximum, TIME.maximum)),
    "offline": flag,
}


@checking(_CHECKS)
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
    """Analyse an experiment of a log, each effect with an anytime-valid confidence sequence.

    Args:
        store: URL of a store, which is opened read-only and may be open elsewhere; or an open store.
        name: Name of the experiment; the last one by default.
        metrics: Metrics besides the reward, named as in `Experiment.guardrails`.
        segment: A feature of the context. Choose it before looking at outcomes.
        level: Confidence level; the intervals of all candidates hold simultaneously.
        until: Time of the last look, in seconds; by default the latest in the log, at most the experiment's end.
        fixed_horizon: Time of an additional fixed-horizon test, in seconds. It must have been specified beforehand.
        offline: Whether to estimate off-policy what the shadows would have earned.

    Returns:
        The study; render it with `croupier.reports`.

    Raises:
        EvidenceError: There is no such experiment, metric or feature, or `fixed_horizon` is after the end of the log.
        InputError: A metric is not a number, or contexts have no features to segment by.
        StoreError: The store cannot be read.

    >>> import tempfile
    >>> from croupier import ConstantPolicy, Engine, Experiment
    >>> now = iter(range(10_000))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     url = f"sqlite:///{folder}/shop.db"
    ...     with Engine.open(url, policy=ConstantPolicy(action="a"), learner=None, clock=lambda: next(now)) as e:
    ...         _ = e.experiments.start(Experiment("b for a", {"a": None, "b": ConstantPolicy(action="b")}, 10.0))
    ...         for n in range(1000):
    ...             decision = e.choose({}, ["a", "b"], unit=f"user-{n}")
    ...             _ = e.reward(decision.id, 0.6 if decision.action == "b" and n % 2 else 0.2)
    ...     found = study(url)
    >>> found.contrast("b").difference.last.low > 0
    True
    """
    checked_level(level)
    with storing(), open_if_url(store) as storage:
        timeline = find_timeline(storage, name)
        configuration = Configuration.from_settings(storage.settings())
        data = read_experiment(storage, timeline, segment)
        guardrails = timeline.description["guardrails"]
        check_metrics(storage, timeline, [metric for metric in metrics if metric not in guardrails])
        metric_events = {metric: read_metric(storage, timeline, metric) for metric in {*metrics, *guardrails}}
    events, window = data.events, float(timeline.description["window"])
    end = _last_look(timeline, events, until)
    first = timeline.start.at + window
    windows = closed_windows(events, window, end)
    metric_windows = {metric: closed_windows(events, window, end, found) for metric, found in metric_events.items()}
    looks = np.unique(np.linspace(first, max(end, first), LOOKS))
    analysis = _Analysis(
        timeline, windows, metric_windows, looks, level, tuple(metrics), data.segments, _checked(fixed_horizon, end)
    )
    sample_ratio, assigned_at = _sample_ratio(events, len(timeline.variants))
    return Study(
        timeline=timeline,
        variants=summarize_variants(timeline, data.policies, windows, sample_ratio),
        events=events,
        windows=windows,
        looks=looks,
        contrasts=[analysis.contrast(*pair) for pair in _pairs(timeline)],
        sample_ratio=sample_ratio,
        assigned_at=assigned_at,
        shadows=data.shadows,
        offline=_offline(data.shadows, configuration.reward_range, level) if offline else None,
        level=level,
    )


def _pairs(timeline: Timeline) -> list[tuple[str, str]]:
    """Treatment and control of every contrast."""
    candidates = [(candidate, timeline.champion) for candidate in timeline.candidates]
    return candidates + [(timeline.champion, HOLDOUT)] * (HOLDOUT in timeline.variants)


def _last_look(timeline: Timeline, events: Events, until: float | None) -> float:
    """The latest time in the log. A window still open at the experiment's end was cut short and is left out."""
    if timeline.end is not None:
        latest = float(events.at.max(initial=timeline.end.at))
        return latest if until is None else min(until, latest)
    latest = float(np.nanmax(np.concatenate([[timeline.now], events.at, events.rewarded_at])))
    return latest if until is None else until


def _checked(fixed_horizon: float | None, end: float) -> float | None:
    if fixed_horizon is not None and fixed_horizon > end:
        raise EvidenceError(
            f"the fixed-horizon test is due at {fixed_horizon}, and the log ends at {end}: testing before the "
            "specified time is peeking, and inflates the error rate far above 1 − level. Wait, or use the confidence "
            "sequences, which are valid at every look"
        )
    return fixed_horizon


@dataclass(frozen=True)
class _Analysis:
    """What every contrast is estimated from."""

    timeline: Timeline
    windows: ClosedWindows
    metric_windows: Mapping[str, ClosedWindows]
    looks: Vector
    level: float
    metrics: Sequence[str]
    segment_labels: Sequence[str]
    fixed_at: float | None

    def contrast(self, treatment: str, control: str) -> Contrast:
        """One variant against another."""
        timeline, windows = self.timeline, self.windows
        each = 1 - error_rate(self.level, max(len(timeline.candidates), 1))
        planned_units = float(timeline.description["planned"])
        pair = timeline.variants.index(treatment), timeline.variants.index(control)

        def sequence(of: ClosedWindows, effect: Effect | None = None) -> Trajectory:
            return asymptotic_sequence(estimate_effect(of, *pair, effect, self.looks), each, planned_units)

        metrics = {metric: sequence(self.metric_windows[metric]) for metric in self.metrics}
        p = np.array([trajectory.p[-1] for trajectory in metrics.values()])
        corrected_p = correct_p_values(p) if metrics else np.empty(0)
        segmented = windows.segment is not None and len(windows)
        segments = effects_by_segment(windows, *pair, None, self.looks, each, planned_units) if segmented else {}
        fixed = None if self.fixed_at is None else estimate_effect(windows, *pair, None, np.array([self.fixed_at]))
        return Contrast(
            treatment,
            control,
            sequence(windows),
            sequence(windows, Effect(scale="ratio")),
            sequence(windows, Effect("decision")),
            sequence(windows, Effect("decision", "ratio")),
            metrics,
            dict(zip(metrics, map(float, corrected_p), strict=True)),
            {metric: sequence(self.metric_windows[metric]) for metric in timeline.description["guardrails"]},
            {self.segment_labels[k]: trajectory for k, trajectory in segments.items()},
            None if fixed is None else sequences.fixed_horizon(fixed, each),
        )


def _sample_ratio(events: Events, variants: int) -> tuple[SampleRatioTest, Vector]:
    """The test over all assigned units, in order of first assignment; and the times of those assignments."""
    order = np.argsort(events.at, kind="stable")
    _, first = np.unique(events.unit[order], return_index=True)
    rows = order[np.sort(first)]
    probability = events.probability[rows].reshape(len(rows), variants)
    return sample_ratio_test(events.variant[rows], probability), events.at[rows]


def _offline(
    shadows: Mapping[str, ShadowDecisions], reward_range: tuple[float, float], level: float
) -> Evaluation | None:
    """Off-policy evaluation of the shadows on the decisions that have a reward, with weights π/p."""
    decisions = list(shadows.values())
    known = np.isfinite(decisions[0].reward) if decisions else np.empty(0, dtype=bool)
    if not known.any():
        return None
    columns = {"reward": decisions[0].reward[known], "propensity": decisions[0].propensity[known]}
    columns |= {f"shadow {k}": shadow.probability[known] for k, shadow in enumerate(decisions)}
    return evaluate_dataset(
        from_frame(columns, {"reward": "reward", "propensity": "propensity"}),
        ["logged", *(f"column:shadow {k}" for k in range(len(decisions)))],
        level=level,
        reward_range=reward_range,
    )
