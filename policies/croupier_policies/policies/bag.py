"""Online bootstrap: many models, each of which learns every event a random number of times."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final, Self

import numpy as np

from croupier_policies.base import Actions, Configurable, Finding, Learner, Policy, Row, State, Vector, united
from croupier_policies.errors import ForgedState, PolicyError
from croupier_policies.exploration.sampling import uniform
from croupier_policies.exploration.scores import greedy
from croupier_policies.policies import defaults as default_policies
from croupier_policies.policies.base import MAX_SIZE
from croupier_policies.registry import register, resolve

MAX_REPEATS: Final = 6  # a Poisson(1) variable exceeds it once in 12,000 events


@register
class BagPolicy(Policy):
    """Votes of an online bootstrap: π_a = (1 − ε)·(fraction of members whose best action is a) + ε/K.

    Each member learns the n-th event Poisson(1) times; the number is derived by hashing the seed, n and the member, so
    that the same log gives the same members. Actions tied for a member share its vote.

    Args:
        member: A learner, which votes by its estimates, or a policy, which votes by its probabilities; the members are
            `fresh()` copies of it. Or its `{"name": …, "config": …}`; or None for the mean of a ridge posterior.
        size: The number of members B; no probability lies strictly between ε/K and ε/K + (1 − ε)/B unless votes tie.
        seed: The seed of the bootstrap.
        epsilon: The floor ε.
        max_columns: The limit of a default member; see `RidgeModel`.
        max_bytes: The memory limit of all default members together.

    Raises:
        PolicyError: An argument is out of range, or the member is unknown.

    Source: Oza & Russell (2001), "Online Bagging and Boosting", AISTATS; Eckles & Kaptein (2014), arXiv 1410.4009.

    >>> from croupier_policies import Actions
    >>> BagPolicy().probabilities({"hour": 14.0}, Actions(("a", "b"))).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "bag"

    def __init__(
        self,
        member: Configurable | dict[str, Any] | None = None,
        *,
        size: int = 10,
        seed: int = 0,
        epsilon: float = 0.01,
        max_columns: int = 512,
        max_bytes: int = 2**30,
    ) -> None:
        if not 1 <= size <= MAX_SIZE or not 0 <= seed < 1 << 64 or not 0 <= epsilon <= 1:
            raise PolicyError(
                f"size {size} must be 1 to {MAX_SIZE:,}, seed {seed} below 2**64, epsilon {epsilon} from 0 to 1"
            )
        self.size, self.seed, self.epsilon = size, seed, float(epsilon)
        self.max_columns, self.max_bytes = max_columns, max_bytes
        self._custom = member is not None
        first = resolve(Configurable, member) if member is not None else _ridge(max_columns, max_bytes // size)  # type: ignore[type-abstract] # any policy or learner
        self._members: list[Any] = [first.fresh() for _ in range(size)]
        self._count = 0

    @property
    def storable(self) -> bool:
        """Whether its members are storable."""
        return self._members[0].storable  # type: ignore[no-any-return] # all members have one class

    @property
    def arithmetic(self) -> str:
        """What the bits of its members' results depend on."""
        return str(self._members[0].arithmetic)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, the member by its name and configuration."""
        own = {"size": self.size, "seed": self.seed, "epsilon": self.epsilon}
        if not self._custom:
            return own | {"member": None, "max_columns": self.max_columns, "max_bytes": self.max_bytes}
        return own | {"member": {"name": self._members[0].name, "config": self._members[0].config()}}

    def fresh(self) -> Self:
        """A new, untrained policy with copies of the member object, which need not be registered."""
        return type(self)(**self.config() | ({"member": self._members[0]} if self._custom else {}))

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        """(1 − ε)·votes/B + ε/K, (K,)."""
        votes = np.zeros(len(actions))
        for member in self._members:
            votes += greedy(_estimates(member, context, actions), 0.0)
        p: Vector = (1.0 - self.epsilon) * (votes / votes.sum()) + self.epsilon / len(actions)
        return p

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Each member learns the event Poisson(1) times."""
        for b, member in enumerate(self._members):
            for _ in range(_poisson(uniform(self.seed, "bag", f"{self._count}/{b}"))):
                member.learn(context, actions, index, reward, propensity)
        self._count += 1

    def findings(self) -> list[Finding]:
        """Those of the members."""
        return united([(f"member {b} of the bag", member.findings()) for b, member in enumerate(self._members, 1)])

    def state(self) -> State:
        """The members' states and the number of events. Raises NotStorable if a member does."""
        return {"count": self._count, "members": [member.state() for member in self._members]}

    def restore(self, state: State) -> None:
        """Replace the state by a `state()`. Raises ForgedState if it does not have a state for each member."""
        members, count = state.get("members"), state.get("count")
        if type(count) is not int or count < 0 or type(members) is not list or len(members) != self.size:
            raise ForgedState("the state of a bag must be a count and one state per member; nothing was restored")
        restored = [member.fresh() for member in self._members]
        for member, own in zip(restored, members, strict=True):
            member.restore(own)
        self._members, self._count = restored, count


def _ridge(max_columns: int, max_bytes: int) -> Configurable:
    # without optimism: only the largest probability counts, which is that of the largest posterior mean
    return default_policies.SoftmaxPolicy(alpha=0.0, epsilon=0.0, max_columns=max_columns, max_bytes=max_bytes)


def _estimates(member: Policy | Learner, context: Row, actions: Actions) -> Vector:
    if isinstance(member, Learner):
        return member.predict(context, actions)
    return member.probabilities(context, actions)


def _poisson(u: float) -> int:
    """The Poisson(1) number at the quantile u, at most `MAX_REPEATS`.

    >>> [_poisson(u) for u in (0.1, 0.5, 0.8, 0.95)]
    [0, 1, 2, 3]
    """
    k, chance = 0, math.exp(-1.0)
    while u >= chance and k < MAX_REPEATS:
        u -= chance
        k += 1
        chance /= k
    return k
