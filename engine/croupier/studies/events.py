"""Columns read from the log: an experiment's decisions and rewards, its shadows' decisions, and further metrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import orjson

from croupier.errors import EvidenceError, InputError
from croupier.log import segments
from croupier.log.configuration import Configuration
from croupier.log.encoding import decode_row
from croupier.log.reader import batches
from croupier.log.rewards import Rewards, RewardState
from croupier.log.role import role_from_payload
from croupier.state.features.observation import decode
from croupier.studies.statistics.exposure import Events, MetricEvents
from croupier.studies.timeline import Timeline
from croupier_policies import Value, Vector
from croupier_storage import Fact, Kind, Storage

BATCH_SIZE = 256


class ShadowDecisions(NamedTuple):
    """A shadow's decisions beside those of the experiment, in log order; every column has shape (m,).

    Attributes:
        at: Time of the decision, in seconds.
        agrees: 1 if the shadow, given the same uniform number, would have drawn the logged action, else 0.
        probability: The shadow's probability of the logged action.
        propensity: The logged propensity.
        reward: Reward of the decision; NaN if none is known.
    """

    at: Vector
    agrees: Vector
    probability: Vector
    propensity: Vector
    reward: Vector


class ExperimentData(NamedTuple):
    """What the log holds of an experiment.

    Attributes:
        events: Its decisions and their rewards.
        segments: Labels of the segments, in order of index.
        policies: Name of the policy of each variant.
        shadows: Decisions of each shadow.
    """

    events: Events
    segments: list[str]
    policies: dict[str, str]
    shadows: dict[str, ShadowDecisions]


class RewardedDecision(NamedTuple):
    """A decision, its effective reward, and the time from which the reward counts; NaN if there is none."""

    fact: Fact
    reward: float
    at: float


def rewarded_decisions(storage: Storage, rule: Rewards, after: int, upto: int) -> Iterator[RewardedDecision]:
    """Decisions with after < position ≤ upto, with their effective rewards.

    With `aggregate="first"` a reward counts from the time at which it arrived; a default or an aggregate of several
    rewards counts from the time at which the reward window closed.
    """
    for batch in batches(storage.facts(after, upto, kinds=(Kind.DECISION.value,)), BATCH_SIZE):
        states = {fact.position: RewardState.from_decision(fact) for fact in batch}
        counted_from: dict[int, float] = {}
        for about in storage.facts_about(*states):
            decision = about.decision or 0
            states[decision].apply(about, rule)
            if about.kind == Kind.DEFAULT or (about.kind == Kind.REWARD and rule.aggregate == "first"):
                counted_from.setdefault(decision, about.at)
        for fact in batch:
            reward = states[fact.position].effective(rule, late=False)  # late rewards do not change a closed window
            known = reward is not None and fact.position in counted_from
            yield RewardedDecision(
                fact, reward if known and reward is not None else np.nan, counted_from.get(fact.position, np.nan)
            )


def read_experiment(storage: Storage, timeline: Timeline, segment: str | None = None) -> ExperimentData:
    """The decisions of an experiment.

    Args:
        storage: The log.
        timeline: The experiment.
        segment: A feature of the context; its value at a unit's first decision is the unit's segment.

    Raises:
        EvidenceError: No context has the feature.
        InputError: Contexts are arrays, or have several values under the name `segment`.
    """
    rule, variants = Configuration.from_settings(storage.settings()).rewards, timeline.variants
    columns: dict[str, list[object]] = defaultdict(list)
    labels: dict[str, int] = {}
    features: set[str] = set()
    shadows: dict[str, list[tuple[float, ...]]] = {name: [] for name in timeline.description["shadows"]}
    records, policies = {record.id: record.name for record in storage.policies()}, dict[str, str]()
    for fact, reward, rewarded_at in rewarded_decisions(storage, rule, timeline.start.position, timeline.last_position):
        body = orjson.loads(fact.body or b"{}")
        role = role_from_payload(body)
        if role is None or role.experiment != timeline.name:
            continue
        for name, (p, action) in body.get("shadows", {}).items():
            shadows[name].append((fact.at, float(action == fact.action), p, fact.propensity or 0.0, reward))
        if fact.unit is None:
            continue
        shares, policies[role.variant] = timeline.shares_at(fact.as_of or 0), records.get(fact.policy or 0, "")
        probability = [shares.get(v, 0.0) for v in variants]
        row = fact.unit, variants.index(role.variant), fact.at, reward, rewarded_at, probability
        for name, value in zip(Events._fields, row, strict=False):
            columns[name].append(value)
        if segment is not None:
            context = _features(fact, segment)
            features.update(context)
            columns["segment"].append(labels.setdefault(segments.segment(context, segment), len(labels)))
    if segment is not None and labels and segment not in features:
        known = ", ".join(map(repr, sorted(features)[:20])) or "none"
        raise EvidenceError(f"no context of the experiment has the feature {segment!r}; there are: {known}")
    events = _events(columns, len(variants))
    decisions = {
        name: ShadowDecisions(*np.array(rows, dtype=float).reshape(len(rows), 5).T) for name, rows in shadows.items()
    }
    return ExperimentData(_with_covariate(storage, timeline, rule, events), list(labels), policies, decisions)


def _events(columns: dict[str, list[object]], variants: int) -> Events:
    units = np.array(columns["unit"], dtype=np.str_)
    floats = (np.array(columns[name], dtype=float) for name in ("at", "reward", "rewarded_at"))
    at, reward, rewarded_at = floats
    probability = np.array(columns["probability"], dtype=float).reshape(len(units), variants)
    segment = np.array(columns["segment"], dtype=np.int64) if "segment" in columns else None
    variant = np.array(columns["variant"], dtype=np.int64)
    return Events(units, variant, at, reward, rewarded_at, probability, None, segment)


def _features(fact: Fact, name: str) -> Mapping[str, Value]:
    row = decode_row(fact.context or b"")
    if isinstance(row, np.ndarray):
        raise InputError(f"contexts are arrays and have no feature {name!r} to segment by; pass contexts as mappings")
    return row


def _with_covariate(storage: Storage, timeline: Timeline, rule: Rewards, events: Events) -> Events:
    """The events with each unit's mean reward before the experiment as covariate; the overall mean for new units."""
    sums: dict[str, list[float]] = {}
    for fact, reward, _ in rewarded_decisions(storage, rule, 0, timeline.start.position):
        if fact.unit is not None and not np.isnan(reward):
            total_and_count = sums.setdefault(fact.unit, [0.0, 0.0])
            total_and_count[0] += reward
            total_and_count[1] += 1.0
    if not sums:
        return events
    mean = sum(total for total, _ in sums.values()) / sum(count for _, count in sums.values())
    by_unit = {unit: total / count for unit, (total, count) in sums.items()}
    return events._replace(covariate=np.array([by_unit.get(str(unit), mean) for unit in events.unit]))


