"""Declaring a default reward for a store that has a log: the defaults of past decisions are written, and learned."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from croupier.errors import EvidenceError, InputError, storing
from croupier.log.configuration import Configuration
from croupier.log.reader import Log
from croupier.log.rewards import Rewards, RewardState
from croupier.replay import stored_components
from croupier.runtime.loop import Loop
from croupier.runtime.opening import Settings
from croupier.runtime.outage import open_loop
from croupier.runtime.request import LoopOptions
from croupier_storage import Kind, Storage, open_storage


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
    components = stored_components(url)
    with storing(), open_storage(url, create=False, lease=True) as storage:
        configuration = _declare(storage, window, value)
    settings = Settings(
        components, None, configuration.reward_range, configuration.rewards, True, progress or (lambda *_: None)
    )
    options = LoopOptions(False, 50_000, None, 3, 4_096, None, time.time)
    with storing():
        storage = open_storage(url, durability="group")
    loop = open_loop(storage, settings, options)
    try:
        defaults = _write_defaults(loop, configuration.rewards, options.clock() if now is None else now)
        payload = {"rewards": configuration.rewards.config()}
        position = loop.rebase(Kind.CONFIGURATION, loop.fold.components.fresh(), payload, settings.progress)
        return DefaultSet(defaults, loop.fold.rewards, position)
    finally:
        loop.close()


def _declare(storage: Storage, window: float, value: float) -> Configuration:
    """Store the rule as the store's; the configuration with it. Raises InputError."""
    held = storage.settings()
    if "seed" not in held:
        raise EvidenceError("the store holds no log yet; open it with `Rewards(window=…, default=…)` to begin one")
    stored = Configuration.from_settings(held)
    if stored.rewards.aggregate != "first":
        raise InputError(
            f"the store aggregates rewards by {stored.rewards.aggregate!r} when their window closes, so another window "
            "would change what past decisions have learned; only a store with aggregate='first' can be given a default"
        )
    if not math.isfinite(value):
        raise InputError(f"the default reward is {value}; give a finite number within {stored.reward_range}")
    declared = replace(stored, rewards=Rewards(window=float(window), default=float(value)))
    storage.save_settings({"rewards": declared.settings()["rewards"]})
    return declared


def _write_defaults(loop: Loop, rule: Rewards, now: float) -> int:
    """Append the default of every decision whose window has closed without a reward, in the order of closing."""
    window = rule.window or 0.0  # it has one
    due = [
        (fact.at + window, fact.position)
        for fact, state in Log(loop.storage).reward_states(loop.position, rule)
        if fact.at + window <= now and _unanswered(state)
    ]
    for at, position in sorted(due):
        loop.writer.make_room()
        with loop.lock:
            loop.check()
            loop.append(Kind.DEFAULT, at, position, reward=rule.default)
    loop.flush()
    return len(due)


def _unanswered(state: RewardState) -> bool:
    """Whether a decision was shown and has neither a reward nor a default."""
    answered = state.first_reward or state.default is not None or state.corrected is not None or state.retracted
    return state.learnable and not answered
