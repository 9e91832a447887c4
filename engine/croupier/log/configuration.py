"""What must stay the same for a log to mean one thing: seed, reward range, policy, learner, features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from croupier.errors import ConfigurationDiffers, InputError
from croupier.log.rewards import Rewards
from croupier_policies import Configurable


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def described(part: Configurable | None) -> bytes:
    """Name and configuration of a policy or learner, as canonical JSON; `null` for none."""
    return canonical_json(None if part is None else {"name": part.name, "config": part.config()})


def digest(body: bytes) -> str:
    """A short name for a configuration."""
    return blake2b(body, digest_size=16).hexdigest()


@dataclass(frozen=True)
class Configuration:
    """The settings a store is born with; rewards in `reward_range` are learned scaled to 0…1."""

    seed: int
    reward_range: tuple[float, float]
    policy: bytes
    learner: bytes
    rewards: Rewards
    behaviour: bytes = b"{}"  # what is kept of it: features, detectors

    def __post_init__(self) -> None:
        low, high = self.reward_range
        if not -1e300 < low < high < 1e300:
            raise InputError(f"reward_range {self.reward_range} is not two finite numbers in rising order")
        if not 0 <= self.seed < 1 << 64:
            raise InputError(f"seed {self.seed} is not between 0 and 2**64 - 1")
        if self.rewards.default is not None and not low <= self.rewards.default <= high:
            raise InputError(f"the default reward {self.rewards.default} is outside the range {self.reward_range}")

    def settings(self) -> dict[str, bytes]:
        """As the store keeps them."""
        return {
            "seed": canonical_json(str(self.seed)),
            "reward_range": canonical_json(list(self.reward_range)),
            "policy": self.policy,
            "learner": self.learner,
            "rewards": canonical_json(self.rewards.config()),
            "behaviour": self.behaviour,
        }

    @classmethod
    def stored(cls, settings: Mapping[str, bytes]) -> Configuration:
        """As a store keeps them."""
        low, high = orjson.loads(settings["reward_range"])
        rewards = Rewards(**orjson.loads(settings["rewards"]))
        seed, behaviour = int(orjson.loads(settings["seed"])), settings.get("behaviour", b"{}")
        return cls(seed, (low, high), settings["policy"], settings["learner"], rewards, behaviour)

    def check(self, stored: Configuration) -> None:
        """Raises ConfigurationDiffers, naming every difference, unless what can never change is equal."""
        ours, theirs = self.settings(), stored.settings()
        changed = [name for name in ("seed", "reward_range", "rewards") if ours[name] != theirs[name]]
        if changed:
            listed = "; ".join(
                f"{name}: {theirs[name].decode()} in the store, {ours[name].decode()} here" for name in changed
            )
            raise ConfigurationDiffers(
                f"the store was written under another configuration ({listed}). Going on would leave decisions that no "
                "replay could explain. Open it with its own configuration, or begin a new store"
            )

    def scaled(self, reward: float) -> float:
        """(r - low) / (high - low)."""
        low, high = self.reward_range
        return (reward - low) / (high - low)
