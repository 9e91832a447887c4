"""Opening a store: configuration checked, state restored from the newest good snapshot and the facts behind it."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import orjson

from croupier.errors import ConfigurationDiffers, CorruptStore
from croupier.log.configuration import Configuration, canonical_json, describe, digest
from croupier.log.private import PrivateFields, agreed
from croupier.log.reader import Log
from croupier.log.rewards import Rewards
from croupier.state.components import Components, ObjectPool
from croupier.state.features.state import FeatureState
from croupier.state.fold import Fold, Progress, fold_from_snapshot
from croupier_policies import Policy
from croupier_storage import Kind, PolicyRecord, Storage


class Opened(NamedTuple):
    """What the engine starts from.

    `snapshot_at` is the position of the snapshot it was restored from, 0 for none; `changed` asks for the replay that
    brings in another policy or learner.
    """

    configuration: Configuration
    fold: Fold
    snapshot_at: int
    changed: bool
    private: PrivateFields | None = None


class Settings(NamedTuple):
    """What a store is opened with; a seed, features or drift of None stand for the store's own."""

    components: Components
    seed: int | None
    reward_range: tuple[float, float]
    rewards: Rewards
    replay: bool
    progress: Progress
    feature_state: FeatureState = FeatureState()
    others: tuple[Policy, ...] = ()  # policies of experiments' variants, given as objects
    private: Collection[str] = ()
    private_key: bytes | str | None = None


def restore(storage: Storage, settings: Settings) -> Opened:
    """Configuration and state of a store."""
    private = agreed(storage.settings(), settings.private, settings.private_key)
    configuration = configure(storage, settings)
    if private is not None and (asked_private := private.settings()).items() - storage.settings().items():
        storage.save_settings(asked_private)
    fold = fold_from_snapshot(Log(storage), ObjectPool(*settings.components, settings.others), configuration)
    snapshot_at = fold.position
    fold.run(progress=settings.progress)
    stored, asked = fold.description(), {**settings.components.description(), **settings.feature_state.description()}
    changed = [name for name in asked if stored.get(name) != asked[name]]
    if changed and not settings.replay:
        listed = "; ".join(f"{name}: {stored.get(name)} in the store, {asked[name]} here" for name in changed)
        raise ConfigurationDiffers(
            f"the store has another configuration ({listed}). Decisions made under this one could be reproduced by no "
            "replay. Open the store with its own, or with replay=True to let this one learn the whole log first"
        )
    return Opened(configuration, fold, snapshot_at, bool(changed), private)


def components_in_force(storage: Storage) -> dict[str, Any] | None:
    """The description of the policy, learner and features in force at the end of a log; None for an empty store."""
    settings = storage.settings()
    if "seed" not in settings:
        return None
    Configuration.from_settings(settings)  # raises where they are damaged
    try:
        found = _in_force(storage, settings)
        return {**found, "policy": found["policy"], "learner": found["learner"]}  # both are always there
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CorruptStore(f"the log does not say which policy is in force ({error!r}); restore a backup") from error


def _in_force(storage: Storage, settings: Mapping[str, bytes]) -> dict[str, Any]:
    initial = {name: orjson.loads(settings[name]) for name in ("policy", "learner")}
    initial |= orjson.loads(settings.get("behaviour", b"{}"))
    descriptions: list[tuple[int, dict[str, Any]]] = [(0, initial)]
    candidates: Mapping[str, Any] = {}
    changing = (Kind.CONFIGURATION, Kind.EXPERIMENT, Kind.PROMOTION, Kind.REBASE)
    for fact in storage.facts(kinds=[kind.value for kind in changing]):
        body, present = orjson.loads(fact.body or b"{}"), descriptions[-1][1]
        if fact.kind == Kind.EXPERIMENT:
            candidates = body.get("policies", candidates)
        elif fact.kind == Kind.PROMOTION:
            descriptions.append((fact.position, {**present, "policy": candidates[body["variant"]]}))
        elif fact.kind == Kind.CONFIGURATION:
            names = ("policy", "learner", *FeatureState._fields)
            descriptions.append((fact.position, {name: body[name] for name in names if name in body}))
        elif "to" in body:
            earlier = [describe for position, describe in descriptions if position <= body["to"]]
            descriptions.append((fact.position, earlier[-1]))
    return descriptions[-1][1]


def configure(storage: Storage, settings: Settings) -> Configuration:
    """The store's configuration, written if the store is new and held against these settings if not.

    Without a seed the store's own is taken; a new store gets one from the system's randomness.
    """
    held = storage.settings()
    stored = Configuration.from_settings(held) if "seed" in held else None
    seed = settings.seed
    if seed is None:
        seed = stored.seed if stored is not None else secrets.randbits(63)
    low, high = settings.reward_range
    policy, learner = map(describe, settings.components)
    behaviour = canonical_json(settings.feature_state.description())
    asked = Configuration(seed, (float(low), float(high)), policy, learner, settings.rewards, behaviour)
    if stored is not None:
        asked.check(stored)
        return stored
    storage.save_settings(asked.settings())
    return asked


def policy_record(storage: Storage, policy: Policy) -> PolicyRecord:
    """The record that decisions of this policy, in this arithmetic, refer to; added if there is none."""
    records = storage.policies()
    body = describe(policy)
    for record in records:
        if record.config == body and record.arithmetic == policy.arithmetic:
            return record
    record = PolicyRecord(len(records) + 1, policy.name, body, digest(body), policy.arithmetic)
    storage.save_policy(record)
    return record
