"""The decisions of an experiment, their outcomes, and what units did besides, as columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import orjson

from croupier.errors import InputError
from croupier.log.configuration import Configuration
from croupier.log.encoding import decode_row
from croupier.log.reader import batches
from croupier.log.rewards import Rewards, RewardState
from croupier.log.role import role_of
from croupier.state.features.observation import decode
from croupier.studies.statistics.exposure import Events, Outcomes
from croupier.studies.timeline import Story
from croupier_policies import Vector
from croupier_storage import Fact, Kind, Storage

BATCH = 256


class Shadowed(NamedTuple):
    """What a shadow said at decisions of the experiment, in order; every column has shape (m,).

    Attributes:
        at: When.
        agrees: 1 where it would have drawn the action that was shown, by the same uniform number.
        probability: Its probability of that action.
        propensity: The logged one.
        reward: What the decision earned; NaN where nothing is known.
    """

    at: Vector
    agrees: Vector
    probability: Vector
    propensity: Vector
    reward: Vector


class Told(NamedTuple):
    """An experiment's decisions; the labels of segments; each variant's policy by name; what each shadow said."""

    events: Events
    segments: list[str]
    policies: dict[str, str]
    shadows: dict[str, Shadowed]


class Outcome(NamedTuple):
    """A decision with what it earned and when that was known; NaN for what is not."""

    fact: Fact
    reward: float
    at: float


def outcomes(storage: Storage, rule: Rewards, after: int, upto: int) -> Iterator[Outcome]:
    """Decisions with after < position ≤ upto, with their effective rewards.

    A reward that is learned at once counts from the moment it came; one that waits for its fellows, or a default, from
    the moment its reward window closed.
    """
    for batch in batches(storage.facts(after, upto, kinds=(Kind.DECISION.value,)), BATCH):
        told = {fact.position: RewardState.of(fact) for fact in batch}
        came: dict[int, float] = {}
        for about in storage.facts_about(*told):
            decision = about.decision or 0
            told[decision].apply(about, rule)
            if about.kind == Kind.DEFAULT or (about.kind == Kind.REWARD and rule.aggregate == "first"):
                came.setdefault(decision, about.at)
        for fact in batch:
            reward = told[fact.position].effective(rule, late=False)  # a closed window stays as it is
            known = reward is not None and fact.position in came
            yield Outcome(fact, reward if known and reward is not None else np.nan, came.get(fact.position, np.nan))


def read(storage: Storage, story: Story, segment: str | None = None) -> Told:
    """The decisions of an experiment.

    Args:
        storage: The log.
        story: Which experiment.
        segment: A feature of the context, by whose value at the unit's first decision units are told apart.
    """
    rule, variants = Configuration.stored(storage.settings()).rewards, story.variants
    columns: dict[str, list[object]] = defaultdict(list)
    labels: dict[str, int] = {}
    shadows: dict[str, list[tuple[float, ...]]] = {name: [] for name in story.said["shadows"]}
    records, policies = {record.id: record.name for record in storage.policies()}, dict[str, str]()
    for fact, reward, came in outcomes(storage, rule, story.start.position, story.upto):
        body = orjson.loads(fact.body or b"{}")
        role = role_of(body)
        if role is None or role.experiment != story.name:
            continue
        for name, (p, drawn) in body.get("shadows", {}).items():
            shadows[name].append((fact.at, float(drawn == fact.action), p, fact.propensity or 0.0, reward))
        if fact.unit is None:
            continue
        shares, policies[role.variant] = story.in_force(fact.as_of or 0), records.get(fact.policy or 0, "")
        row = fact.unit, variants.index(role.variant), fact.at, reward, came, [shares.get(v, 0.0) for v in variants]
        for name, value in zip(Events._fields, row, strict=False):
            columns[name].append(value)
        if segment is not None:
            columns["segment"].append(labels.setdefault(_feature(fact, segment), len(labels)))
    events = _events(columns, len(variants))
    said = {name: Shadowed(*np.array(rows, dtype=float).reshape(len(rows), 5).T) for name, rows in shadows.items()}
    return Told(_with_past(storage, story, rule, events), list(labels), policies, said)


def _events(columns: dict[str, list[object]], variants: int) -> Events:
    units = np.array(columns["unit"], dtype=np.str_)
    floats = (np.array(columns[name], dtype=float) for name in ("at", "reward", "rewarded"))
    at, reward, rewarded = floats
    probability = np.array(columns["probability"], dtype=float).reshape(len(units), variants)
    segment = np.array(columns["segment"], dtype=np.int64) if "segment" in columns else None
    variant = np.array(columns["variant"], dtype=np.int64)
    return Events(units, variant, at, reward, rewarded, probability, None, segment)


def _feature(fact: Fact, name: str) -> str:
    row = decode_row(fact.context or b"")
    if isinstance(row, np.ndarray):
        raise InputError(f"contexts are arrays: they have no feature {name!r} to tell segments by")
    return str(row.get(name, "none"))


def _with_past(storage: Storage, story: Story, rule: Rewards, events: Events) -> Events:
    """With the mean reward of every unit before the experiment; those of whom nothing is known get the mean of all."""
    sums: dict[str, list[float]] = {}
    for fact, reward, _ in outcomes(storage, rule, 0, story.start.position):
        if fact.unit is not None and not np.isnan(reward):
            held = sums.setdefault(fact.unit, [0.0, 0.0])
            held[0] += reward
            held[1] += 1.0
    if not sums:
        return events
    mean = sum(total for total, _ in sums.values()) / sum(count for _, count in sums.values())
    past = {unit: total / count for unit, (total, count) in sums.items()}
    return events._replace(covariate=np.array([past.get(str(unit), mean) for unit in events.unit]))


def observed(storage: Storage, story: Story, metric: str) -> Outcomes:
    """What units did besides: "purchase" counts observations of that kind, "purchase:price" sums that attribute.

    Raises:
        InputError: The attribute is no number where it was observed.
    """
    kind, _, attribute = metric.partition(":")
    rows: list[tuple[str, float, float]] = []
    for fact in storage.facts(story.start.position, story.head, kinds=(Kind.OBSERVATION.value,)):
        seen = decode(fact.body)
        if fact.unit is None or seen.kind != kind:
            continue
        value = seen.attributes.get(attribute, 0.0) if attribute else 1.0
        if not isinstance(value, float):
            raise InputError(f"{attribute!r} of the observation at position {fact.position} is {value!r}, no number")
        rows.append((fact.unit, fact.at, value))
    units, at, values = zip(*rows, strict=True) if rows else ((), (), ())
    return Outcomes(np.array(units, dtype=np.str_), np.array(at, dtype=float), np.array(values, dtype=float))
