"""The public surface of the live loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from enum import Enum
from typing import Literal

from croupier import encoding
from croupier.behaviour import Drift, Features
from croupier.behaviour.part import Behaviour
from croupier.decision import Decision, Outcome, Status
from croupier.errors import InputError, NotNow, StoreError, storing
from croupier.facade.keeping import Keeping
from croupier.facade.observing import Observing
from croupier.facade.telling import Telling
from croupier.facade.trying import Trying
from croupier.fold import Progress
from croupier.ids import IdSource, time_ordered
from croupier.inputs import Candidates, Context, addressed, moment, reward_value, text
from croupier.loop import Asked, Options
from croupier.opening import Settings, in_force
from croupier.outage import Outage, begin
from croupier.parts import Given, Parts
from croupier.recommender import Recommendation, lists
from croupier.repeats import repeated
from croupier.rewards import FIRST, Rewards, Standing
from croupier_policies import Learner, Policy, RiverLearner, SoftmaxPolicy
from croupier_storage import Kind, Storage, open_storage, reward_fact


class _Default(Enum):
    LEARNER = "the default learner"


class Engine(Observing, Telling, Keeping, Trying):
    """Chooses actions, learns from their rewards, and logs every fact of it. Open one with `Engine.open`.

    Safe under threads. One engine at a time holds a store.
    """

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
        migrate: bool = False,
        policies: Collection[Policy] = (),
        ids: IdSource | None = None,
        clock: Callable[[], float] = time.time,
        progress: Progress | None = None,
    ) -> Engine:
        """Open a store, or begin a new one, and restore the state that its log describes.

        Args:
            url: `sqlite:///file`, `sqlite://` for one in memory, `postgresql+psycopg://…`.
            policy: Who decides. Its configuration must be the store's; by default it is the store's own, and
                `SoftmaxPolicy()` for a new one.
            learner: The reward model beside it, None for none; by default the store's own, and a `RiverLearner` for a
                new one.
            seed: From which every draw is derived, 0 ≤ seed < 2⁶⁴; by default the store's, random for a new one.
            reward_range: The least and the greatest possible reward.
            rewards: Window, default and aggregation of rewards.
            features: What is kept of the units' behaviour and shown to the policy; by default the store's own, and
                nothing for a new one.
            drift: Detectors of changes in how well the learner foresees rewards, likewise.
            replay: Accept another policy, learner or features than the store's: they are taught the whole log, and go
                on.
            durability: "commit" returns from a call when its fact is on disk; "group" at once, and a crash may lose the
                last few milliseconds. `flush` waits for everything so far.
            on_store_failure: "raise" lets calls fail while the store does; "serve" goes on choosing from memory. Such
                decisions are marked and never learned, and logging resumes by itself.
            snapshot_every: Facts between two snapshots.
            snapshot_seconds: Also after so many seconds, at the next fact.
            snapshots_kept: How many snapshots stay, beside pinned ones.
            rebase_after: Rebase by itself, in the background, after so many corrections.
            queue: Facts that may wait for the writer before calls wait for it too: the most that a crash can lose.
            migrate: Bring a store of an older schema to this one.
            policies: Objects at hand for variants that a running experiment has and that are none of Croupier's own.
            ids: Where decision ids come from; time-ordered UUIDs by default.
            clock: Seconds since 1970; what `at` is when it is not given.
            progress: Called with (position, head) now and then, while the log is folded.

        Raises:
            StoreInUse: Another engine has the store open.
            ConfigurationDiffers: The store was written under another configuration.
            StoreError: The store cannot be opened, or is damaged.

        >>> with Engine.open("sqlite://", seed=7, learner=None) as engine:
        ...     decision = engine.choose({"device": "mobile"}, ["sale", "new", "plain"])
        ...     engine.reward(decision.id, 1.0).status
        <Status.APPLIED: 'applied'>
        """
        if durability not in ("group", "commit"):
            raise InputError(f'durability is "group" or "commit", not {durability!r}')
        if on_store_failure not in ("raise", "serve"):
            raise InputError(f'on_store_failure is "raise" or "serve", not {on_store_failure!r}')
        durable = durability == "commit"
        options = Options(durable, snapshot_every, snapshot_seconds, snapshots_kept, queue, clock)
        with storing():
            storage = open_storage(url, durability=durability, migrate=migrate)
        parts = _parts(storage, policy, learner, reward_range)
        behaviour, others = Behaviour(features, drift), tuple(policies)
        if drift is not None and parts.learner is None:
            storage.close()
            raise InputError("drift is watched on the learner's errors, and there is no learner; give one, or no drift")
        settings = Settings(parts, seed, reward_range, rewards, replay, progress or _silent, behaviour, others)
        live = begin(storage, settings, options)
        outage = Outage(settings) if on_store_failure == "serve" else None
        return cls(live, outage, ids or time_ordered(clock), rebase_after)

    def choose(
        self,
        context: Context | None,
        actions: Candidates,
        *,
        unit: str | None = None,
        id: str | None = None,
        exclude: Collection[str] = (),
        deferred: bool = False,
        at: float | None = None,
    ) -> Decision:
        """Choose one of the actions for this context, and log the decision.

        Args:
            context: What is known: named numbers, strings and booleans (None is left out), or a 1-D array. Where the
                store has `features`, those of the unit are put beside it, and it may be None.
            actions: The candidates: ids, ids with features of their own, or a `Catalogue`.
            unit: Whose decision it is: a user, a session, a device.
            id: The decision's name; a new one by default. An id in the log with the same input gives the same decision.
            exclude: Candidates that may not be chosen now.
            deferred: It is not yet known whether the action will be shown; `activate` says that it was.
            at: When, in seconds since 1970; the clock's time by default.

        Raises:
            InputError: The input cannot be what was meant.
            Conflict: The id is in the log, with other input.
            PolicyFailed: The policy gave no distribution; nothing was logged.
            StoreError: The store has failed.
        """
        asked = self._asked(context, actions, unit, id, exclude, deferred, at)
        try:
            live = self._ready()
            with live.lock:
                live.check()
                if id is not None and (earlier := live.history.decision(id)):
                    return repeated(earlier, asked, live.fold.behaviour)
                made = live.decide(asked)
            live.settle(made.fact.position)
        except StoreError as error:
            if self._outage is None:
                raise
            return self._outage.serve(self._live, asked, error)
        return Decision(made.fact, asked.candidates.actions.ids, made.vector)

    def recommend(
        self,
        *,
        k: int,
        actions: Candidates,
        context: Context | None = None,
        unit: str | None = None,
        id: str | None = None,
        exclude: Collection[str] = (),
        at: float | None = None,
    ) -> Recommendation:
        """Draw an ordered list of k actions without replacement, and log it: one decision a place.

        The action at each place is drawn from what is left by the places before, so that each propensity is exactly
        the probability of that draw, given those before it. The decision at place s has the id `ID/s`, and is rewarded
        under it. For k ≤ 3 the exact probability of finding the action at that place, whatever stands before, is
        logged beside; see `Recommendation.marginals`.

        Args:
            k: How many places.
            actions: The candidates, at least k of them; thousands of them as a `Catalogue`.
            context: What is known, as for `choose`; nothing by default.
            unit: Whose list it is; a policy that learns of every unit finds it in the context.
            id: The list's name; a new one by default. An id in the log with the same input gives the same list.
            exclude: Candidates that may not be in the list.
            at: When, in seconds since 1970; the clock's time by default.

        Raises:
            InputError: The input cannot be what was meant.
            Conflict: The id is in the log, with other input.
            PolicyFailed: The policy gave no distribution; nothing was logged.
            StoreError: The store has failed.

        >>> with Engine.open("sqlite://", seed=7, learner=None) as engine:
        ...     shown = engine.recommend(unit="u1", k=2, actions=["film", "book", "game"])
        ...     engine.reward(shown[1].id, 1.0).status, len(set(shown.actions))
        (<Status.APPLIED: 'applied'>, 2)
        """
        asked = self._asked({} if context is None else context, actions, unit, id, exclude, False, at)
        lists.check_places(k, len(asked.candidates.actions))
        try:
            live = self._ready()
            with live.lock:
                live.check()
                shown = lists.recommend(live, asked, k, known=id is not None)
            live.settle(live.position)
        except StoreError as error:
            if self._outage is None:
                raise
            return lists.serve(self._outage, self._live, asked, k, error)
        return shown

    def reward(self, decision_id: str, value: float, *, key: str | None = None, at: float | None = None) -> Outcome:
        """Say what a decision earned; what can be learned from it now is learned at once.

        Args:
            decision_id: The `id` of the decision.
            value: A finite number within the reward range.
            key: Makes the call idempotent: one key, one reward.
            at: When, in seconds since 1970; the clock's time by default.

        Raises:
            InputError: A boolean, NaN, infinity or a value outside the range.
            UnknownDecision: No decision of this id is in the log.
            NotNow: The decision was deferred and has not been activated.
            Conflict: The key was used for another decision or value.
            PolicyFailed: The policy or learner could not learn it; the engine must be opened again.
            StoreError: The store has failed.
        """
        reward = reward_value(value, *self._live.configuration.reward_range)
        key, when = text(key, "key"), moment(at, self._clock)
        if self._outage is not None and self._outage.made(decision_id):
            return Outcome(Status.UNLOGGED, decision_id, 0)
        live = self._ready()
        with live.lock:
            live.check()
            live.expire(when)
            position, (_, standing) = live.known(decision_id)
            if key is not None and (earlier := live.history.keyed(key, (Kind.REWARD, position, reward, None, None))):
                return Outcome(Status.DUPLICATE, decision_id, earlier.position)
            status = _status(standing, live.configuration.rewards, decision_id)
            if status is Status.DUPLICATE:
                return Outcome(status, decision_id, standing.answered)
            fact = live.add(reward_fact(live.position + 1, when, position, reward, key))
            live.history.keep_key(fact)
        live.settle(fact.position)
        return Outcome(status, decision_id, fact.position)

    def _asked(
        self,
        context: Context | None,
        actions: Candidates,
        unit: str | None,
        id: str | None,
        exclude: Collection[str],
        deferred: bool,
        at: float | None,
    ) -> Asked:
        """The question, checked and encoded. Raises InputError."""
        if context is None and self._live.fold.behaviour.features is None:
            raise InputError("the context is None, and the store has no features to take its place; give what is known")
        unit, id, when = text(unit, "unit"), text(id, "id"), moment(at, self._clock)
        given = addressed({} if context is None else context, unit, self.policy.unit_field)
        row = encoding.canonical(given, "context")
        body = encoding.encode_row(row, "context")
        candidates = self._candidates.encoded(actions, exclude)
        return Asked(id or self._ids(), row, body, candidates, unit, when, deferred)


def _parts(
    storage: Storage,
    policy: Policy | None,
    learner: Learner | Literal[_Default.LEARNER] | None,
    reward_range: tuple[float, float],
) -> Parts:
    """Policy and learner as given; those of the log, or the defaults for a new one, where none were."""
    stored = None
    try:
        if policy is None or learner is _Default.LEARNER:
            with storing():
                stored = in_force(storage)
        if policy is None:
            policy = SoftmaxPolicy() if stored is None else Given().policy_of(stored["policy"])
        if learner is _Default.LEARNER:
            learner = RiverLearner.for_range(reward_range) if stored is None else Given().learner_of(stored["learner"])
    except BaseException:
        storage.close()
        raise
    return Parts(policy, learner)


def _silent(position: int, head: int) -> None:
    """No progress is shown."""


def _status(standing: Standing, rule: Rewards, id: str) -> Status:
    """What becomes of a reward that comes now."""
    if not standing.activated:
        raise NotNow(
            f"decision {id} was deferred and not activated: what was never shown cannot be rewarded; activate it"
        )
    if rule.aggregate == "first" and standing.answered:
        return Status.DUPLICATE
    if standing.taken is not None:
        return Status.KEPT
    if standing.closed:
        return Status.LATE
    return Status.APPLIED if rule.aggregate == "first" else Status.PENDING
