"""Switching a store to another policy or learner, which is first trained on the full log."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import orjson

from croupier.engine import Engine
from croupier.errors import EvidenceError, storing
from croupier.log.configuration import Configuration
from croupier.runtime.opening import components_in_force
from croupier.state.components import Components, ObjectPool
from croupier_policies import Configurable, Learner, Policy, PolicyError
from croupier_policies.registry import build
from croupier_storage import open_storage

P = TypeVar("P", bound=Configurable)


class ReplayResult(NamedTuple):
    """The outcome of a replay.

    Attributes:
        position: Of the log's last fact.
        rewards: How many were learned from.
        policy: The name of the policy now in force.
        state_hash: Of the new state.
    """

    position: int
    rewards: int
    policy: str
    state_hash: str


def replay(
    url: str,
    *,
    policy: str | Policy | None = None,
    learner: str | Learner | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ReplayResult:
    """Train a policy and a learner on the log's effective facts, and switch the store to them.

    Args:
        url: The store; it must not be open elsewhere.
        policy: An object, or `NAME` or `NAME:{"json": "arguments"}`; the store's current one by default.
        learner: The same for the learner; "none" for none.
        progress: Called with (position, head) now and then.

    Raises:
        EvidenceError: The store has no log yet, or there is no policy or learner of this name.
        StoreError: The store cannot be opened.
    """
    stored = stored_components(url)
    components = Components(
        stored.policy if policy is None else _built(policy, Policy),  # type: ignore[type-abstract] # compared with, never instantiated
        stored.learner if learner is None else None if learner == "none" else _built(learner, Learner),  # type: ignore[type-abstract] # the same
    )
    with _open(url, components, progress) as engine:
        if components.description() == stored.description():
            engine.rebase()
        return ReplayResult(engine.position, engine.rewards_learned, engine.policy.name, engine.state_hash())


def open_current(url: str) -> Engine:
    """The engine of a store, with the policy and the learner that are in force in its log now."""
    return _open(url, stored_components(url), None)


def _open(url: str, components: Components, progress: Callable[[int, int], None] | None) -> Engine:
    with storing(), open_storage(url, create=False, read_only=True) as storage:
        configuration = Configuration.from_settings(storage.settings())
    return Engine.open(
        url,
        policy=components.policy,
        learner=components.learner,
        reward_range=configuration.reward_range,
        rewards=configuration.rewards,
        replay=True,
        progress=progress,
    )


def stored_components(url: str) -> Components:
    """The policy and the learner in force in a store's log."""
    with storing(), open_storage(url, create=False, read_only=True) as storage:
        description = components_in_force(storage)
        if description is None:
            raise EvidenceError(f"{url} holds no log yet; open it with an engine first")
        return ObjectPool().components(description)


def _built(spec: str | P, kind: type[P]) -> P:
    if not isinstance(spec, str):
        return spec
    name, _, config = spec.partition(":")
    try:
        component = build(name, orjson.loads(config) if config else {})
    except (PolicyError, TypeError, orjson.JSONDecodeError) as error:
        raise EvidenceError(f"{spec!r} cannot be built: {error}") from error
    if not isinstance(component, kind):
        raise EvidenceError(f"{name!r} is not a {kind.__name__.lower()}")
    return component
