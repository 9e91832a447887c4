"""The options of `Engine.open`, checked before the store is touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from croupier.errors import InputError
from croupier.log.arguments import Check, choice, flag, function, instance, integer, number, optional, real
from croupier.log.configuration import describe
from croupier.log.identifiers import elements, identifiers, required, shown
from croupier.log.ids import SEQUENTIAL
from croupier.log.limits import FEATURES, MAX_REWARD, MIN_WIDTH, Limit
from croupier.log.private import PrivateFields
from croupier.log.rewards import Rewards
from croupier.log.validation import checked_clock
from croupier.state.features.drift import Drift
from croupier.state.features.features import Features
from croupier_policies import Configurable, Learner, Policy

_POLICIES = Limit("policies", 1_000, "policies", "each learns from every reward")


def _url(value: Any, argument: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{argument} is {shown(value)}; give a string, for example sqlite:///shop.db")
    return str.__str__(value)


def _configured(check: Check) -> Check:
    """An object whose configuration a store can hold; otherwise the store could never be opened again."""

    def checked(value: Any, argument: str) -> Configurable:
        configured: Configurable = check(value, argument)
        describe(configured)
        return configured

    return checked


def _policies(value: Any, argument: str) -> tuple[Policy, ...]:
    given = elements(value, argument, _POLICIES)
    return tuple(_POLICY(policy, f"{argument}[{n}]") for n, policy in enumerate(given))


def _names(value: Any, argument: str) -> tuple[str, ...]:
    return tuple(
        required(name, f"a name in {argument}")
        for name in identifiers(value, argument, FEATURES._replace(unit="names"))
    )


def _private_key(value: Any, argument: str) -> Any:
    PrivateFields((), value)  # it knows what a key must be, and shows none in a message
    return value


def _is_pair(value: Any) -> bool:
    listed = isinstance(value, tuple | list) or (isinstance(value, np.ndarray) and value.ndim == 1)
    return listed and len(value) == 2


def _reward_range(value: Any, argument: str) -> tuple[float, float]:
    bounds = [real(bound) for bound in value] if _is_pair(value) else []
    if not bounds or None in bounds:
        raise InputError(f"{argument} is {shown(value)}; give two finite numbers, the smaller one first")
    low, high = bounds
    if low is None or high is None or not -MAX_REWARD <= low < high <= MAX_REWARD:
        raise InputError(
            f"{argument} is {shown(value)}; give two finite numbers between ±{MAX_REWARD:g}, the smaller one first"
        )
    if high - low < max(MIN_WIDTH, 1e-9 * max(abs(low), abs(high))):
        raise InputError(
            f"{argument} is {shown(value)}, so narrow that rewards could not be scaled to 0 … 1 without losing all "
            "their digits; subtract the smallest reward from all, or give another unit"
        )
    return low, high


def _ids(value: Any, argument: str) -> Any:
    if isinstance(value, str) and value == SEQUENTIAL:
        return SEQUENTIAL
    if not callable(value):
        raise InputError(
            f'{argument} is {shown(value)}; give "{SEQUENTIAL}", or a function that returns a new string at every call'
        )
    return function(0)(value, argument)


def _clock(value: Any, argument: str) -> Any:
    clock = checked_clock(function(0)(value, argument))
    clock()  # a clock that does not return seconds is refused here, and not in the middle of the first decision
    return clock


_POLICY = _configured(instance(Policy, "AdaptivePolicy()"))
#: The check of every option of `Engine.open`, by name.
OPTIONS: dict[str, Check] = {
    "url": _url,
    "policy": optional(_POLICY),
    "learner": optional(_configured(instance(Learner, "RiverLearner()"))),
    "seed": optional(integer(0, (1 << 64) - 1)),
    "reward_range": _reward_range,
    "rewards": instance(Rewards, "Rewards(window=3600.0, default=0.0)"),
    "features": optional(_configured(instance(Features, "Features()"))),
    "drift": optional(_configured(instance(Drift, "Drift()"))),
    "replay": flag,
    "durability": choice("group", "commit"),
    "on_store_failure": choice("raise", "serve"),
    "snapshot_every": integer(1),
    "snapshot_seconds": optional(number(0.0, 1e9, above=True)),
    "snapshots_kept": integer(1, 10_000),
    "rebase_after": optional(integer(1)),
    "queue": integer(1, 32_768),
    "lock_timeout": number(0.0, 3_600.0),
    "migrate": flag,
    "policies": _policies,
    "private": _names,
    "private_key": optional(_private_key),
    "ids": optional(_ids),
    "clock": _clock,
    "progress": optional(function(2)),
}


def check_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options in their plain types. Raises InputError for the first that has another type or is out of its range.

    >>> check_options({"queue": 1, "replay": False})
    {'queue': 1, 'replay': False}
    """
    checked = {name: OPTIONS[name](value, name) for name, value in given.items()}
    rewards = checked.get("rewards")
    if rewards is not None and rewards.default is not None:
        low, high = checked["reward_range"]
        if not low <= rewards.default <= high:
            raise InputError(
                f"the default reward {rewards.default} is outside the range {(low, high)} of rewards; give one within "
                "it, or set reward_range"
            )
    if checked.get("drift") is not None and "learner" in checked and checked["learner"] is None:
        raise InputError("drift is detected on the learner's errors, and there is no learner; give one, or no drift")
    return checked
