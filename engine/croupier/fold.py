"""State from facts: the one place where a fact changes a policy or a learner.

The live loop, recovery, replay, evaluation and `verify` all come through here:
state(p) = fold(learn, state(q), facts q+1 … p).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import orjson

from croupier.behaviour.part import Behaviour
from croupier.configuration import Configuration
from croupier.errors import CorruptStore, InputError
from croupier.experiments.running import Role, Running, followed, pupils
from croupier.log import BEHAVIOUR, Decided, Log, batches
from croupier.parts import Given, Parts
from croupier.rebasing import teach
from croupier.snapshots import restore_at
from croupier.stories import Known, Stories
from croupier_policies import Actions, Policy, Row, State
from croupier_storage import CorruptSnapshot, Fact, Kind, hash_state

Visit = Callable[[Fact, Decided], None]
Progress = Callable[[int, int], None]
Learned = Callable[[Fact, Decided, float], None]


class ReplayWarning(UserWarning):
    """State had to be rebuilt from the log because a snapshot could not give it back."""


class Fold:
    """Policy and learner at one position of the log; every fact passes through once, in order.

    Args:
        given: Objects at hand for policies and learners that the log names.
        configuration: Of the store.
        log: From which decisions are read that are no longer at hand.
        parts: Policy and learner to begin with, untaught; by default those under which the store was begun.
        learned: Called with (fact, decision, reward) for everything that is learned, after it was learned.
    """

    def __init__(
        self,
        given: Given,
        configuration: Configuration,
        log: Log,
        learned: Learned | None = None,
        parts: Parts | None = None,
    ) -> None:
        self.parts = given.born(configuration) if parts is None else parts
        self.given, self.configuration, self.log = given, configuration, log
        self.running: Running | None = None  # the experiment in force
        self.behaviour = Behaviour.of(orjson.loads(configuration.behaviour))
        self.odd: list[tuple[int, str]] = []  # where the log's drifts are not those that the detectors find
        self.position = 0
        self.shape: int | None = None  # numbers in an array context, -1 for mappings, as the first decision had it
        self.rewards = 0  # learned
        self._learned = learned
        self._stories = Stories(log, configuration.rewards)

    def decide(self, fact: Fact, decided: Decided) -> None:
        """Fold in a decision: remember it for its reward. Nothing is learned from a choice."""
        self._follow(fact)
        self.shaped(decided.context)
        self._stories.put(fact, decided)
        self.position = max(self.position, fact.position)

    def shaped(self, context: Row) -> None:
        """The first context says of which shape all are."""
        if self.shape is None:
            self.shape = shape(context)

    def known(self, decision: int) -> Known:
        """The decision at a position and its story up to here, from memory or from the log."""
        return self._stories.known(decision, self.position)

    def apply(self, fact: Fact) -> None:
        """Fold in any fact that is no decision."""
        self._follow(fact)
        if fact.decision is None:
            if fact.kind in (Kind.REBASE, Kind.CONFIGURATION):
                self._rebase(fact)
            elif fact.kind in (Kind.EXPERIMENT, Kind.PROMOTION):
                self._experiment(fact)
            elif fact.kind in BEHAVIOUR:
                self.behaviour.apply(fact, self._policies())
        else:
            known = self._stories.at_hand(fact.decision) or self.known(fact.decision)
            reward = known.standing.apply(fact, self.configuration.rewards)
            if reward is not None:
                self._stories.drop(fact.decision)  # little more will be said of it, and that can be looked up
                self.learn(fact, known.decided, reward, known.standing.unit)
        self.position = max(self.position, fact.position)

    def learn(self, fact: Fact, decided: Decided, reward: float, unit: str | None) -> None:
        """Teach the reward of a decision to whoever learns from it."""
        scaled = self.configuration.scaled(reward)
        context, actions, drawn, propensity, role = decided
        taught = pupils(self.parts, self.running, role)
        if not taught:
            return
        if self.behaviour.drift is not None and any(part is self.parts.learner for part in taught):
            self._watch(fact.at, unit, decided, scaled)
        for part in taught:
            if part is not None:
                part.learn(context, actions, drawn, scaled, propensity)
        self.rewards += 1
        if self._learned is not None:
            self._learned(fact, decided, reward)

    def _watch(self, at: float, unit: str | None, decided: Decided, reward: float) -> None:
        """Show the detectors how well the learner foresees a reward that it has not learned."""
        drift, learner, actions, k = self.behaviour.drift, self.parts.learner, decided.actions, decided.drawn
        if drift is not None and learner is not None:
            shown = Actions((actions.ids[k],), None if actions.rows is None else (actions.rows[k],))
            error = reward - float(learner.predict(decided.context, shown)[0])
            drift.note(at, unit, actions.ids[k], error)

    def _follow(self, fact: Fact) -> None:
        drift = self.behaviour.drift
        if drift is not None and (drift.pending or fact.kind == Kind.DRIFT) and (odd := drift.follow(fact)):
            self.odd.append((fact.position, odd))

    def _policies(self) -> list[Policy]:
        """All that learn."""
        return [self.parts.policy, *(self.running.policies.values() if self.running is not None else ())]

    def run(self, upto: int | None = None, visit: Visit | None = None, progress: Progress | None = None) -> None:
        """Fold the facts of the log after this position.

        `visit` is called for every decision with the state at its `as_of`, before anything later is learned; `progress`
        now and then with (position, last).
        """
        last = self.log.storage.head() if upto is None else upto
        for batch in batches(self.log.events(self.position, last), self.log.batch):
            about = {fact.decision for fact, _ in batch if fact.decision is not None}
            self._stories.read({decision for decision in about if decision <= self.position}, self.position)
            for fact, decided in batch:
                if decided is None:
                    self.apply(fact)
                else:
                    if visit is not None:
                        visit(fact, decided)
                    self.decide(fact, decided)
            if progress is not None:
                progress(self.position, last)
        self.position = max(self.position, last)

    def _rebase(self, fact: Fact) -> None:
        """Take over the state that `rebased` gives at this fact; what is known of decisions stays."""
        body = orjson.loads(fact.body or b"{}")
        if "to" in body:
            self.take(self.at(int(body["to"])))
            return
        changed = fact.kind == Kind.CONFIGURATION
        parts = self.given.parts(body) if changed else self.parts.fresh()
        behaviour = Behaviour.of(body) if changed else self.behaviour
        self.adopt(self.rebased(int(body["upto"]), parts, fact.position - 1, behaviour=behaviour))

    def _experiment(self, fact: Fact) -> None:
        """Begin, change or end an experiment; promotion makes the policy of one of its variants the champion."""
        body = orjson.loads(fact.body or b"{}")
        if fact.kind == Kind.PROMOTION:
            self.parts = Parts(self.decider(Role(body["name"], body["variant"], 1.0)), self.parts.learner)
        self.running = followed(self.running, fact, self.given)
        if self.running is not None and body.get("event") == "start":
            self.running.freeze(self.parts.policy)
            if "upto" in body:
                self.running.policies = self.taught(self.running.policies, int(body["upto"]), fact.position - 1)

    def taught(self, policies: Mapping[str, Policy], effective: int, upto: int) -> dict[str, Policy]:
        """Policies that learned what is effective in the log, as a rebase would teach a champion."""
        return {
            name: self.rebased(effective, Parts(policy, None), upto).parts.policy for name, policy in policies.items()
        }

    def decider(self, role: Role | None) -> Policy:
        """The policy that decides in a role. Raises CorruptStore where no such experiment is in force."""
        if role is None:
            return self.parts.policy
        if self.running is None or self.running.name != role.experiment:
            raise CorruptStore(f"a decision was made for the experiment {role.experiment!r}, which is not in force")
        return self.running.decider(role.variant, self.parts.policy)

    def shadows(self) -> list[tuple[str, Policy]]:
        """The policies that are asked beside whoever decides."""
        return [] if self.running is None else [(name, self.running.policies[name]) for name in self.running.shadows]

    def rebased(
        self,
        effective: int,
        parts: Parts,
        upto: int,
        log: Log | None = None,
        progress: Progress | None = None,
        behaviour: Behaviour | None = None,
    ) -> Fold:
        """A fold at `upto` that learned what is effective at `effective`, and after it whatever followed."""
        new = Fold(self.given, self.configuration, log or self.log, parts=parts)
        new.behaviour = (behaviour or self.behaviour).fresh()
        teach(new, effective, progress)
        new.run(upto)
        return new

    def at(self, position: int) -> Fold:
        """The state at an earlier position, from the newest good snapshot before it."""
        earlier = newest(self.log, self.given, self.configuration, position)
        earlier.run(position)
        return earlier

    def adopt(self, rebased: Fold) -> None:
        """Go on from a rebase: with its state, its experiment, and the shape of the decisions that are left."""
        self.take(rebased)
        self.shape, self.running = rebased.shape, rebased.running

    def take(self, other: Fold) -> None:
        """Go on with the policy, the learner and the behaviour of another fold of the same log."""
        self.parts, self.behaviour, self.rewards = other.parts, other.behaviour, other.rewards
        if self.behaviour.drift is not None:
            self.behaviour.drift.pending.clear()  # what was found on the way here is no news
        self.position = max(self.position, other.position)

    def forget(self) -> None:
        """Drop what is at hand of decisions; it will be read again."""
        self._stories.clear()
        self.log.forget()

    def check_shape(self, context: Row) -> None:
        """Raises InputError for a context of another shape than the first decision's."""
        if self.shape is not None and shape(context) != self.shape:
            raise InputError(
                f"the context is {_spelled(shape(context))}, but the log began with {_spelled(self.shape)}: a model "
                "learned on one cannot read the other; give contexts of one shape"
            )

    def description(self) -> dict[str, Any]:
        """What the log goes on under: names and configurations, as plain data."""
        return {**self.parts.description(), **self.behaviour.description()}

    @property
    def storable(self) -> bool:
        """Whether a snapshot can hold it."""
        return all(part is None or part.storable for part in self.parts) and (
            self.running is None or self.running.storable
        )

    def state(self) -> State:
        """All of it that a snapshot keeps; None for what cannot be stored."""
        policy, learner = (part.state() if part is not None and part.storable else None for part in self.parts)
        state: State = {
            "parts": self.description(),
            "shape": self.shape,
            "rewards": self.rewards,
            "policy": policy,
            "learner": learner,
        }
        state |= self.behaviour.state()
        return state if self.running is None else {**state, "experiment": self.running.state()}

    def restore(self, state: State, position: int) -> None:
        """Take over a `state()` at its position."""
        self.parts, self.behaviour = self.given.parts(state["parts"]), Behaviour.of(state["parts"])
        self.behaviour.restore(state)
        for part, learned in zip(self.parts, (state["policy"], state["learner"]), strict=True):
            if part is not None:
                part.restore(learned)
        self.shape, self.rewards, self.position = state["shape"], state["rewards"], position
        if "experiment" in state:
            self.running = Running.restored(state["experiment"], self.given, self.parts.policy)

    def hash(self) -> str:
        """The hash of the state."""
        return hash_state(self.state())


def newest(log: Log, given: Given, configuration: Configuration, upto: int | None = None) -> Fold:
    """A fold at the newest snapshot, not after `upto`, that is whole; or at the beginning."""
    fold = Fold(given, configuration, log)
    stored = [info.position for info in log.storage.snapshots() if upto is None or info.position <= upto]
    if stored and not fold.storable:
        warnings.warn("what cannot be kept in snapshots is rebuilt from the whole log", ReplayWarning, 6)
        return fold
    for position in reversed(stored):
        try:
            restore_at(log.storage, position, fold)
        except CorruptSnapshot as error:
            warnings.warn(f"snapshot {position} is passed over for the one before: {error}", ReplayWarning, 6)
            fold = Fold(given, configuration, log)
        else:
            break
    return fold


def shape(context: Row) -> int:
    """Numbers in an array context; -1 for a mapping."""
    return context.shape[0] if isinstance(context, np.ndarray) else -1


def _spelled(shape: int) -> str:
    return "a mapping" if shape < 0 else f"an array of {shape} numbers"
