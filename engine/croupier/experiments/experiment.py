"""What an experiment is: who may be met, how often, and what is learned from whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from croupier.configuration import described
from croupier.errors import InputError
from croupier.experiments.assignment import Split
from croupier.experiments.pieces import HOLDOUT
from croupier_policies import Policy


@dataclass(frozen=True)
class Experiment:
    """A split of units among variants, each a policy; `Engine.start` begins it.

    Attributes:
        name: Used once in a log.
        variants: The policy of each variant; None stands for the champion, the policy that decides now. One variant is
            the champion.
        window: Seconds from a unit's first decision on that count for it, the exposure window of the analysis.
        weights: Of each variant; equal ones by default.
        holdout: Share of the units that meet the champion as it was at the start, and from whom nothing is learned.
        learns: "own": a variant's policy learns from the decisions of its own variant. "all": from those of every one.
        taught: Whether the policies that come in begin with what is effective in the log, as the champion had it, or
            know nothing.
        planned: Units at which the confidence sequence is to be tightest. It must not be chosen by looking at outcomes.
        guardrails: Metrics that a candidate must not harm, each with the greatest harm that is put up with: kinds of
            observations, "purchase" for their number, "purchase:price" for the sum of an attribute.
        shadows: Policies that are asked beside whoever decides, logged, never shown. They learn from every decision.

    Raises:
        InputError: A name, weight or share cannot be what was meant, or no variant, or more than one, is the champion.

    >>> from croupier_policies import UniformPolicy
    >>> Experiment("ranking", {"old": None, "even": UniformPolicy()}, window=3600.0).champion
    'old'
    """

    name: str
    variants: Mapping[str, Policy | None]
    window: float
    weights: Mapping[str, float] | None = None
    holdout: float = 0.0
    learns: Literal["own", "all"] = "own"
    taught: bool = False
    planned: float = 1_000
    guardrails: Mapping[str, float] = field(default_factory=dict)
    shadows: Mapping[str, Policy] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name or "\0" in self.name or len(self.name) > 256:
            raise InputError(f"an experiment needs a name of 1 to 256 characters, not {self.name!r}")
        if list(self.variants.values()).count(None) != 1:
            raise InputError(
                "exactly one variant is the champion, given as None: the policy that decides now, and the one that a "
                "candidate is to be compared with"
            )
        if not 0 < self.window < float("inf"):
            raise InputError(f"the exposure window is {self.window} seconds; give a positive number")
        if self.learns not in ("own", "all"):
            raise InputError(f'learns is "own" or "all", not {self.learns!r}')
        if self.weights is not None and set(self.weights) != set(self.variants):
            raise InputError(f"weights are of {sorted(self.weights)}, and the variants are {sorted(self.variants)}")
        if not 0 < self.planned < float("inf"):
            raise InputError(f"planned is a number of units, not {self.planned}")
        if not all(0 < margin < float("inf") for margin in self.guardrails.values()):
            raise InputError(f"a guardrail's margin is positive: no harm at all can never be shown: {self.guardrails}")
        if {HOLDOUT, "", *self.variants} & set(self.shadows):
            raise InputError(f"a shadow needs a name that no variant has: {sorted(self.shadows)}")
        Split.of(self.shares, self.holdout)

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

    def said(self) -> dict[str, Any]:
        """As the log keeps it."""
        return {
            "event": "start",
            "name": self.name,
            "champion": self.champion,
            "weights": self.shares,
            "holdout": self.holdout,
            "learns": self.learns,
            "taught": self.taught,
            "window": self.window,
            "planned": self.planned,
            "guardrails": dict(self.guardrails),
            "policies": {name: orjson.loads(described(policy)) for name, policy in self.policies.items()},
            "shadows": list(self.shadows),
        }
