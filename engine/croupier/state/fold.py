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

from croupier.errors import CorruptStore, InputError
from croupier.log.configuration import Configuration
from croupier.log.reader import BEHAVIOUR, DecodedDecision, Log, batches, until
from croupier.log.role import Role
from croupier.state.components import Components, ObjectPool
from croupier.state.decisions import DecisionRecord, PendingDecisions
from croupier.state.experiment.running import RunningExperiment, apply_experiment_fact, learners
from croupier.state.features.state import FeatureState
from croupier.state.snapshots import restore_at
from croupier_policies import Actions, Policy, Row, State
from croupier_storage import CorruptSnapshot, Fact, Kind, hash_state

Visit = Callable[[Fact, DecodedDecision], None]
Progress = Callable[[int, int], None]
Learned = Callable[[Fact, DecodedDecision, float], None]


class ReplayWarning(UserWarning):
    """State had to be rebuilt from the log because a snapshot could not give it back."""


class Fold:
    """Policy and learner at one position of the log; every fact passes through once, in order.

    Args:
        pool: Policies and learners given as objects, used where the log names them.
        configuration: Of the store.
        log: Read for decisions that are no longer in memory.
        components: Policy and learner to begin with, untaught; by default the store's initial ones.
        learned: Called with (fact, decision, reward) for everything that is learned, after it was learned.
    """

    def __init__(
        self,
        pool: ObjectPool,
        configuration: Configuration,
        log: Log,
        learned: Learned | None = None,
        components: Components | None = None,
    ) -> None:
        self.components = pool.initial(configuration) if components is None else components
        self.pool, self.configuration, self.log = pool, configuration, log
        self.running: RunningExperiment | None = None  # the experiment in force
        self.feature_state = FeatureState.of(orjson.loads(configuration.behaviour))
        self.drift_mismatches: list[
            tuple[int, str]
        ] = []  # where the log's drifts are not those that the detectors find
        self.position = 0
        self.shape: int | None = None  # numbers in an array context, -1 for mappings, as the first decision had it
        self.rewards = 0  # learned
        self._learned = learned
        self._pending = PendingDecisions(log, configuration.rewards)
        self.in_memory = self._pending.in_memory  # the record of a decision, if it is in memory

    def decide(self, fact: Fact, decided: DecodedDecision) -> None:
        """Fold in a decision: remember it for its reward. Nothing is learned from a choice."""
        self._follow(fact)
        self.fix_shape(decided.context)
        self._pending.put(fact, decided)
        self.position = max(self.position, fact.position)

    def fix_shape(self, context: Row) -> None:
        """Let the first context fix the shape of all."""
        if self.shape is None:
            self.shape = shape(context)

    def record(self, decision: int) -> DecisionRecord:
        """The decision at a position and what the log says of it up to here, from memory or from the log."""
        return self._pending.record(decision, self.position)

    def apply(self, fact: Fact) -> None:
        """Fold in any fact that is no decision."""
        self._follow(fact)
        if fact.decision is None:
            if fact.kind in (Kind.REBASE, Kind.CONFIGURATION):
                self._rebase(fact)
            elif fact.kind in (Kind.EXPERIMENT, Kind.PROMOTION):
                self._experiment(fact)
            elif fact.kind in BEHAVIOUR:
                self.feature_state.apply(fact, self._policies())
        else:
            record = self.in_memory(fact.decision) or self.record(fact.decision)
            reward = record.reward_state.apply(fact, self.configuration.rewards)
            if reward is not None:
                self._pending.drop(fact.decision)  # little more will be said of it, and that can be looked up
                self.learn(fact, record.decided, reward, record.reward_state.unit)
        self.position = max(self.position, fact.position)

    def learn(self, fact: Fact, decided: DecodedDecision, reward: float, unit: str | None) -> None:
        """Teach the reward of a decision to whoever learns from it."""
        scaled = self.configuration.scaled(reward)
        context, actions, drawn, propensity, role = decided
        learning = learners(self.components, self.running, role)
        if not learning:
            return
        if self.feature_state.drift is not None and any(part is self.components.learner for part in learning):
            self._watch(fact.at, unit, decided, scaled)
        for part in learning:
            if part is not None:
                part.learn(context, actions, drawn, scaled, propensity)
        self.rewards += 1
        if self._learned is not None:
            self._learned(fact, decided, reward)

    def _watch(self, at: float, unit: str | None, decided: DecodedDecision, reward: float) -> None:
        """Show the detectors how well the learner foresees a reward that it has not learned."""
        drift, learner, actions, k = self.feature_state.drift, self.components.learner, decided.actions, decided.drawn
        if drift is not None and learner is not None:
            shown = Actions((actions.ids[k],), None if actions.rows is None else (actions.rows[k],))
            error = reward - float(learner.predict(decided.context, shown)[0])
            drift.note(at, unit, actions.ids[k], error)

    def _follow(self, fact: Fact) -> None:
        drift = self.feature_state.drift
        if drift is not None and (drift.pending or fact.kind == Kind.DRIFT) and (mismatch := drift.follow(fact)):
            self.drift_mismatches.append((fact.position, mismatch))

    def _policies(self) -> list[Policy]:
        """All that learn."""
        return [self.components.policy, *(self.running.policies.values() if self.running is not None else ())]

    def run(self, upto: int | None = None, visit: Visit | None = None, progress: Progress | None = None) -> None:
        """Fold the facts of the log after this position.

        `visit` is called for every decision with the state at its `as_of`, before anything later is learned; `progress`
        now and then with (position, last).
        """
        last = self.log.storage.head() if upto is None else upto
        for batch in batches(self.log.events(self.position, last), self.log.batch):
            about = {fact.decision for fact, _ in batch if fact.decision is not None}
            self._pending.read({decision for decision in about if decision <= self.position}, self.position)
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
            self.take_over(self.at(int(body["to"])))
            return
        changed = fact.kind == Kind.CONFIGURATION
        components = self.pool.components(body) if changed else self.components.fresh()
        features = FeatureState.of(body) if changed else self.feature_state
        self.adopt(self.rebased(int(body["upto"]), components, fact.position - 1, features=features))

    def _experiment(self, fact: Fact) -> None:
        """Begin, change or end an experiment; promotion makes the policy of one of its variants the champion."""
        body = orjson.loads(fact.body or b"{}")
        if fact.kind == Kind.PROMOTION:
            self.components = Components(
                self.policy_for(Role(body["name"], body["variant"], 1.0)), self.components.learner
            )
        self.running = apply_experiment_fact(self.running, fact, self.pool)
        if self.running is not None and body.get("event") == "start":
            self.running.freeze(self.components.policy)
            if "upto" in body:
                self.running.policies = self.warm_started(self.running.policies, int(body["upto"]), fact.position - 1)

    def warm_started(self, policies: Mapping[str, Policy], effective: int, upto: int) -> dict[str, Policy]:
        """Policies taught the effective facts of the log, as a rebase teaches the champion."""
        return {
            name: self.rebased(effective, Components(policy, None), upto).components.policy
            for name, policy in policies.items()
        }

    def policy_for(self, role: Role | None) -> Policy:
        """The policy that decides in a role. Raises CorruptStore where no such experiment is in force."""
        if role is None:
            return self.components.policy
        if self.running is None or self.running.name != role.experiment:
            raise CorruptStore(f"a decision was made for the experiment {role.experiment!r}, which is not in force")
        return self.running.policy_for(role.variant, self.components.policy)

    def shadow_policies(self) -> list[tuple[str, Policy]]:
        """The policies that are asked beside whoever decides."""
        return [] if self.running is None else [(name, self.running.policies[name]) for name in self.running.shadows]

    def rebased(
        self,
        effective: int,
        components: Components,
        upto: int,
        log: Log | None = None,
        progress: Progress | None = None,
        features: FeatureState | None = None,
    ) -> Fold:
        """A fold at `upto` that learned what is effective at `effective`, and after it whatever followed."""
        new = Fold(self.pool, self.configuration, log or self.log, components=components)
        new.feature_state = (features or self.feature_state).fresh()
        new.replay_effective(effective, progress)
        new.run(upto)
        return new

    def replay_effective(self, effective: int, progress: Progress | None = None) -> None:
        """Teach an untaught fold the effective facts up to a position.

        Every decision is learned once, in order of position, from its outcome as it stands there: late rewards in
        place, corrections made, retractions gone. The order in which rewards arrived makes no difference.
        """
        rule = self.configuration.rewards
        start = self._start_experiment_in_force(effective)
        observed = until(self.log.storage.facts(0, effective, kinds=BEHAVIOUR))
        for batch in batches(self.log.reward_states(effective, rule), self.log.batch):
            outcomes = [reward_state.effective(rule) for _, reward_state in batch]
            for (fact, decided), outcome in zip(self.log.decoded(fact for fact, _ in batch), outcomes, strict=True):
                for earlier in observed(fact.position):
                    self.apply(earlier)
                self.fix_shape(decided.context)
                if self.running is not None and fact.position > start:
                    self.running.freeze(self.components.policy)
                if outcome is not None:
                    self.learn(fact, decided, outcome, fact.unit)
            if progress is not None:
                progress(batch[-1][0].position, effective)
        if self.running is not None:
            self.running.freeze(self.components.policy)
        for last in observed(effective + 1):
            self.apply(last)
        self.position = effective

    def _start_experiment_in_force(self, upto: int) -> int:
        """Start the experiment in force at a position, its policies untaught; returns the position of its start."""
        start = 0
        for fact in self.log.storage.facts(0, upto, kinds=(Kind.EXPERIMENT.value, Kind.PROMOTION.value)):
            before, self.running = self.running, apply_experiment_fact(self.running, fact, self.pool)
            start = start if self.running is before else fact.position
        return start

    def at(self, position: int) -> Fold:
        """The state at an earlier position, from the newest good snapshot before it."""
        earlier = fold_from_snapshot(self.log, self.pool, self.configuration, position)
        earlier.run(position)
        return earlier

    def adopt(self, rebased: Fold) -> None:
        """Continue from a rebase: with its state, its experiment, and the shape of the decisions that are left."""
        self.take_over(rebased)
        self.shape, self.running = rebased.shape, rebased.running

    def take_over(self, other: Fold) -> None:
        """Continue with the policy, the learner and the features of another fold of the same log."""
        self.components, self.feature_state, self.rewards = other.components, other.feature_state, other.rewards
        if self.feature_state.drift is not None:
            self.feature_state.drift.pending.clear()  # what was found on the way here is no news
        self.position = max(self.position, other.position)

    def forget(self) -> None:
        """Drop what is at hand of decisions; it will be read again."""
        self._pending.clear()
        self.log.forget()

    def check_shape(self, context: Row) -> None:
        """Raises InputError for a context of another shape than the first decision's."""
        if self.shape is not None and shape(context) != self.shape:
            raise InputError(
                f"the context is {_shape_name(shape(context))}, but the log began with {_shape_name(self.shape)}: "
                "a model learned on one cannot read the other; give contexts of one shape"
            )

    def description(self) -> dict[str, Any]:
        """What the log goes on under: names and configurations, as plain data."""
        return {**self.components.description(), **self.feature_state.description()}

    @property
    def storable(self) -> bool:
        """Whether a snapshot can hold it."""
        return all(part is None or part.storable for part in self.components) and (
            self.running is None or self.running.storable
        )

    def state(self) -> State:
        """All of it that a snapshot keeps; None for what cannot be stored."""
        policy, learner = (part.state() if part is not None and part.storable else None for part in self.components)
        state: State = {
            "parts": self.description(),
            "shape": self.shape,
            "rewards": self.rewards,
            "policy": policy,
            "learner": learner,
        }
        state |= self.feature_state.state()
        return state if self.running is None else {**state, "experiment": self.running.state()}

    def restore(self, state: State, position: int) -> None:
        """Take over a `state()` at its position."""
        self.components, self.feature_state = self.pool.components(state["parts"]), FeatureState.of(state["parts"])
        self.feature_state.restore(state)
        for part, learned in zip(self.components, (state["policy"], state["learner"]), strict=True):
            if part is not None:
                part.restore(learned)
        self.shape, self.rewards, self.position = state["shape"], state["rewards"], position
        if "experiment" in state:
            self.running = RunningExperiment.restored(state["experiment"], self.pool, self.components.policy)

    def hash(self) -> str:
        """The hash of the state."""
        return hash_state(self.state())


def fold_from_snapshot(log: Log, pool: ObjectPool, configuration: Configuration, upto: int | None = None) -> Fold:
    """A fold restored from the newest intact snapshot, not after `upto`; or an untaught one at position 0."""
    fold = Fold(pool, configuration, log)
    stored = [info.position for info in log.storage.snapshots() if upto is None or info.position <= upto]
    if stored and not fold.storable:
        warnings.warn("what cannot be kept in snapshots is rebuilt from the whole log", ReplayWarning, 6)
        return fold
    for position in reversed(stored):
        try:
            restore_at(log.storage, position, fold)
        except CorruptSnapshot as error:
            warnings.warn(f"snapshot {position} is passed over for the one before: {error}", ReplayWarning, 6)
            fold = Fold(pool, configuration, log)
        else:
            break
    return fold


def shape(context: Row) -> int:
    """Numbers in an array context; -1 for a mapping."""
    return context.shape[0] if isinstance(context, np.ndarray) else -1


def _shape_name(shape: int) -> str:
    return "a mapping" if shape < 0 else f"an array of {shape} numbers"
