"""The configuration of a store: seed, reward range, rule of rewards, policy, learner, features and detectors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from croupier.errors import ConfigurationDiffers, CorruptStore, EvidenceError, InputError
from croupier.log.identifiers import shown
from croupier.log.rewards import Rewards
from croupier_policies import Configurable


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def describe(configured: Configurable | None) -> bytes:
    """The name and configuration of a policy or learner as canonical JSON; `null` for None.

    Raises:
        InputError: JSON cannot hold the configuration, so that a store with it could not be opened again.
    """
    if configured is None:
        return b"null"
    description = {"name": configured.name, "config": configured.config()}
    try:
        body = canonical_json(description)
        whole = all(map(math.isfinite, _numbers(description)))  # JSON has no NaN, and would say null
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(
            f"the configuration of {configured.name!r} cannot be written to a store ({error}), and the store could not "
            "be opened again; `config()` returns plain data that JSON can hold"
        ) from error
    if not whole:
        raise InputError(
            f"the configuration of {configured.name!r} has a number that is not finite, which a store cannot hold: "
            f"{shown(description['config'])}; give finite numbers"
        )
    return body


def _numbers(value: Any) -> Iterator[float]:
    """The numbers in plain data."""
    if isinstance(value, Mapping):
        value = value.values()
    elif isinstance(value, str) or not isinstance(value, Iterable):
        if isinstance(value, int | float):
            yield value
        return
    for item in value:
        yield from _numbers(item)


def digest(body: bytes) -> str:
    """The hexadecimal digest that identifies a description."""
    return blake2b(body, digest_size=16).hexdigest()


@dataclass(frozen=True)
class Configuration:
    """The configuration with which a store was created.

    Attributes:
        seed: The seed of all draws and assignments.
        reward_range: The smallest and the largest reward, which are scaled to 0 and 1 for learning.
        policy: The `describe` of the policy.
        learner: The `describe` of the learner.
        rewards: How rewards are aggregated.
        feature_config: The description of features and drift detectors, as canonical JSON.
    """

    seed: int
    reward_range: tuple[float, float]
    policy: bytes
    learner: bytes
    rewards: Rewards
    feature_config: bytes = b"{}"

    def __post_init__(self) -> None:
        low, high = self.reward_range
        if not -1e300 < low < high < 1e300:
            raise InputError(f"reward_range is {self.reward_range}; give two finite numbers, the smaller one first")
        if not 0 <= self.seed < 1 << 64:
            raise InputError(f"seed is {self.seed}; give an integer between 0 and 2**64 - 1")
        if self.rewards.default is not None and not low <= self.rewards.default <= high:
            raise InputError(
                f"the default reward {self.rewards.default} is outside the range {self.reward_range} of rewards"
            )

    def settings(self) -> dict[str, bytes]:
        """The settings to store; "behaviour" is the stored name of `feature_config`."""
        return {
            "seed": canonical_json(str(self.seed)),
            "reward_range": canonical_json(list(self.reward_range)),
            "policy": self.policy,
            "learner": self.learner,
            "rewards": canonical_json(self.rewards.config()),
            "behaviour": self.feature_config,
        }

    @classmethod
    def from_settings(cls, settings: Mapping[str, bytes]) -> Configuration:
        """The configuration in the settings of a store.

        Raises:
            EvidenceError: The store holds none: no log has begun in it.
            CorruptStore: They are damaged.
        """
        if "seed" not in settings:
            raise EvidenceError("the store holds no log yet; open it with an engine first")
        try:
            low, high = orjson.loads(settings["reward_range"])
            rewards = Rewards(**orjson.loads(settings["rewards"]))
            seed, feature_config = int(orjson.loads(settings["seed"])), settings.get("behaviour", b"{}")
            for body in (settings["policy"], settings["learner"], feature_config):
                orjson.loads(body)  # they are kept as they are, and must be JSON
            return cls(seed, (low, high), settings["policy"], settings["learner"], rewards, feature_config)
        except (KeyError, TypeError, ValueError) as error:  # InputError, of values that cannot be, is a ValueError
            raise CorruptStore(f"the settings of the store are damaged ({error}); restore a backup") from error

    def check(self, stored: Configuration) -> None:
        """Raises ConfigurationDiffers, naming every difference, unless the settings that can never change are equal."""
        ours, theirs = self.settings(), stored.settings()
        # values, not their JSON: a window of 60 is one of 60.0
        changed = [name for name in ("seed", "reward_range", "rewards") if getattr(self, name) != getattr(stored, name)]
        if changed:
            listed = "; ".join(
                f"{name}: {theirs[name].decode()} in the store, {ours[name].decode()} here" for name in changed
            )
            raise ConfigurationDiffers(
                f"the store was created with another configuration ({listed}): further decisions could not be "
                "reproduced from the log; open it with its own configuration, or create a new store"
            )

    def scale(self, reward: float) -> float:
        """(r - low) / (high - low)."""
        low, high = self.reward_range
        return (reward - low) / (high - low)
