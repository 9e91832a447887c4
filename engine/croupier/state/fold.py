"""The fold of the log: the one place where a fact changes a policy or a learner.

The live loop, recovery, replay, evaluation and `verify` all use it: state(p) = fold(learn, state(q), facts q+1 … p).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import orjson

from croupier.errors import CorruptStore, CroupierError, CroupierWarning, InputError, PolicyFailed
from croupier.log.configuration import Configuration
from croupier.log.reader import FEATURE_KINDS, DecodedDecision, Log, batches, incremental_reader
from croupier.log.role import Role
from croupier.state.components import Components, ObjectPool
from croupier.state.decisions import DecisionRecord, PendingDecisions
from croupier.state.experiment.running import RunningExperiment, apply_experiment_fact, learners
from croupier.state.features.state import FeatureState
from croupier.state.snapshots import restore_at
from croupier_policies import Actions, Policy, PolicyError, Row, State
from croupier_storage import CorruptSnapshot, Fact, Kind, StorageError, hash_state

Visit = Callable[[Fact, DecodedDecision], None]
Progress = Callable[[int, int], None]
OnLearn = Callable[[Fact, DecodedDecision, float], None]


_KNOWN = 8  # states kept while folding a log with rollbacks
_NESTED = 2  # rebases within one another; honest ones, which go back to just before themselves, are not


class ReplayWarning(CroupierWarning):
    """The state was rebuilt from the log, because no snapshot could restore it."""


class Fold:
    """The state at one position of the log; every fact is folded in once, in order.

    Args:
        pool: The application's policies and learners, used where the log describes them.
        configuration: The store's configuration.
        log: Where decisions that are not in memory are read.
        on_learn: Called with (fact, decision, reward) after each reward has been learned.
        components: The policy and learner to begin with, which have learned nothing; by default the store's initial
            ones.

    Attributes:
        components: The present policy and learner.
        running: The experiment in force, or None.
        feature_state: Features and drift detectors.
        drift_mismatches: (position, description) where the drifts in the log are not those that the detectors find.
        position: The position of the last fact folded in.
        shape: Numbers in an array context, -1 for a mapping, as in the first decision; None before it.
        rewards: The number of rewards learned.
    """

    def __init__(
        self,
        pool: ObjectPool,
        configuration: Configuration,
        log: Log,
        on_learn: OnLearn | None = None,
        components: Components | None = None,
    ) -> None:
        self.components = pool.initial(configuration) if components is None else components
        self.pool, self.configuration, self.log = pool, configuration, log
        self.running: RunningExperiment | None = None
        self.feature_state = FeatureState.from_description(orjson.loads(configuration.feature_config))
        self.drift_mismatches: list[tuple[int, str]] = []
        self.position = 0
        self.shape: int | None = None
        self.rewards = 0
        self._on_learn = on_learn
        self._nested = 0  # rebases within which this fold is computed
        self._pending = PendingDecisions(log, configuration.rewards)
        self.in_memory = self._pending.in_memory  # the record of a decision, or None if it is not in memory

    def decide(self, fact: Fact, decided: DecodedDecision) -> None:
        """Fold in a decision, so that its reward can be learned; a decision by itself teaches nothing."""
        self._check_drift(fact)
        self.fix_shape(decided.context)
        self._pending.put(fact, decided)
        self.position = max(self.position, fact.position)

    def fix_shape(self, context: Row) -> None:
        """Set the shape of contexts, if this is the first one."""
        if self.shape is None:
            self.shape = shape(context)

    def record(self, decision: int) -> DecisionRecord:
        """The decision at a position, with the state of its rewards at the fold's position. Raises CorruptStore."""
        return self._pending.record(decision, self.position)

    def apply(self, fact: Fact) -> None:
        """Fold in a fact that is not a decision."""
        self._check_drift(fact)
        if fact.decision is None:
            if fact.kind in (Kind.REBASE, Kind.CONFIGURATION):
                self._rebase(fact)
            elif fact.kind in (Kind.EXPERIMENT, Kind.PROMOTION):
                self._apply_experiment_fact(fact)
            elif fact.kind in FEATURE_KINDS:
                self.feature_state.apply(fact, self._policies())
        else:
            record = self.in_memory(fact.decision) or self.record(fact.decision)
            reward = record.reward_state.apply(fact, self.configuration.rewards)
            if reward is not None:
                self._pending.drop(fact.decision)  # few more facts will refer to it; the log has it if one does
                self.learn(fact, record.decided, reward, record.reward_state.unit)
        self.position = max(self.position, fact.position)

    def learn(self, fact: Fact, decided: DecodedDecision, reward: float, unit: str | None) -> None:
        """Let every policy and learner that learns from a decision learn its reward."""
        scaled = self.configuration.scale(reward)
        context, actions, drawn, propensity, role = decided
        learning = learners(self.components, self.running, role)
        if not learning:
            return
        if self.feature_state.drift is not None and any(each is self.components.learner for each in learning):
            self._update_detectors(fact.at, unit, decided, scaled)
        for each in learning:
            if each is not None:
                each.learn(context, actions, drawn, scaled, propensity)
        self.rewards += 1
        if self._on_learn is not None:
            self._on_learn(fact, decided, reward)

    def _update_detectors(self, at: float, unit: str | None, decided: DecodedDecision, reward: float) -> None:
        """Pass the error of the learner's prediction to the detectors, before the learner learns the reward."""
        drift, learner, actions, k = self.feature_state.drift, self.components.learner, decided.actions, decided.drawn
        if drift is not None and learner is not None:
            drawn_only = Actions((actions.ids[k],), None if actions.rows is None else (actions.rows[k],))
            error = reward - float(learner.predict(decided.context, drawn_only)[0])
            drift.update(at, unit, actions.ids[k], error)

    def _check_drift(self, fact: Fact) -> None:
        drift = self.feature_state.drift
        if drift is not None and (drift.pending or fact.kind == Kind.DRIFT) and (mismatch := drift.reconcile(fact)):
            self.drift_mismatches.append((fact.position, mismatch))

    def _policies(self) -> list[Policy]:
        """All policies that learn."""
        return [self.components.policy, *(self.running.policies.values() if self.running is not None else ())]

    def run(self, upto: int | None = None, visit: Visit | None = None, progress: Progress | None = None) -> None:
        """Fold in the facts of the log after the fold's position.

        Args:
            upto: The last position; by default the end of the log.
            visit: Called with every decision while the fold has the state at its `as_of`, before anything later is
                learned.
            progress: Called with (position, last) after every batch.
        """
        last = self.log.storage.head() if upto is None else upto
        with self.log.running():
            self._run(last, visit, progress)
        self.position = max(self.position, last)

    def _run(self, last: int, visit: Visit | None, progress: Progress | None) -> None:
        for batch in batches(self.log.events(self.position, last), self.log.batch):
            referenced = {fact.decision for fact, _ in batch if fact.decision is not None}
            self._pending.read({decision for decision in referenced if decision <= self.position}, self.position)
            for fact, decided in batch:
                if decided is None:
                    self._apply_stored(fact)
                else:
                    if visit is not None:
                        visit(fact, decided)
                    self.decide(fact, decided)
            if progress is not None:
                progress(self.position, last)

    def _apply_stored(self, fact: Fact) -> None:
        """Fold in a fact of the log, which may hold anything, as may raise what a user's model makes of it."""
        try:
            self.apply(fact)
        except (CroupierError, PolicyError, StorageError):
            raise
        except Exception as error:  # a model or a forged row may raise anything; raised again, named
            message = f"the {fact.kind} at position {fact.position} of the log cannot be folded ({error!r}): "
            if fact.decision is not None:
                raise PolicyFailed(f"{message}the policy or learner cannot learn it, or the row is forged") from error
            raise CorruptStore(f"{message}the row is damaged or forged; restore a backup") from error

    def _rebase(self, fact: Fact) -> None:
        """Continue with the state of a rebase, a rollback or a change of configuration; pending decisions remain."""
        body = orjson.loads(fact.body or b"{}")
        if not 0 <= int(body["to" if "to" in body else "upto"]) < fact.position:
            raise CorruptStore(f"the {fact.kind} at position {fact.position} does not go back")
        if "to" in body:
            self.take_over(self.at(int(body["to"])))
            return
        changed = fact.kind == Kind.CONFIGURATION
        components = self.pool.components(body) if changed else self.components.fresh()
        features = FeatureState.from_description(body) if changed else self.feature_state
        self.adopt(self.build_rebased(int(body["upto"]), components, fact.position - 1, features=features))

    def _apply_experiment_fact(self, fact: Fact) -> None:
        """Start, change or end the experiment; a promotion makes the policy of one of its variants the champion."""
        body = orjson.loads(fact.body or b"{}")
        if fact.kind == Kind.PROMOTION:
            self.components = Components(
                self.policy_for(Role(body["name"], body["variant"], 1.0)), self.components.learner
            )
        self.running = apply_experiment_fact(self.running, fact, self.pool)
        if self.running is not None and body.get("event") == "start":
            self.running.freeze_holdout(self.components.policy)
            if "upto" in body:
                policies = self.build_warm_started(self.running.policies, int(body["upto"]), fact.position - 1)
                self.running.policies = policies

    def build_warm_started(self, policies: Mapping[str, Policy], effective: int, upto: int) -> dict[str, Policy]:
        """New policies that have learned from the log as `build_rebased` makes the champion learn."""
        return {
            name: self.build_rebased(effective, Components(policy, None), upto).components.policy
            for name, policy in policies.items()
        }

    def policy_for(self, role: Role | None) -> Policy:
        """The policy that decides in a role. Raises CorruptStore where its experiment is not in force."""
        if role is None:
            return self.components.policy
        if self.running is None or self.running.name != role.experiment:
            raise CorruptStore(f"a decision belongs to the experiment {role.experiment!r}, which is not in force")
        return self.running.policy_for(role.variant, self.components.policy)

    def shadow_policies(self) -> list[tuple[str, Policy]]:
        """The names and policies of the running experiment's shadows."""
        return [] if self.running is None else [(name, self.running.policies[name]) for name in self.running.shadows]

    def build_rebased(
        self,
        effective: int,
        components: Components,
        upto: int,
        log: Log | None = None,
        progress: Progress | None = None,
        features: FeatureState | None = None,
    ) -> Fold:
        """A new fold at `upto` that replays the effective facts at position `effective`, then the later facts.

        Args:
            effective: See `replay_effective`.
            components: A policy and a learner that have learned nothing.
            upto: The position of the new fold.
            log: Where facts are read; by default the log of this fold.
            progress: Called with (position, effective) after every batch.
            features: The configuration of features and detectors; by default that of this fold.
        """
        if self._nested == _NESTED:
            raise CorruptStore(f"the log has rebases more than {_NESTED} deep, each of which goes back before the last")
        new = Fold(self.pool, self.configuration, log or self.log, components=components)
        new._nested = self._nested + 1
        new.feature_state = (features or self.feature_state).fresh()
        new.replay_effective(effective, progress)
        new.run(upto)
        return new

    def replay_effective(self, effective: int, progress: Progress | None = None) -> None:
        """Learn the effective outcomes of all decisions up to a position; the fold must have learned nothing.

        Every decision is learned once, in order of position, from its outcome at `effective`: late rewards are
        included, corrections are applied, and retracted outcomes are left out. The order in which rewards arrived has
        no influence.
        """
        rule = self.configuration.rewards
        start = self._start_experiment_in_force(effective)
        feature_facts_before = incremental_reader(self.log.storage.facts(0, effective, kinds=FEATURE_KINDS))
        for batch in batches(self.log.reward_states(effective, rule), self.log.batch):
            outcomes = [reward_state.effective(rule) for _, reward_state in batch]
            for (fact, decided), outcome in zip(self.log.decoded(fact for fact, _ in batch), outcomes, strict=True):
                for earlier in feature_facts_before(fact.position):
                    self.apply(earlier)
                self.fix_shape(decided.context)
                if self.running is not None and fact.position > start:
                    self.running.freeze_holdout(self.components.policy)
                if outcome is not None:
                    self.learn(fact, decided, outcome, fact.unit)
            if progress is not None:
                progress(batch[-1][0].position, effective)
        if self.running is not None:
            self.running.freeze_holdout(self.components.policy)
        for remaining in feature_facts_before(effective + 1):
            self.apply(remaining)
        self.position = effective

    def _start_experiment_in_force(self, upto: int) -> int:
        """Start the experiment in force at a position with new policies; returns the position of its start, or 0."""
        start = 0
        for fact in self.log.storage.facts(0, upto, kinds=(Kind.EXPERIMENT.value, Kind.PROMOTION.value)):
            before, self.running = self.running, apply_experiment_fact(self.running, fact, self.pool)
            start = start if self.running is before else fact.position
        return start

    def at(self, position: int) -> Fold:
        """A fold at an earlier position, from the newest intact snapshot before it."""
        earlier = fold_from_snapshot(self.log, self.pool, self.configuration, position)
        known = self.log.states
        nearest = max((each for each in known if each <= position), default=0)
        if nearest > earlier.position:
            earlier = Fold(self.pool, self.configuration, self.log)
            earlier.restore(known[nearest], nearest)
        earlier._nested = self._nested
        earlier.run(position)
        if self.log.runs and earlier.storable:
            known[position] = earlier.state()
            while len(known) > _KNOWN:
                del known[min(known)]
        return earlier

    def adopt(self, rebased: Fold) -> None:
        """Continue with the state of a rebased fold, including its experiment and its shape of contexts."""
        self.take_over(rebased)
        self.shape, self.running = rebased.shape, rebased.running

    def take_over(self, other: Fold) -> None:
        """Continue with the policy, the learner and the features of another fold of the same log."""
        self.components, self.feature_state, self.rewards = other.components, other.feature_state, other.rewards
        if self.feature_state.drift is not None:
            self.feature_state.drift.pending.clear()  # drifts found while replaying are not logged again
        self.position = max(self.position, other.position)

    def forget(self) -> None:
        """Drop decisions and action sets from memory; they are read from the log when they are needed."""
        self._pending.clear()
        self.log.forget()

    def check_shape(self, context: Row) -> None:
        """Raises InputError for a context whose shape differs from the first decision's."""
        if self.shape is not None and shape(context) != self.shape:
            raise InputError(
                f"the context is {_shape_name(shape(context))}, but the log began with {_shape_name(self.shape)}: "
                "a model that was fitted to one shape cannot predict from another; give contexts of one shape"
            )

    def description(self) -> dict[str, Any]:
        """Names and configurations of the present policy, learner, features and detectors, as JSON data."""
        return {**self.components.description(), **self.feature_state.description()}

    @property
    def storable(self) -> bool:
        """Whether a snapshot can contain the state."""
        return all(each is None or each.storable for each in self.components) and (
            self.running is None or self.running.storable
        )

    def state(self) -> State:
        """The state for a snapshot; None for a policy or learner that is not storable.

        "parts" is the stored name of the description.
        """
        policy, learner = (each.state() if each is not None and each.storable else None for each in self.components)
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
        """Restore a `state()` at its position."""
        description = state["parts"]
        self.components = self.pool.components(description)
        self.feature_state = FeatureState.from_description(description)
        self.feature_state.restore(state)
        for each, stored in zip(self.components, (state["policy"], state["learner"]), strict=True):
            if each is not None:
                each.restore(stored)
        self.shape, self.rewards, self.position = state["shape"], state["rewards"], position
        if not (self.shape is None or type(self.shape) is int) or type(self.rewards) is not int:
            raise TypeError("the shape of contexts or the number of rewards is not an integer")
        if "experiment" in state:
            self.running = RunningExperiment.from_state(state["experiment"], self.pool, self.components.policy)

    def hash(self) -> str:
        """The hash of the state."""
        return hash_state(self.state())


