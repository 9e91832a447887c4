"""Declaring a default reward for a log that exists: the rule in its settings, and the defaults of past decisions."""

from __future__ import annotations

import math
from dataclasses import replace

from croupier.errors import EvidenceError, InputError
from croupier.log.configuration import Configuration
from croupier.log.reader import Log
from croupier.log.rewards import Rewards, RewardState
from croupier.runtime.loop import Loop
from croupier_storage import Kind, Storage


def declare_default(storage: Storage, window: float, value: float) -> Configuration:
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


def write_defaults(loop: Loop, rule: Rewards, now: float) -> int:
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
