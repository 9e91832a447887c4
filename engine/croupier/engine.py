"""The public surface of the live loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from enum import Enum
from types import SimpleNamespace
from typing import Any, Literal, NoReturn, Self

from croupier.engine_experiments import Experiments
from croupier.engine_snapshots import Snapshots
from croupier.errors import (
    Conflict,
    DecisionDeferred,
    DecisionNotDeferred,
    DecisionNotRewarded,
    DecisionRewarded,
    InputError,
    StateError,
    StoreError,
    storing,
)
from croupier.log.arguments import flag
from croupier.log.canonical import canonical
from croupier.log.decision import Decision, Outcome, Status
from croupier.log.encoding import encode_row
from croupier.log.identifiers import identifiers, is_storable, required, text
from croupier.log.ids import SEQUENTIAL, IdSource, sequential_id, time_ordered
from croupier.log.limits import ITEMS, KEYS
from croupier.log.rewards import FIRST, Rewards, RewardState
from croupier.log.validation import (
    Candidates,
    CandidateSets,
    Context,
    Time,
    add_unit_field,
    decision_reference,
    not_before,
    reward_value,
    timestamp,
)
from croupier.runtime import lists
from croupier.runtime.background import Background, Ticker
from croupier.runtime.idempotency import same_decision
from croupier.runtime.lists import Recommendation
from croupier.runtime.loop import Loop
from croupier.runtime.opening import Settings, components_in_force
from croupier.runtime.options import check_options
from croupier.runtime.outage import Outage, open_loop
from croupier.runtime.request import DecisionRequest, LoopOptions
from croupier.runtime.status import EngineStatus
from croupier.state.components import Components, ObjectPool
from croupier.state.features import observation
from croupier.state.features.drift import Drift
from croupier.state.features.features import Features
from croupier.state.features.state import FeatureState
from croupier.state.fold import Progress
from croupier.state.verify import Verification, verify
from croupier_policies import AdaptivePolicy, Learner, Policy, RiverLearner
from croupier_storage import Kind, Storage, open_storage, reward_fact

PATIENCE = 0.25  # seconds that a call waits for the store with on_store_failure="serve"


class _Default(Enum):
    LEARNER = "the default learner"


class Engine:
    """Chooses actions, learns from their rewards, and logs every fact. Open one with `Engine.open`.

    Thread-safe. A store is held by one engine at a time.

    Attributes:
        experiments: Policies compared on live units: start, stop, promotion.
        snapshots: The states that the store keeps.
    """

    def __init__(
        self, loop: Loop, outage: Outage | None, ids: IdSource | Literal["sequential"] | None, rebase_after: int | None
    ) -> None:
        self._loop, self._outage, self._ids = loop, outage, ids
        self._clock = loop.options.clock
        self._random_ids = time_ordered(self._clock)
        self._candidates = CandidateSets(None if loop.private is None else loop.private.hide)
        self._rebase_after, self._corrections, self._background = rebase_after, 0, Background()
        window = loop.configuration.rewards.window
        self._ticker = None if window is None else Ticker(min(window / 10, 1.0), self._tick)
        self.experiments, self.snapshots = Experiments(self._ready), Snapshots(self._ready)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        policy: Policy | None = None,
        learner: Learner | Literal[_Default.LEARNER] | None = _Default.LEARNER,
        seed: int | None = None,
        reward_range: tuple[float, float] = (0.0, 1.0),
        rewards: Rewards = FIRST,
        features: Features | None = None,
        drift: Drift | None = None,
        replay: bool = False,
        durability: Literal["group", "commit"] = "group",
        on_store_failure: Literal["raise", "serve"] = "raise",
        snapshot_every: int = 50_000,
        snapshot_seconds: float | None = None,
        snapshots_kept: int = 3,
        rebase_after: int | None = None,
        queue: int = 4_096,
        lock_timeout: float = 5.0,
        migrate: bool = False,
        policies: Iterable[Policy] = (),
        private: Iterable[str] = (),
        private_key: bytes | str | None = None,
        ids: IdSource | Literal["sequential"] | None = None,
        clock: Callable[[], float] = time.time,
        progress: Progress | None = None,
    ) -> Engine:
        """Open a store, or create one, and restore the state that its log describes.

        Args:
            url: `sqlite:///file`, `sqlite://` for one in memory, `postgresql+psycopg://…`.
            policy: The policy that decides. Its configuration must be the store's; by default the store's own, and
                `AdaptivePolicy()` for a new store.
            learner: The reward model beside it, None for none; by default the store's own, and a `RiverLearner` for a
                new one.
            seed: The seed of every draw, 0 ≤ seed < 2⁶⁴; by default the store's, random for a new one.
            reward_range: The smallest and the largest possible reward.
            rewards: Window, default and aggregation of rewards.
            features: Which features of the units' behaviour are computed and shown to the policy; by default the
                store's own, and none for a new store.
            drift: Detectors of changes in the learner's prediction error; by default as for `features`.
            replay: Accept another policy, learner or features than the store's: they learn the whole log first.
            durability: "commit" returns from a call when its fact is on disk; "group" at once, and a crash may lose the
                last few milliseconds. `flush` waits for everything so far.
            on_store_failure: "raise" lets calls fail while the store does; "serve" keeps choosing from memory. Such
                decisions are marked and never learned, and logging resumes by itself.
            snapshot_every: Number of facts between two snapshots.
            snapshot_seconds: Also after so many seconds, at the next fact.
            snapshots_kept: How many snapshots are kept, besides pinned ones.
            rebase_after: Rebase in the background after so many corrections.
            queue: Number of facts that may wait for the writer before calls block: the most that a crash can lose.
            lock_timeout: Seconds to wait for another program's transaction, or for the server, before the store counts
                as unavailable. With "serve" no call waits for it: a decision that is not committed within a quarter
                of a second is marked as not logged.
            migrate: Upgrade a store of an older schema.
            policies: Policies of a running experiment's variants that are not Croupier's own.
            private: Names of fields whose values are never logged, but keyed hashes of them: in contexts, features of
                actions, and attributes of observations; besides those that the store has already.
            private_key: The secret of these hashes, at least 16 bytes; it is not stored, and must stay the same. By
                default the value of the environment variable CROUPIER_PRIVATE_KEY.
            ids: The source of decision ids; time-ordered UUIDs by default, which differ from run to run, and with them
                the draws. With "sequential" an id follows from the seed and the position in the log: the same seed and
                calls give the same decisions, also across reopening. (A crash with "group" may give the ids of the
                decisions that it lost a second time.) Or a function that returns a new string at every call.
            clock: Returns seconds since 1970; the default of `at`.
            progress: Called with (position, head) while the log is folded.

        Raises:
            InputError: An option has another type or is out of its range; the store was not touched.
            StoreInUse: Another engine has the store open.
            ConfigurationDiffers: The store was written under another configuration.
            StoreError: The store cannot be opened, or is damaged.

        >>> with Engine.open("sqlite://", seed=7, learner=None) as engine:
        ...     decision = engine.choose({"device": "mobile"}, ["sale", "new", "plain"])
        ...     engine.reward(decision.id, 1.0).status
        <Status.APPLIED: 'applied'>
        """
        given = {name: value for name, value in locals().items() if name != "cls" and value is not _Default.LEARNER}
        asked = SimpleNamespace(**check_options(given))
        serve = asked.on_store_failure == "serve"
        options = LoopOptions(
            asked.durability == "commit",
            asked.snapshot_every,
            asked.snapshot_seconds,
            asked.snapshots_kept,
            asked.queue,
            PATIENCE if serve else None,
            asked.clock,
        )
        with storing():
            storage = open_storage(
                asked.url, durability=asked.durability, migrate=asked.migrate, timeout=asked.lock_timeout
            )
        components = _components(storage, asked.policy, learner, asked.reward_range)
        feature_state = FeatureState(asked.features, asked.drift)
        if drift is not None and components.learner is None:
            storage.close()
            raise InputError(
                "drift is detected on the learner's errors, and there is no learner; give one, or no drift"
            )
        settings = Settings(
            components,
            asked.seed,
            asked.reward_range,
            asked.rewards,
            asked.replay,
            asked.progress or _no_progress,
            feature_state,
            asked.policies,
            asked.private,
            asked.private_key,
        )
        loop = open_loop(storage, settings, options)
        return cls(loop, Outage() if serve else None, asked.ids, asked.rebase_after)

    def choose(
        self,
        context: Context | None,
        actions: Candidates,
        *,
        unit: str | None = None,
        id: str | None = None,
        exclude: Iterable[str] = (),
        deferred: bool = False,
        at: Time | None = None,
    ) -> Decision:
        """Choose one of the actions for this context, and log the decision.

        Args:
            context: Named values, or a 1-D array. A value is a number, a string, a boolean, a `Text`, a list of strings
                (tags), a mapping of names to numbers (counts), or a 1-D array; None is left out. Where the store has
                `features`, those of the unit are added, and it may be None.
            actions: The candidates: ids, ids with features of their own in the form of a context, or a `Catalogue`. A
                set is sorted.
            unit: Whose decision it is: a user, a session, a device.
            id: The decision's id; a new one by default. An id in the log with the same input returns the same decision.
            exclude: The ids of candidates that may not be chosen now: any collection of strings, read once. Other ids
                are ignored; what is no collection of strings is refused.
            deferred: Whether it is still unknown if the action will be shown; `activate` reports that it was.
            at: When, in seconds since 1970, or a `datetime` with a zone; the clock's time by default.

        Raises:
            InputError: Invalid argument; docs/limits.md lists how long, large and many they may be.
            Conflict: The id is in the log with different input, or `ids` returned one that is.
            PolicyFailed: The policy returned no probability vector; nothing was logged.
            StoreError: The store has failed.
        """
        request = self._request(context, actions, unit, id, exclude, deferred, at)
        decision: Decision | None = None
        try:
            loop = self._ready()
            with loop.lock:
                loop.check()
                if id is not None and (earlier := loop.index.decision(request.id)):
                    return same_decision(earlier, request, loop.fold.feature_state)
                request = self._named(loop, request, id)
                drawn = loop.decide(request)
            decision = Decision(drawn.fact, request.candidates.actions.ids, drawn.vector)
            loop.after_append(decision.position)
        except StoreError as error:
            if self._outage is None:
                raise
            if decision is None:
                return self._outage.serve(self._loop, self._named_unlogged(request), error)
            self._outage.mark_waiting(decision)
        return decision

    def recommend(
        self,
        *,
        k: int,
        actions: Candidates,
        context: Context | None = None,
        unit: str | None = None,
        id: str | None = None,
        exclude: Iterable[str] = (),
        at: Time | None = None,
    ) -> Recommendation:
        """Draw an ordered list of k actions without replacement, and log it: one decision a place.

        The action at each place is drawn from what the earlier places left, so that each propensity is exactly
        the probability of that draw, given those before it. The decision at place s has the id `ID/s`, and is rewarded
        under it. For k ≤ 3 the exact probability of finding the action at that place, whatever stands before, is
        logged beside; see `Recommendation.marginals`.

        Args:
            k: Number of places.
            actions: The candidates, at least k of them; thousands of them as a `Catalogue`.
            context: What is known, as for `choose`; nothing by default.
            unit: Whose list it is; a policy that learns of every unit finds it in the context.
            id: The list's id; a new one by default. An id in the log with the same input returns the same list.
            exclude: Candidates that may not be in the list.
            at: When, in seconds since 1970; the clock's time by default.

        Raises:
            InputError: Invalid argument.
            Conflict: The id is in the log with different input.
            PolicyFailed: The policy returned no probability vector; nothing was logged.
            StoreError: The store has failed.

        >>> with Engine.open("sqlite://", seed=7, learner=None) as engine:
        ...     shown = engine.recommend(unit="u1", k=2, actions=["film", "book", "game"])
        ...     engine.reward(shown[1].id, 1.0).status, len(set(shown.actions))
        (<Status.APPLIED: 'applied'>, 2)
        """
        request = self._request({} if context is None else context, actions, unit, id, exclude, False, at)
        k = lists.check_places(k, len(request.candidates.actions))
        shown: Recommendation | None = None
        try:
            loop = self._ready()
            with loop.lock:
                loop.check()
                request = self._named(loop, request, id, "/1")
                shown = lists.recommend(loop, request, k, known=id is not None)
            loop.after_append(loop.position)
        except StoreError as error:
            if self._outage is None:
                raise
            if shown is None:
                return lists.serve(self._outage, self._loop, self._named_unlogged(request), k, error)
            for decision in shown:
                self._outage.mark_waiting(decision)
        return shown

    def reward(self, decision_id: str, value: float, *, key: str | None = None, at: Time | None = None) -> Outcome:
        """Report the reward of a decision; what can be learned from it now is learned at once.

        Args:
            decision_id: The `id` of the decision.
            value: A finite number within the reward range.
            key: Makes the call idempotent: one key, one reward.
            at: When, in seconds since 1970; the clock's time by default. A time up to 5 seconds before the decision
                (two clocks differ) counts as the decision's; an earlier one is refused.

        Raises:
            InputError: A boolean, NaN, infinity or a value outside the range; a time before the decision.
            UnknownDecision: No decision of this id is in the log.
            DecisionDeferred: The decision was deferred and has not been activated.
            Conflict: The key was used for another decision or value.
            PolicyFailed: The policy or learner could not learn it; it was not logged, and the state is rebuilt.
            StoreError: The store has failed.
        """
        reward = reward_value(value, *self._loop.configuration.reward_range)
        key, when = text(key, "key"), timestamp(at, self._clock)
        decision_id = decision_reference(decision_id)
        if self._outage is not None and self._outage.unlogged(self._loop, decision_id):
            self._loop.counters[f"rewards {Status.UNLOGGED}"] += 1
            return Outcome(Status.UNLOGGED, decision_id, 0)
        loop = self._ready()
        with loop.lock:
            loop.check()
            loop.expire(when)
            position, (_, state) = loop.find(decision_id)
            when = not_before(when, state.decided_at, at is not None)
            if key is not None and (earlier := loop.index.keyed(key, (Kind.REWARD, position, reward, None, None))):
                loop.counters[f"rewards {Status.DUPLICATE}"] += 1
                return Outcome(Status.DUPLICATE, decision_id, earlier.position)
            status = _reward_status(state, loop.configuration.rewards, decision_id)
            if status in _NOT_LEARNED:
                loop.counters[f"rewards {status}"] += 1
            if status is Status.DUPLICATE:
                return Outcome(status, decision_id, state.first_reward)
            fact = loop.append_fact(reward_fact(loop.position + 1, when, position, reward, key))
        loop.after_append(fact.position)
        return Outcome(status, decision_id, fact.position)

    def activate(self, decision_id: str, *, at: Time | None = None) -> None:
        """Report that the action of a deferred decision was shown. Without it, its rewards are refused.

        Raises:
            DecisionNotDeferred: It was not deferred, is active already, or its window has closed.
        """
        self._append_about(Kind.ACTIVATION, decision_id, at, _not_deferred)

    def action_taken(self, decision_id: str, action: str, *, at: Time | None = None) -> None:
        """Report that another action was shown than the one drawn: its rewards are logged, but never learned.

        Raises:
            DecisionRewarded: It has a reward already, or this was reported before.
        """
        taken = required(action, "action")
        self._append_about(Kind.TAKEN, decision_id, at, _already_rewarded, action=taken)

    def correct(self, decision_id: str, value: float, *, at: Time | None = None) -> None:
        """Correct the reward of a decision; the correction takes effect at the next `rebase`.

        Raises:
            DecisionNotRewarded: There is no reward or default to correct.
        """
        reward = reward_value(value, *self._loop.configuration.reward_range)
        self._append_about(Kind.CORRECTION, decision_id, at, _not_rewarded, reward=reward)
        self._corrected()

    def retract(self, decision_id: str, *, at: Time | None = None) -> None:
        """Withdraw the reward of a decision; the retraction takes effect at the next `rebase`.

        Raises:
            DecisionNotRewarded: There is no reward or default to retract.
        """
        self._append_about(Kind.RETRACTION, decision_id, at, _not_rewarded)
        self._corrected()

    def expire(self, at: Time | None = None) -> int:
        """Close the reward windows that have ended by then; a running engine does so by itself. Returns how many."""
        when = timestamp(at, self._clock)
        loop = self._ready()
        with loop.lock:
            loop.check()
            closed = loop.expire(when)
        loop.after_append(loop.position)
        return closed

    def rebase(self) -> int:
        """Relearn the log from its effective facts, in order of decisions; returns the position of the fact.

        Corrections and retractions take effect, late rewards count. The engine keeps serving meanwhile.
        """
        loop = self._ready()
        position = loop.rebase(Kind.REBASE)
        loop.after_append(position)
        return position

    def forget(self, unit: str) -> int:
        """Erase a unit: its facts become tombstones, snapshots with it are deleted, the state is relearned without it.

        Decisions made in between can no longer be recomputed; `verify` counts them. Returns the number of tombstones.
        """
        name = required(unit, "unit")
        loop = self._ready()
        erased = loop.forget(name)
        loop.after_append(loop.position)
        return erased

    def observe(
        self,
        unit: str | None,
        kind: str,
        item: str | None = None,
        *,
        key: str | None = None,
        at: Time | None = None,
        **attributes: Any,
    ) -> int:
        """Log an observation of a unit: a view, a click, a purchase, a rating. Returns the position of the fact.

        Args:
            unit: The unit observed; None for an observation of an item alone.
            kind: The kind of event.
            item: The item concerned.
            key: Makes the call idempotent: one key, one observation.
            at: When, in seconds since 1970; the clock's time by default. Observations may arrive late and out of order.
            attributes: Further attributes: numbers, strings, booleans, 1-D arrays (None is left out).

        Raises:
            InputError: Invalid argument.
            Conflict: The key was used with different content.
            StoreError: The store has failed. Observations during an outage are not kept.

        >>> with Engine.open("sqlite://", seed=7, learner=None) as engine:
        ...     engine.observe("user-17", "rate", "film-3", stars=4, at=1.7e9)
        1
        """
        body = observation.encode(kind, item, attributes, self._loop.private)
        unit, key, when = text(unit, "unit"), text(key, "key"), timestamp(at, self._clock)
        loop = self._ready()
        with loop.lock:
            loop.check()
            loop.fold.feature_state.check(body)
            if key is not None and (earlier := loop.index.keyed(key, (Kind.OBSERVATION, None, None, unit, body))):
                return earlier.position
            fact = loop.append(Kind.OBSERVATION, when, unit=unit, key=key, body=body)
        loop.after_append(fact.position)
        return fact.position

    def used_keys(self, keys: Iterable[str]) -> set[str]:
        """Which of these keys are already used by rewards or observations in the log; one query for all of them."""
        asked = list(filter(is_storable, identifiers(keys, "keys", KEYS)))
        loop = self._ready()
        with loop.lock:
            loop.check()
            return loop.index.look_up(asked)

    def unit_features(self, unit: str | None, *, at: Time | None = None) -> dict[str, float | str]:
        """The features of a unit at a time, φ(h, c), as a policy is shown them; None stands for an unknown unit.

        Raises:
            NoFeatures: The store has no features.
        """
        unit, when, loop = text(unit, "unit"), timestamp(at, self._clock), self._ready()
        with loop.lock:
            loop.check_state()
            return loop.fold.feature_state.required_features.unit(unit, when)

    def item_features(self, items: Iterable[str], *, at: Time | None = None) -> dict[str, dict[str, float | str]]:
        """The features of items at a time, as candidates for `choose`.

        Raises:
            NoFeatures: The store has no features.
        """
        asked = identifiers(items, "items", ITEMS)
        when, loop = timestamp(at, self._clock), self._ready()
        with loop.lock:
            loop.check_state()
            features = loop.fold.feature_state.required_features
            return {item: features.item(item, when) for item in asked}

    def flush(self) -> None:
        """Wait until every fact so far is on disk."""
        self._loop.check_process()
        with self._loop.lock:
            self._loop.check()
        self._loop.flush()

    def verify(self, *, policies: Iterable[Policy] = (), progress: Progress | None = None) -> Verification:
        """Fold the store's log again and compare everything that it says; see `croupier.verify`."""
        given = check_options({"policies": policies, "progress": progress})
        self.flush()
        components, pool = self._loop.fold.components, self._loop.fold.pool
        return verify(
            self._loop.storage,
            policy=components.policy.fresh(),
            learner=None if components.learner is None else components.learner.fresh(),
            policies=(*pool.others, *given["policies"]),
            progress=given["progress"],
        )

    def close(self) -> None:
        """Write what is queued, keep a snapshot, and release the store. May be called twice."""
        self._loop.check_process()
        if self._ticker is not None:
            self._ticker.close()
        self._background.close()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or not self._loop.forked:  # a forked child that ends inside the block must end as it wanted
            self.close()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise InputError(
            "an engine cannot be copied or pickled: a store has one writer, and a copy would be a second. Share the "
            "engine between threads, or open a store in each process"
        )

    @property
    def position(self) -> int:
        """The position of the last fact."""
        return self._loop.position

    @property
    def rewards_learned(self) -> int:
        """How many rewards the present state has learned."""
        return self._loop.fold.rewards

    @property
    def policy(self) -> Policy:
        """The policy that decides. Query it, but do not teach it: what it learns outside the log cannot be verified."""
        return self._loop.fold.components.policy

    @property
    def learner(self) -> Learner | None:
        """The reward model beside the policy; do not teach it either."""
        return self._loop.fold.components.learner

    def status(self) -> EngineStatus:
        """How the engine is: its position, its store, what was ignored or lost, and what cannot be learned.

        Answered also while the store has failed, and after `close`.

        >>> with Engine.open("sqlite://", seed=7, learner=None) as engine:
        ...     print(engine.status())
        Store: open; 0 facts.
        Learning: 0 rewards learned; of the last 0 decisions, 0 have a reward.
        No findings.
        """
        self._loop.check_process()
        return self._loop.status()

    def state_hash(self) -> str:
        """The hash of the present state: equal for equal logs, bit for bit."""
        self._loop.check_process()
        with self._loop.lock:
            self._loop.check_state()
            return self._loop.fold.hash()

    def _ready(self) -> Loop:
        """The loop, resumed if an outage has ended, with room in its queue."""
        loop = self._loop
        loop.check_process()
        if self._outage is not None:
            self._outage.resume(loop)
        if loop.yielding:
            loop.give_way()
        if loop.unfinished:
            loop.forget()
        loop.writer.make_room()
        return loop

    def _request(
        self,
        context: Context | None,
        actions: Candidates,
        unit: str | None,
        id: str | None,
        exclude: Iterable[str],
        deferred: bool,
        at: Time | None,
    ) -> DecisionRequest:
        """The arguments of a choice, validated and encoded. Raises InputError."""
        if context is None and self._loop.fold.feature_state.features is None:
            raise InputError("the context is None, and the store has no features to replace it; give a context")
        unit, id, when = text(unit, "unit"), text(id, "id"), timestamp(at, self._clock)
        given = add_unit_field({} if context is None else context, unit, self.policy.unit_field)
        row = canonical(given, "context")
        if self._loop.private is not None:
            row = self._loop.private.hide(row)
        body = encode_row(row, "context")
        candidates = self._candidates.encode(actions, exclude)
        deferred = flag(deferred, "deferred")
        return DecisionRequest(id or self._new_id(), row, body, candidates, unit, when, deferred)

    def _new_id(self) -> str:
        """The next id of the source; empty for sequential ids, which follow from the position in the log."""
        if self._ids is None:
            return self._random_ids()
        return "" if isinstance(self._ids, str) else required(self._ids(), "ids()")

    def _named(self, loop: Loop, request: DecisionRequest, given: str | None, suffix: str = "") -> DecisionRequest:
        """The request under its id; called under the lock. Raises Conflict where `ids` returned one of the log."""
        if given is not None or self._ids is None:
            return request
        if self._ids == SEQUENTIAL:
            id = sequential_id(loop.configuration.seed, loop.position + 1)
            lost = self._outage is not None and self._outage.unlogged(loop, id)  # its rewards are not this one's
            return request._replace(id=self._random_ids() if lost else id)
        if loop.index.decision(request.id + suffix) is not None:
            raise Conflict(
                f"ids() returned {request.id!r}, which is in the log already, and an id names one decision: return a "
                f'new one at every call, also after the store was opened again, or give ids="{SEQUENTIAL}"'
            )
        return request

    def _named_unlogged(self, request: DecisionRequest) -> DecisionRequest:
        """The request of a decision that is not logged, under an id that no decision of the log will have."""
        return request._replace(id=self._random_ids()) if self._ids == SEQUENTIAL else request

    def _append_about(
        self,
        kind: Kind,
        decision_id: str,
        at: Time | None,
        refusal: Callable[[RewardState, str], StateError | None],
        **fields: str | float,
    ) -> None:
        """Append a fact about a decision, unless its state refuses it."""
        when, decision_id = timestamp(at, self._clock), decision_reference(decision_id)
        loop = self._ready()
        with loop.lock:
            loop.check()
            loop.expire(when)
            position, (_, state) = loop.find(decision_id)
            when = not_before(when, state.decided_at, at is not None)
            if (refused := refusal(state, decision_id)) is not None:
                raise refused
            fact = loop.append(kind, when, position, **fields)
        loop.after_append(fact.position)

    def _corrected(self) -> None:
        self._corrections += 1
        if self._rebase_after is not None and self._corrections >= self._rebase_after:
            self._corrections = 0
            self._background.run(self.rebase)

    def _tick(self) -> None:
        if not self._loop.closed:
            self.expire()


