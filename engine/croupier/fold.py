"""State from facts: the one place where a fact changes a policy or a learner.

The live loop, recovery, replay, evaluation and `verify` all come through here:
state(p) = fold(learn, state(q), facts q+1 … p).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from croupier.configuration import Configuration
from croupier.encoding import decode_actions, decode_row
from croupier.errors import CorruptStore, InputError
from croupier.recent import Recent
from croupier_policies import Actions, Learner, Policy, Row, State
from croupier_storage import Fact, Kind, Storage

REMEMBERED = 1 << 16  # decisions kept at hand for their rewards; older ones are read from the store
LEARNABLE = (Kind.REWARD.value,)


class Decided(NamedTuple):
    """A decision in decoded form, what learning from its reward needs: `actions.ids[drawn]` was drawn."""

    context: Row
    actions: Actions
    drawn: int
    propensity: float


class Fold:
    """Policy and learner at one position of the log; every position passes through once, in order."""

    def __init__(self, policy: Policy, learner: Learner | None, configuration: Configuration) -> None:
        self.policy, self.learner, self.configuration = policy, learner, configuration
        self.position = 0
        self.shape: int | None = None  # numbers in an array context, -1 for mappings, as the first decision had it
        self.rewards = 0
        self._decided: Recent[int, Decided] = Recent(REMEMBERED)

    def decide(self, position: int, decided: Decided) -> None:
        """Fold in a decision: remember it for its reward. Nothing is learned from a choice."""
        if self.shape is None:
            self.shape = shape(decided.context)
        self._decided.put(position, decided)
        self.position = max(self.position, position)

    def remembered(self, decision: int) -> Decided | None:
        """The decision at this position, if it is still at hand."""
        return self._decided.get(decision)

    def reward(self, position: int, decided: Decided, reward: float) -> None:
        """Fold in the reward of a decision."""
        scaled = self.configuration.scaled(reward)
        context, actions, index, propensity = decided
        self.policy.learn(context, actions, index, scaled, propensity)
        if self.learner is not None:
            self.learner.learn(context, actions, index, scaled, propensity)
        self.rewards += 1
        self.position = max(self.position, position)

    def check_shape(self, context: Row) -> None:
        """Raises InputError for a context of another shape than the first decision's."""
        if self.shape is not None and shape(context) != self.shape:
            raise InputError(
                f"the context is {_spelled(shape(context))}, but the log began with {_spelled(self.shape)}: a model "
                "learned on one cannot read the other; give contexts of one shape"
            )

    def state(self) -> State:
        """All of it that a snapshot keeps."""
        learner = self.learner.state() if self.learner is not None and self.learner.storable else None
        return {"shape": self.shape, "rewards": self.rewards, "policy": self.policy.state(), "learner": learner}

    def restore(self, state: State, position: int) -> None:
        """Take over a `state()` at its position."""
        self.shape, self.rewards, self.position = state["shape"], state["rewards"], position
        self.policy.restore(state["policy"])
        if self.learner is not None:
            self.learner.restore(state["learner"])

    def run(self, log: Log, upto: int | None = None, visit: Visit | None = None) -> None:
        """Fold the facts after this position.

        `visit` is called for every decision with the state at its `as_of`, before anything later is learned.
        """
        for fact, decided in log.events(self.position, upto, self):
            if fact.kind == Kind.DECISION:
                if visit is not None:
                    visit(fact, decided)
                self.decide(fact.position, decided)
            else:
                self.reward(fact.position, decided, _number(fact.reward, fact))
        self.position = max(self.position, log.storage.head() if upto is None else upto)


Visit = Callable[[Fact, Decided], None]


class Log:
    """Facts of a store in decoded form, in the order in which a fold wants them."""

    def __init__(self, storage: Storage, batch: int = 2048) -> None:
        self.storage, self.batch = storage, batch
        self._sets: Recent[bytes, Actions] = Recent(4096)

    def events(self, after: int, upto: int | None, fold: Fold) -> Iterator[tuple[Fact, Decided]]:
        """Decisions and rewards with after < position ≤ upto, a decision before any fact later than its `as_of`.

        What a decision saw is what had been folded by its `as_of`, whatever its own position.
        """
        decisions = self._decided(self.storage.decisions_by_as_of(after, upto))
        ahead = next(decisions, None)
        for rewards in _batches(self.storage.facts(after, upto, kinds=LEARNABLE), self.batch):
            old = self._decisions_before(after, rewards)
            for fact in rewards:
                while ahead is not None and _number(ahead[0].as_of, ahead[0]) < fact.position:
                    yield ahead
                    ahead = next(decisions, None)
                position = int(_number(fact.decision, fact))
                yield fact, fold.remembered(position) or old.get(position) or self.decided_at(position)
        while ahead is not None:
            yield ahead
            ahead = next(decisions, None)

    def _decisions_before(self, after: int, rewards: Sequence[Fact]) -> dict[int, Decided]:
        """Decisions that these rewards name and this pass does not come by, in one query."""
        wanted = [fact.decision for fact in rewards if fact.decision is not None and fact.decision <= after]
        found = self.storage.at(wanted) if wanted else {}
        return {fact.position: decided for fact, decided in self._decided(iter(found.values()))}

    def decided_at(self, position: int) -> Decided:
        """The decision at one position, read from the store."""
        fact = self.storage.at([position]).get(position)
        if fact is None or fact.kind != Kind.DECISION:
            raise CorruptStore(f"a fact names position {position} as its decision, and no decision is there")
        return self.decode(fact)

    def decode(self, fact: Fact) -> Decided:
        """One decision in decoded form."""
        return next(self._decided(iter([fact])))[1]

    def _decided(self, facts: Iterator[Fact]) -> Iterator[tuple[Fact, Decided]]:
        for batch in _batches(facts, self.batch):
            sets = self._action_sets({fact.actions for fact in batch if fact.actions is not None})
            for fact in batch:
                yield fact, _decode(fact, sets)

    def _action_sets(self, digests: set[bytes]) -> dict[bytes, Actions]:
        known = {digest: actions for digest in digests if (actions := self._sets.get(digest)) is not None}
        missing = [digest for digest in digests if digest not in known]
        for digest, body in self.storage.action_sets(missing).items() if missing else ():
            known[digest] = decode_actions(body, digest)
            self._sets.put(digest, known[digest])
        return known


def _decode(fact: Fact, sets: dict[bytes, Actions]) -> Decided:
    if fact.context is None or fact.actions is None or fact.actions not in sets or fact.action is None:
        raise CorruptStore(f"the decision at position {fact.position} lacks its context, its candidates or its action")
    actions = sets[fact.actions]
    if fact.action not in actions.ids:
        raise CorruptStore(
            f"the decision at position {fact.position} shows {fact.action!r}, which is no candidate of it"
        )
    return Decided(decode_row(fact.context), actions, actions.ids.index(fact.action), _number(fact.propensity, fact))


def _number(value: float | None, fact: Fact) -> float:
    if value is None:
        raise CorruptStore(f"the {fact.kind} at position {fact.position} lacks a number that every {fact.kind} has")
    return value


def _batches(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def shape(context: Row) -> int:
    """Numbers in an array context; -1 for a mapping."""
    return context.shape[0] if isinstance(context, np.ndarray) else -1


def _spelled(shape: int) -> str:
    return "a mapping" if shape < 0 else f"an array of {shape} numbers"