def check_metrics(storage: Storage, timeline: Timeline, metrics: Collection[str]) -> None:
    """Raises EvidenceError where the log has no observation of a metric, which a misspelt name would otherwise hide."""
    found: set[str] = set()
    if metrics:
        for fact in storage.facts(0, timeline.head, kinds=(Kind.OBSERVATION.value,)):
            observation = decode(fact.body)
            found |= {observation.kind, *(f"{observation.kind}:{name}" for name in observation.attributes)}
    if absent := [metric for metric in metrics if metric not in found]:
        known = ", ".join(map(repr, sorted(found)[:20])) or "none"
        raise EvidenceError(f"the log has no observation of the metric {absent[0]!r}; it has: {known}")


def read_metric(storage: Storage, timeline: Timeline, metric: str) -> MetricEvents:
    """The observations of a metric: "purchase" counts observations of that kind, "purchase:price" sums an attribute.

    Raises:
        InputError: A value of the attribute is not a number.
    """
    kind, _, attribute = metric.partition(":")
    rows: list[tuple[str, float, float]] = []
    for fact in storage.facts(timeline.start.position, timeline.head, kinds=(Kind.OBSERVATION.value,)):
        observation = decode(fact.body)
        if fact.unit is None or observation.kind != kind:
            continue
        value = observation.attributes.get(attribute, 0.0) if attribute else 1.0
        if not isinstance(value, float):
            raise InputError(
                f"{attribute!r} of the observation at position {fact.position} is {value!r}, not a number; it cannot "
                "be summed as a metric. Name a numeric attribute"
            )
        rows.append((fact.unit, fact.at, value))
    units, at, values = zip(*rows, strict=True) if rows else ((), (), ())
    return MetricEvents(np.array(units, dtype=np.str_), np.array(at, dtype=float), np.array(values, dtype=float))
