"""Changing a store while it is closed: to another policy or learner, or to a default reward, learned from the log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from croupier.engine import Engine
from croupier.errors import EvidenceError, storing
from croupier.log.configuration import Configuration
from croupier.runtime.opening import Settings, components_in_force
from croupier.runtime.outage import open_loop
from croupier.runtime.request import LoopOptions
from croupier.runtime.reward_default import declare_default, write_defaults
from croupier.state.components import Components, ObjectPool, build_from_spec
from croupier_policies import Configurable, Learner, Policy
from croupier_storage import Kind, open_storage

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


class DefaultSet(NamedTuple):
    """The outcome of `set_default`.

    Attributes:
        defaults: How many past decisions were given the default.
        rewards: How many rewards and defaults the new state has learned.
        position: The position of the log's last fact.
    """

    defaults: int
    rewards: int
    position: int


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
    stored = _stored_components(url)
    components = Components(
        stored.policy if policy is None else _built(policy, Policy),  # type: ignore[type-abstract] # compared with, never instantiated
        stored.learner if learner is None else None if learner == "none" else _built(learner, Learner),  # type: ignore[type-abstract] # the same
    )
    with _open(url, components, progress) as engine:
        if components.description() == stored.description():
            engine.rebase()
        return ReplayResult(engine.position, engine.rewards_learned, engine.policy.name, engine.state_hash())


def set_default(
    url: str,
    *,
    window: float,
    value: float,
    now: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DefaultSet:
    """Declare `Rewards(window=window, default=value)` for a store, and learn the log as if it had been so always.

    Every decision without a reward whose window has closed gets one default fact, dated when the window closed. Then
    the state is relearned from the effective facts. The change is a fact of the log, and decisions before it stay
    verifiable: with `aggregate="first"` neither a window nor a default changes how the facts before it are folded. If
    it is interrupted, calling it again completes it; defaults in the log keep their value. From then on the store is
    opened with that rule.

    Args:
        url: The store; it must not be open elsewhere.
        window: Seconds after a decision within which a reward counts.
        value: The reward of a decision for which none came within the window.
        now: Windows that close until then are closed, in seconds since 1970; by default the present.
        progress: Called with (position, head) now and then.

    Raises:
        EvidenceError: The store has no log yet.
        InputError: The window or the value cannot be, or the store aggregates several rewards.
        StoreError: The store cannot be opened.
    """
    components = _stored_components(url)
    with storing(), open_storage(url, create=False, lease=True) as storage:
        configuration = declare_default(storage, window, value)
    settings = Settings(
        components, None, configuration.reward_range, configuration.rewards, True, progress or _no_progress
    )
    options = LoopOptions(False, 50_000, None, 3, 4_096, None, time.time)
    with storing():
        storage = open_storage(url, durability="group")
    loop = open_loop(storage, settings, options)
    try:
        defaults = write_defaults(loop, configuration.rewards, options.clock() if now is None else now)
        payload = {"rewards": configuration.rewards.config()}
        position = loop.rebase(Kind.CONFIGURATION, loop.fold.components.fresh(), payload, settings.progress)
        return DefaultSet(defaults, loop.fold.rewards, position)
    finally:
        loop.close()


def open_current(url: str) -> Engine:
    """The engine of a store, with the policy and the learner that are in force in its log now."""
    return _open(url, _stored_components(url), None)


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


def _stored_components(url: str) -> Components:
    """The policy and the learner in force in a store's log."""
    with storing(), open_storage(url, create=False, read_only=True) as storage:
        description = components_in_force(storage)
        if description is None:
            raise EvidenceError(f"{url} holds no log yet; open it with an engine first")
        return ObjectPool().components(description)


def _built(spec: str | P, kind: type[P]) -> P:
    return build_from_spec(spec, kind) if isinstance(spec, str) else spec


def _no_progress(position: int, head: int) -> None:
    """Ignore the progress."""
