"""Several models of the same rewards, of which the one that predicts best is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from croupier_policies import arrays, registry
from croupier_policies.base import Actions, Row, State, Vector
from croupier_policies.errors import PolicyError
from croupier_policies.exploration.base import Estimates, Law
from croupier_policies.models.base import Model, check_at_least
from croupier_policies.models.ridge import RidgeModel
from croupier_policies.registry import register

HALF_LIVES = (0.0, 2000.0, 500.0)  # of the default members


@register
class BankModel(Model):
    """Follows the member whose predictions, each made before its reward was learned, were the best of late.

    L_m ← 2^(-1/memory)·L_m + (r - mean_m)²; the first of the least is asked. Once a member that forgets more slowly
    and is otherwise alike is behind by lead·σ², it goes on from what the best one knows: then it has the rest of its
    memory for what is true now. So where nothing changes little is given up for being able to forget, and after a
    change little of the past remains. Members may differ in anything else too, in their features for example.
    (Herbster & Warmuth 1998, "Tracking the best expert", following instead of mixing.)

    Args:
        members: Models, or their names and configurations; by default ridge models that forget at three rates, each
            without squares and with.
        memory: After how many rewards an error counts half; 0 forgets none.
        lead: How far behind a member may fall, in units of σ².
        device: See `Model`; of members that are not given as models.

    >>> BankModel().estimates({"hour": 14.0}, Actions(("a", "b"))).mean.tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "bank"

    def __init__(
        self,
        *,
        members: Sequence[Model | Mapping[str, Any]] = (),
        memory: float = 300.0,
        lead: float = 10.0,
        device: str = "cpu",
    ) -> None:
        super().__init__(device)
        check_at_least(1, memory=memory or 1.0)
        self.memory, self.lead = float(memory), float(lead)
        given = members or [_ridge(squares, rate) for squares in (False, True) for rate in HALF_LIVES]
        self.members: list[Model] = [registry.resolve(Model, member, device=device) for member in given]  # type: ignore[type-abstract] # made concrete
        if len({member.device for member in self.members}) > 1:
            raise PolicyError("the members of a bank must be on one device")
        self.backend = self.members[0].backend
        self._losses = [0.0] * len(self.members)
        self._loss_decay = 0.5 ** (1.0 / self.memory) if self.memory else 1.0
        self._slower = [
            [m for m, other in enumerate(self.members) if _is_slower_twin(other, it)] for it in self.members
        ]
        self._shares_state = any(self._slower)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, without `device`."""
        members = [{"name": member.name, "config": member.config()} for member in self.members]
        return {"members": members, "memory": self.memory, "lead": self.lead}

    def fresh(self) -> Self:
        """A new one that has learned nothing, on the same device."""
        return type(self)(
            members=[member.fresh() for member in self.members], memory=self.memory, lead=self.lead, device=self.device
        )

    @property
    def noise_variance(self) -> float:
        """The best member's."""
        return self.best.noise_variance

    @property
    def best(self) -> Model:
        """The member that is believed now."""
        return self.members[self._leader]

    @property
    def _leader(self) -> int:
        return self._losses.index(min(self._losses))

    def estimates(self, context: Row, actions: Actions) -> Estimates:
        """The best member's."""
        return self.best.estimates(context, actions)

    def choose(self, context: Row, actions: Actions, law: Law) -> Vector:
        """The best member's."""
        return self.best.choose(context, actions, law)

    def estimates_batch(self, contexts: Any, actions: Actions) -> Estimates:
        """The best member's."""
        return self.best.estimates_batch(contexts, actions)

    def learn(self, context: Row, actions: Actions, index: int, reward: float) -> float:
        """Every member learns; what the best so far expected."""
        return self._score_members(reward, [member.learn(context, actions, index, reward) for member in self.members])

    def learn_batch(self, contexts: Any, actions: Actions, indices: Any, rewards: Any) -> Vector:
        """Every member learns the batch; one event after another where members may adopt each other's knowledge."""
        if self._shares_state:
            return super().learn_batch(contexts, actions, indices, rewards)
        expected = [member.learn_batch(contexts, actions, indices, rewards) for member in self.members]
        events = zip(arrays.to_host(rewards).tolist(), np.stack(expected, axis=1).tolist(), strict=True)
        return np.array([self._score_members(reward, means) for reward, means in events])

    def _score_members(self, reward: float, expected: list[float]) -> float:
        """Count the members' errors; what the best so far expected."""
        leader = self._leader
        for m, mean in enumerate(expected):
            self._losses[m] = self._loss_decay * self._losses[m] + (reward - mean) ** 2
        if self._shares_state:
            self._copy_leader()
        return expected[leader]

    def discount(self, retain: float, action: str | None = None) -> None:
        """Every member forgets as it can; errors made before count less too."""
        for member in self.members:
            member.discount(retain, action)
        if action is None:
            self._losses = [retain * loss for loss in self._losses]

    def _copy_leader(self) -> None:
        """What forgets more slowly than the best, and is otherwise alike, goes on from there once it is far behind."""
        best = self._leader
        for slow in self._slower[best]:
            if self._losses[slow] > self._losses[best] + self.lead * self.members[best].noise_variance:
                self.members[slow].restore(self.members[best].state())
                self._losses[slow] = self._losses[best]

    def state(self) -> State:
        """The members' states and recent losses."""
        return {"members": [member.state() for member in self.members], "losses": np.array(self._losses)}

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        for member, known in zip(self.members, state["members"], strict=True):
            member.restore(known)
        self._losses = state["losses"].tolist()


def _ridge(squares: bool, half_life: float) -> dict[str, Any]:
    return {"name": RidgeModel.name, "config": {"squares": squares, "half_life": half_life}}


def _is_slower_twin(one: Model, other: Model) -> bool:
    """Whether two models are alike but for the first's longer memory."""
    a, b = ({"half_life": 0.0} | model.config() for model in (one, other))
    longer = (a.pop("half_life") or np.inf) > (b.pop("half_life") or np.inf)
    return type(one) is type(other) and a == b and longer
