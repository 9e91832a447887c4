"""A bank of reward models that follows the best predictor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from croupier_policies import arrays, registry
from croupier_policies.base import Actions, Finding, Reason, Row, State, Vector, united
from croupier_policies.errors import PolicyError, TooLarge
from croupier_policies.exploration.base import Estimates, Law
from croupier_policies.models.base import Model, check_at_least
from croupier_policies.models.ridge import RidgeModel
from croupier_policies.registry import register

HALF_LIVES = (0.0, 2000.0, 500.0)  # of the default members


@register
class BankModel(Model):
    """Predicts with the member whose recent one-step-ahead predictions had the smallest discounted squared error.

    L_m ← 2^(-1/memory)·L_m + (r - mean_m)²; the first member with the smallest L_m is used. When a member with a longer
    half-life and otherwise equal configuration is behind the best one by lead·σ², its state is replaced by
    the best one's, so that it starts to average over the time after the change. The bank thus loses little on
    stationary data and adapts to changes. Members may also differ in anything else, for example in their features.
    A member that cannot take an event (no room for its columns or its action) does not decide it; a reward that it
    skips counts 1, the largest squared error, so that it does not lead either. Once any member has learned, a decision
    that none of them can take for lack of room has equal estimates for all actions, and is counted.
    (Herbster & Warmuth 1998, "Tracking the best expert"; here the best expert is followed, not mixed.)

    Args:
        members: Models, or their names and configurations; by default ridge models with three half-lives, each with
            and without squares.
        memory: The half-life of a prediction error, in rewards; 0 disables discounting.
        lead: The difference in L at which a slower member takes over the best one's state, in units of σ².
        device: See `Model`; for members that are not model objects.

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
        specs = members or [_ridge(squares, rate) for squares in (False, True) for rate in HALF_LIVES]
        self.members: list[Model] = [registry.resolve(Model, member, device=device) for member in specs]  # type: ignore[type-abstract] # only concrete classes are built
        if len({member.device for member in self.members}) > 1:
            raise PolicyError("the members of a bank must be on one device; pass models with the same `device`")
        self.backend = self.members[0].backend
        self._losses = [0.0] * len(self.members)
        self._skipped, self._undecided = [0] * len(self.members), 0  # beside the state: for `findings`
        self._loss_decay = 0.5 ** (1.0 / self.memory) if self.memory else 1.0
        self._slower = [
            [m for m, other in enumerate(self.members) if _is_slower_twin(other, it)] for it in self.members
        ]
        self._shares_state = any(self._slower)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments without `device`."""
        members = [{"name": member.name, "config": member.config()} for member in self.members]
        return {"members": members, "memory": self.memory, "lead": self.lead}

    def fresh(self) -> Self:
        """A new, untrained bank on the same device."""
        return type(self)(
            members=[member.fresh() for member in self.members], memory=self.memory, lead=self.lead, device=self.device
        )

    @property
    def noise_variance(self) -> float:
        """That of the best member."""
        return self.best.noise_variance

    @property
    def best(self) -> Model:
        """The member with the smallest recent loss."""
        return self.members[self._leader]

    @property
    def _leader(self) -> int:
        return self._losses.index(min(self._losses))

    def estimates(self, context: Row, actions: Actions) -> Estimates:
        """That of the best member that can take the row."""
        try:
            return self.best.estimates(context, actions)
        except PolicyError as error:
            return self._by_another(lambda member: member.estimates(context, actions), (len(actions),), error)

    def choose(self, context: Row, actions: Actions, law: Law) -> Vector:
        """That of the best member that can take the row."""
        try:
            return self.best.choose(context, actions, law)
        except PolicyError:
            return super().choose(context, actions, law)

    def estimates_batch(self, contexts: Any, actions: Actions) -> Estimates:
        """That of the best member that can take the rows."""
        try:
            return self.best.estimates_batch(contexts, actions)
        except PolicyError as error:
            shape = len(contexts), len(actions)
            return self._by_another(lambda member: member.estimates_batch(contexts, actions), shape, error)

    def _by_another(
        self, estimate: Callable[[Model], Estimates], shape: tuple[int, ...], error: PolicyError
    ) -> Estimates:
        """The estimates of the next best member that gives any; equal ones if there is room in none any more.

        It raises where no member has learned anything yet, so that what can never be learned is refused at once, and
        where a row is wrong rather than too large.
        """
        order = sorted(range(len(self.members)), key=self._losses.__getitem__)  # stable: the leader comes first
        errors = [error]
        for m in order[1:]:
            try:
                return estimate(self.members[m])
            except PolicyError as another:
                errors.append(another)
        if not self.learned or not all(isinstance(each, TooLarge) for each in errors):
            raise error
        self._undecided += 1
        xp = self.backend.xp
        return Estimates(xp.full(shape, 0.5), xp.ones(shape), math.sqrt(self.noise_variance), self.learned)

    @property
    def learned(self) -> int:
        """That of the member which has learned most."""
        return max(member.learned for member in self.members)

    def learn(self, context: Row, actions: Actions, index: int, reward: float) -> float:
        """Every member that has room learns; returns the prediction of the member that was best before."""
        expected = []
        for member in self.members:
            try:
                expected.append(member.learn(context, actions, index, reward))
            except PolicyError:  # the row was accepted by another member
                expected.append(math.nan)
        return self._score_members(reward, expected)

    def learn_batch(self, contexts: Any, actions: Actions, indices: Any, rewards: Any) -> Vector:
        """Every member learns the batch; event by event if members may take over each other's state."""
        if self._shares_state:
            return super().learn_batch(contexts, actions, indices, rewards)
        expected = [member.learn_batch(contexts, actions, indices, rewards) for member in self.members]
        events = zip(arrays.to_host(rewards).tolist(), np.stack(expected, axis=1).tolist(), strict=True)
        return np.array([self._score_members(reward, means) for reward, means in events])

    def _score_members(self, reward: float, expected: list[float]) -> float:
        """Update the members' losses; returns the prediction of the member that was best before."""
        leader = self._leader
        for m, mean in enumerate(expected):
            error = reward - mean
            if error != error:  # NaN: it skipped the event
                self._skipped[m] += 1
                error = 1.0
            self._losses[m] = self._loss_decay * self._losses[m] + error**2
        if self._shares_state:
            self._copy_leader()
        return expected[leader]

    def discount(self, retain: float, action: str | None = None) -> None:
        """Discount every member, and the losses if no action is named."""
        for member in self.members:
            member.discount(retain, action)
        if action is None:
            self._losses = [retain * loss for loss in self._losses]

    def _copy_leader(self) -> None:
        """Replace the state of slower twins of the best member that have fallen too far behind."""
        best = self._leader
        for slow in self._slower[best]:
            if self._losses[slow] > self._losses[best] + self.lead * self.members[best].noise_variance:
                self.members[slow].restore(self.members[best].state())
                self._losses[slow] = self._losses[best]

    def findings(self) -> list[Finding]:
        """Those of the members, which events some of them skipped, and which decisions none could take."""
        titles = [f"model {m} of {len(self.members)} ({member.name})" for m, member in enumerate(self.members, 1)]
        found = united([(title, member.findings()) for title, member in zip(titles, self.members, strict=True)])
        for title, skipped in zip(titles, self._skipped, strict=True):
            if skipped:
                text = f"{title} could not learn {skipped} rewards for lack of room; the other models decide instead"
                found.append(Finding(Reason.MODEL_UNABLE, skipped, (title,), text))
        if self._undecided:
            text = (
                f"{self._undecided} decisions were drawn uniformly, since no model has room for their actions or "
                "features; choose among fewer actions, give fewer numbers, or open the store with a policy of larger "
                "max_bytes and max_columns, and replay=True"
            )
            found.append(Finding(Reason.ALL_UNABLE, self._undecided, (), text))
        return found

    def state(self) -> State:
        """The members' states and discounted losses."""
        return {"members": [member.state() for member in self.members], "losses": np.array(self._losses)}

    def restore(self, state: State) -> None:
        """Replace the state by a `state()`."""
        for member, saved in zip(self.members, state["members"], strict=True):
            member.restore(saved)
        self._losses = state["losses"].tolist()
        self._skipped, self._undecided = [0] * len(self.members), 0


def _ridge(squares: bool, half_life: float) -> dict[str, Any]:
    return {"name": RidgeModel.name, "config": {"squares": squares, "half_life": half_life}}


def _is_slower_twin(one: Model, other: Model) -> bool:
    """Whether two models differ only in the half-life, and the first has the longer one."""
    a, b = ({"half_life": 0.0} | model.config() for model in (one, other))
    longer = (a.pop("half_life") or np.inf) > (b.pop("half_life") or np.inf)
    return type(one) is type(other) and a == b and longer