#: The statuses of rewards that are not learned now, which are counted.
_NOT_LEARNED = frozenset({Status.DUPLICATE, Status.LATE, Status.KEPT})


def _not_deferred(state: RewardState, id: str) -> StateError | None:
    if state.activated:
        return DecisionNotDeferred(
            f"decision {id} is active: it was not deferred, or was activated before; activate a deferred decision once"
        )
    if state.closed:
        return DecisionNotDeferred(f"the window of decision {id} has closed; activate a decision within its window")
    return None


def _already_rewarded(state: RewardState, id: str) -> StateError | None:
    if state.taken is not None:
        return DecisionRewarded(f"the action {state.taken!r} was reported for decision {id} before; report one, once")
    if state.first_reward:
        return DecisionRewarded(
            f"decision {id} has a reward already, which may have been learned as that of the drawn action; report the "
            "action before the reward"
        )
    return None


def _not_rewarded(state: RewardState, id: str) -> StateError | None:
    if not (state.first_reward or state.closed):
        return DecisionNotRewarded(f"decision {id} has no reward or default yet; use `reward` for its first one")
    return None


def _components(
    storage: Storage,
    policy: Policy | None,
    learner: Learner | Literal[_Default.LEARNER] | None,
    reward_range: tuple[float, float],
) -> Components:
    """Policy and learner as given; where not given, those of the log, or the defaults of a new one."""
    stored = None
    try:
        if policy is None or learner is _Default.LEARNER:
            with storing():
                stored = components_in_force(storage)
        if policy is None:
            policy = AdaptivePolicy() if stored is None else ObjectPool().build_policy(stored["policy"])
        if learner is _Default.LEARNER:
            if stored is None:
                learner = RiverLearner.for_range(reward_range)
            else:
                learner = ObjectPool().build_learner(stored["learner"])
    except BaseException:
        storage.close()
        raise
    return Components(policy, learner)


def _no_progress(position: int, head: int) -> None:
    """Ignore the progress."""


def _reward_status(state: RewardState, rule: Rewards, id: str) -> Status:
    """The status of a reward that arrives now."""
    if not state.activated:
        raise DecisionDeferred(
            f"decision {id} was deferred and not activated: what was never shown cannot be rewarded; activate it"
        )
    if rule.aggregate == "first" and state.first_reward:
        return Status.DUPLICATE
    if state.taken is not None:
        return Status.KEPT
    if state.closed:
        return Status.LATE
    return Status.APPLIED if rule.aggregate == "first" else Status.PENDING