def fold_from_snapshot(log: Log, pool: ObjectPool, configuration: Configuration, upto: int | None = None) -> Fold:
    """A fold restored from the newest intact snapshot at or before `upto`; a new fold at position 0 if there is none.

    Warns:
        ReplayWarning: A snapshot is damaged, or the state is not storable, so that more of the log must be replayed.
    """
    fold = Fold(pool, configuration, log)
    stored = [info.position for info in log.storage.snapshots() if upto is None or info.position <= upto]
    if stored and not fold.storable:
        warnings.warn(
            "a policy or learner cannot be restored from snapshots; the state is rebuilt from the whole log",
            ReplayWarning,
            5,
        )
        return fold
    for position in reversed(stored):
        try:
            restore_at(log.storage, position, fold)
        except CorruptSnapshot as error:
            warnings.warn(
                f"the snapshot at position {position} cannot be used, so an earlier one is tried: {error}",
                ReplayWarning,
                5,
            )
            fold = Fold(pool, configuration, log)
        else:
            break
    return fold


def shape(context: Row) -> int:
    """The number of numbers in an array context; -1 for a mapping."""
    return context.shape[0] if isinstance(context, np.ndarray) else -1


def _shape_name(shape: int) -> str:
    return "a mapping" if shape < 0 else f"an array of {shape} numbers"
