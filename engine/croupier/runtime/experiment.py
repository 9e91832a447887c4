"""The definition of an experiment: variants, weights, hold-out, and who learns from which decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from croupier.errors import InputError
from croupier.log.arguments import Check, choice, flag, instance, mapping, number, optional, real
from croupier.log.configuration import describe
from croupier.log.identifiers import required, shown
from croupier.log.limits import EXPERIMENT, TIME
from croupier.state.experiment.assignment import Split
from croupier.state.experiment.buckets import HOLDOUT
from croupier_policies import Policy


def _name(value: Any, argument: str) -> str:
    return required(value, argument, EXPERIMENT)


def _by_name(check: Check) -> Check:
    """A mapping from names to what another check accepts."""

    def checked(value: Any, argument: str) -> dict[str, Any]:
        entries = mapping(value, argument)
        return {_name(name, f"a name in {argument}"): check(v, f"{argument}[{name!r}]") for name, v in entries.items()}

    return checked


def _margin(value: Any, argument: str) -> float:
    margin = real(value)
    if margin is None or margin <= 0:
        raise InputError(
            f"a guardrail's margin must be positive, since no harm at all can never be shown: {argument} is "
            f"{shown(value)}"
        )
    return margin


_POLICY = instance(Policy, "UniformPolicy()")
_FIELDS: dict[str, Check] = {
    "name": _name,
    "variants": _by_name(optional(_POLICY)),
    "window": number(0.0, TIME.maximum, above=True),
    "weights": optional(_by_name(number(0.0, 1e100))),
    "holdout": number(0.0, 1.0),
    "learn_from": choice("own", "all"),
    "warm_start": flag,
    "planned_units": number(0.0, 1e15, above=True),
    "guardrails": _by_name(_margin),
    "shadows": _by_name(_POLICY),
}


@dataclass(frozen=True)
class Experiment:
    """A split of units among variants, each a policy; `engine.experiments.start` starts it.

    Attributes:
        name: Unique in a log.
        variants: The policy of each variant. Exactly one is None: the champion, the policy that decides now.
        window: Exposure window in seconds: the decisions of a unit count from its first one on for so long.
        weights: Of each variant; equal by default.
        holdout: Share of the units for which the champion decides as it was at the start, and from which nothing is
            learned.
        learn_from: "own": a variant's policy learns from the decisions of its own variant. "all": from those of all.
        warm_start: Whether new policies first learn the effective facts of the log, as the champion did, or start
            untaught.
        planned_units: Number of units at which the confidence sequence is tightest. Do not choose it by looking at
            outcomes.
        guardrails: Metrics that a candidate must not harm, each with the largest harm that is tolerated: kinds of
            observations, "purchase" for their number, "purchase:price" for the sum of an attribute.
        shadows: Policies evaluated and logged beside whichever decides, never shown. They learn from every decision.

    Raises:
        InputError: Invalid name, weight or share, or not exactly one champion.

    >>> from croupier_policies import UniformPolicy
    >>> Experiment("ranking", {"old": None, "even": UniformPolicy()}, window=3600.0).champion
    'old'
    """

    name: str
    variants: Mapping[str, Policy | None]
    window: float
    weights: Mapping[str, float] | None = None
    holdout: float = 0.0
    learn_from: Literal["own", "all"] = "own"
    warm_start: bool = False
    planned_units: float = 1_000
    guardrails: Mapping[str, float] = field(default_factory=dict)
    shadows: Mapping[str, Policy] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, check in _FIELDS.items():
            object.__setattr__(self, name, check(getattr(self, name), name))  # the class is frozen
        if list(self.variants.values()).count(None) != 1:
            raise InputError(
                "exactly one variant must be None, the champion: the policy that decides now and that every "
                "candidate is compared with"
            )
        if self.weights is not None and set(self.weights) != set(self.variants):
            raise InputError(f"weights name {sorted(self.weights)}, but the variants are {sorted(self.variants)}")
        if {HOLDOUT, "", *self.variants} & set(self.shadows):
            raise InputError(f"shadows and variants need different names: {sorted(self.shadows)}")
        Split.from_weights(self.shares, self.holdout)

    @property
    def champion(self) -> str:
        """The name of the variant that is the champion."""
        return next(name for name, policy in self.variants.items() if policy is None)

    @property
    def shares(self) -> dict[str, float]:
        """The weights, equal ones where none were given."""
        return dict(self.weights or dict.fromkeys(self.variants, 1.0))

    @property
    def policies(self) -> dict[str, Policy]:
        """The policies that come in, by variant or shadow."""
        return {name: policy for name, policy in {**self.variants, **self.shadows}.items() if policy is not None}

    def description(self) -> dict[str, Any]:
        """The body of the fact that starts it: plain data."""
        return {
            "event": "start",
            "name": self.name,
            "champion": self.champion,
            "weights": self.shares,
            "holdout": self.holdout,
            "learns": self.learn_from,
            "taught": self.warm_start,
            "window": self.window,
            "planned": self.planned_units,
            "guardrails": dict(self.guardrails),
            "policies": {name: orjson.loads(describe(policy)) for name, policy in self.policies.items()},
            "shadows": list(self.shadows),
        }
