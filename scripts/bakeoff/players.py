"""The contenders on contexts: policies by name, at their defaults, and Vowpal Wabbit under many options.

A player chooses and learns, either straight through a policy or through an engine with its log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from itertools import product
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from bakeoff import simulations
from bakeoff.environments import Event
from bakeoff.inputs import Flat, Inputs, Standardised, blind, raw
from croupier import Catalogue, Engine
from croupier.log.validation import add_unit_field
from croupier_policies import Actions, Policy, SoftmaxPolicy, Vector, draw, registry, uniform
from croupier_policies.vw.examples import Examples, workspace

PEER, POPULARITY, FLAT = "vw", "popularity", "flat"
EXPLORERS = (
    "--squarecb",
    "--squarecb --gamma_scale 500",
    "--squarecb --elim",
    "--regcb --regcbopt --mellowness 0.01",
    "--epsilon 0.02",
    "--epsilon 0.02 --cb_type dr",
)
RATES = (0.5, 0.1, 2.0)  # the default first


class Bandit(Protocol):
    """What a player needs of a policy."""

    def probabilities(self, context: Any, actions: Actions) -> Vector:
        """The probability of each action, (K,)."""

    def learn(self, context: Any, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Learn one reward."""


class VowpalWabbit:
    """Vowpal Wabbit without a floor of ours, on flat rows: the context in namespace s, an action in a, costs −reward.

    The range of costs is −1 to 0, and there are 2²² weights. Negative probabilities, which `--elim` is known to
    return, count as 0.
    """

    def __init__(self, options: str) -> None:
        base = "" if "--cb_type" in options else "--cb_type mtr "
        costs = "--cb_min_cost -1 --cb_max_cost 0 " if re.search("--(squarecb|regcb)", options) else ""
        command = f"--cb_explore_adf {base}{costs}--random_seed 1 -b 22 -q sa {options}"
        self._examples = Examples(workspace(command.split()))

    def probabilities(self, context: Any, actions: Actions) -> Vector:
        """Vowpal Wabbit's probabilities, (K,)."""
        p = np.maximum(self._examples.predict(context, actions), 0.0)
        return cast(Vector, p / p.sum())

    def learn(self, context: Any, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """One labelled event."""
        self._examples.learn(context, actions, index, -reward, propensity)


class Contender(NamedTuple):
    """How to make a bandit, and what it gets to read."""

    make: Callable[[], Bandit]
    inputs: Callable[[], Inputs]


def contender(name: str) -> Contender:
    """The contender of this name: a registered policy or one set by hand, "NAME flat", "popularity", or "vw OPTIONS".

    Raises:
        PolicyError: There is no policy of this name.
    """
    if name.startswith(PEER):
        return Contender(partial(VowpalWabbit, name.removeprefix(PEER)), Standardised)
    if name == POPULARITY:
        return Contender(SoftmaxPolicy, lambda: blind)
    policy = name.removesuffix(f" {FLAT}")
    return Contender(partial(_policy, policy), Flat if policy != name else lambda: raw)


def _policy(name: str) -> Policy:
    by_hand = simulations.LINEAR | simulations.BANK | simulations.HYBRID
    return by_hand[name]() if name in by_hand else cast(Policy, registry.build(name, {}))


def variants(name: str, extra: Iterable[str]) -> list[str]:
    """The contenders that stand behind a name: for Vowpal Wabbit every explorer, rate and extra option."""
    if name != PEER:
        return [name]
    return [
        " ".join(filter(None, (PEER, explorer, f"-l {rate}", options)))
        for explorer, rate, options in product(EXPLORERS, RATES, extra)
    ]


class Player(Protocol):
    """Chooses an action for every event, and learns its reward."""

    def choose(self, event: Event) -> int:
        """The index of the action drawn."""

    def probabilities(self) -> Vector:
        """The probability that each action had in the last choice, (K,)."""

    def learn(self, reward: float) -> None:
        """Learn the reward of the last choice."""

    def close(self) -> None:
        """Release all resources."""


class Direct:
    """A policy without an engine. Rewards are divided by `high`, draws are hashed from the seed and a counter."""

    def __init__(self, name: str, high: float, seed: int) -> None:
        make, inputs = contender(name)
        self._bandit, self._inputs, self._high, self._seed, self._count = make(), inputs(), high, seed, 0
        self._unit_field = getattr(self._bandit, "unit_field", None)

    def choose(self, event: Event) -> int:
        """Ask the policy, and draw."""
        self._count += 1
        context, actions = self._inputs(event)
        context = add_unit_field(context, event.unit, self._unit_field)
        self._p = self._bandit.probabilities(context, actions)
        k = int(draw(self._p, uniform(self._seed, "draw", str(self._count))))
        self._last = context, actions, k, float(self._p[k])
        return k

    def probabilities(self) -> Vector:
        """Those of the last choice, (K,)."""
        return self._p

    def learn(self, reward: float) -> None:
        """Let the policy learn."""
        context, actions, k, propensity = self._last
        self._bandit.learn(context, actions, k, reward / self._high, propensity)

    def close(self) -> None:
        """Nothing is open."""


class Served:
    """A policy behind `Engine.choose` and `Engine.reward`, with no learner; items with features are a `Catalogue`."""

    def __init__(self, name: str, high: float, seed: int, url: str = "sqlite://") -> None:
        make, inputs = contender(name)
        policy, self._inputs = cast(Policy, make()), inputs()
        self._engine = Engine.open(
            url, policy=policy, learner=None, seed=seed, ids="sequential", reward_range=(0.0, high)
        )
        self._with_unit = self._inputs is raw
        self._actions, self._candidates = Actions(()), cast("Catalogue | tuple[str, ...]", ())

    def choose(self, event: Event) -> int:
        """Call `Engine.choose`."""
        context, actions = self._inputs(event)
        if actions is not self._actions:
            self._candidates = actions.ids if actions.rows is None else Catalogue(actions.ids, actions.rows)
            self._actions = actions
        self._last = self._engine.choose(context, self._candidates, unit=event.unit if self._with_unit else None)
        return actions.ids.index(self._last.action)

    def probabilities(self) -> Vector:
        """Those of the last choice, (K,)."""
        propensities = self._last.propensities
        return np.array([propensities[id] for id in self._actions.ids])

    def learn(self, reward: float) -> None:
        """Call `Engine.reward`."""
        self._engine.reward(self._last.id, reward)

    def close(self) -> None:
        """Close the store."""
        self._engine.close()
