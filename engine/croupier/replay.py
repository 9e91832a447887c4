"""Going on with another policy or learner, which is first taught the whole log."""

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


class Replayed(NamedTuple):
    """What a replay did."""

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
) -> Replayed:
    """Teach a policy and a learner the log's effective facts, and let the store go on with them.

    Args:
        url: The store; it must not be open elsewhere.
        policy: An object, or `NAME` or `NAME:{"json": "arguments"}`; the store's by default.
        learner: Likewise; "none" for none.
        progress: Called with (position, head) now and then.

    Raises:
        EvidenceError: A name is not known.
        StoreError: The store cannot be opened.
    """
    stored = _stored(url)
    parts = Components(
        stored.policy if policy is None else _made(policy, Policy),  # type: ignore[type-abstract] # compared with, never made
        stored.learner if learner is None else None if learner == "none" else _made(learner, Learner),  # type: ignore[type-abstract] # likewise
    )
    with _open(url, parts, progress) as engine:
        if parts.description() == stored.description():
            engine.rebase()
        return Replayed(engine.position, engine.rewards_learned, engine.policy.name, engine.state_hash())


def present(url: str) -> Engine:
    """The engine of a store, with the policy and the learner that it goes on with now."""
    return _open(url, _stored(url), None)


def _open(url: str, parts: Components, progress: Callable[[int, int], None] | None) -> Engine:
    with storing(), open_storage(url, create=False, read_only=True) as storage:
        configuration = Configuration.stored(storage.settings())
    return Engine.open(
        url,
        policy=parts.policy,
        learner=parts.learner,
        reward_range=configuration.reward_range,
        rewards=configuration.rewards,
        replay=True,
        progress=progress,
    )


def _stored(url: str) -> Components:
    """The policy and learner that a store goes on with."""
    with storing(), open_storage(url, create=False, read_only=True) as storage:
        description = components_in_force(storage)
        if description is None:
            raise EvidenceError(f"{url} holds no log yet; let an engine begin one")
        return ObjectPool().components(description)


def _made(spec: str | P, kind: type[P]) -> P:
    if not isinstance(spec, str):
        return spec
    name, _, config = spec.partition(":")
    try:
        made = build(name, orjson.loads(config) if config else {})
    except (PolicyError, TypeError, orjson.JSONDecodeError) as error:
        raise EvidenceError(f"{spec!r} cannot be built: {error}") from error
    if not isinstance(made, kind):
        raise EvidenceError(f"{name!r} is not a {kind.__name__.lower()}")
    return made
