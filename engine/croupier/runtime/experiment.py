"""The definition of an experiment: variants, weights, hold-out, and who learns from which decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from croupier.errors import InputError
from croupier.log.configuration import describe
from croupier.state.experiment.assignment import Split
from croupier.state.experiment.buckets import HOLDOUT
from croupier_policies import Policy


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
        if not self.name or "\0" in self.name or len(self.name) > 256:
            raise InputError(f"an experiment needs a name of 1 to 256 characters, not {self.name!r}")
        if list(self.variants.values()).count(None) != 1:
            raise InputError(
                "exactly one variant must be None, the champion: the policy that decides now and that every "
                "candidate is compared with"
            )
        if not 0 < self.window < float("inf"):
            raise InputError(f"the exposure window is {self.window} seconds; give a positive number")
        if self.learn_from not in ("own", "all"):
            raise InputError(f'learn_from is "own" or "all", not {self.learn_from!r}')
        if self.weights is not None and set(self.weights) != set(self.variants):
            raise InputError(f"weights name {sorted(self.weights)}, but the variants are {sorted(self.variants)}")
        if not 0 < self.planned_units < float("inf"):
            raise InputError(f"planned_units is a number of units, not {self.planned_units}")
        if not all(0 < margin < float("inf") for margin in self.guardrails.values()):
            raise InputError(
                f"a guardrail's margin must be positive, since no harm at all can never be shown: {self.guardrails}"
            )
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
