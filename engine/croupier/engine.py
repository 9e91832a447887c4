"""The public surface of the live loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Self

from croupier import deciding, encoding, trials
from croupier.behaviour import Features, observation
from croupier.behaviour.part import Behaviour
from croupier.decision import Decision, Outcome, Status
from croupier.errors import InputError, NotNow, StoreError, storing
from croupier.experiments.experiment import Experiment
from croupier.experiments.promotion import Rule, Ruling
from croupier.fold import Progress
from croupier.ids import IdSource, time_ordered
from croupier.inputs import Candidates, CandidateSets, Context, addressed, moment, reward_value, text
from croupier.live import Asked, Live, Options
from croupier.opening import Settings, in_force
from croupier.outage import Outage, begin
from croupier.parts import Given, Parts
from croupier.recommender import Recommendation, lists
from croupier.repeats import repeated
from croupier.rewards import FIRST, Rewards, Standing
from croupier.snapshots import export_snapshot, import_snapshot
from croupier.windows import Background, Ticker
from croupier_policies import Learner, Policy, RiverLearner, SoftmaxPolicy
from croupier_storage import Kind, SnapshotInfo, Storage, open_storage, reward_fact


class _Default(Enum):
    LEARNER = "the default learner"


class Engine:
    """Chooses actions, learns from their rewards, and logs every fact of it. Open one with `Engine.open`.

    Safe under threads. One engine at a time holds a store.
    """

    def __init__(self, live: Live, outage: Outage | None, ids: IdSource, rebase_after: int | None) -> None:
        self._live, self._outage, self._ids, self._rebase_after = live, outage, ids, rebase_after
        self._clock = live.options.clock
        self._candidates = CandidateSets()
        self._corrections = 0
        self._background = Background()
        window = live.configuration.rewards.window
        self._ticker = None if window is None else Ticker(min(window / 10, 1.0), self._tick)

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
        behaviour, others = Behaviour(features), tuple(policies)
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

    def observe(
        self,
        unit: str | None,
        kind: str,
        item: str | None = None,
        *,
        key: str | None = None,
        at: float | None = None,
        **attributes: Any,
    ) -> int:
        """Log what a unit did: a view, a click, a cart, a purchase, a rating. Returns the position of the fact.

        Args:
            unit: Who did it; None for what is said of an item alone.
            kind: What was done.
            item: To what.
            key: Makes the call idempotent: one key, one observation.
            at: When, in seconds since 1970; the clock's time by default. It may come late, and out of order.
            attributes: What else is known: numbers, strings, booleans, 1-D arrays (None is left out).

        Raises:
            InputError: The input cannot be what was meant.
            Conflict: The key was used for something else.
            StoreError: The store has failed. What is observed during an outage is not kept.

        >>> with Engine.open("sqlite://", seed=7, learner=None) as engine:
        ...     engine.observe("user-17", "rate", "film-3", stars=4, at=1.7e9)
        1
        """
        body = observation.encode(kind, item, attributes)
        unit, key, when = text(unit, "unit"), text(key, "key"), moment(at, self._clock)
        live = self._ready()
        with live.lock:
            live.check()
            live.fold.behaviour.check(body)
            if key is not None and (earlier := live.history.keyed(key, (Kind.OBSERVATION, None, None, unit, body))):
                return earlier.position
            fact = live.say(Kind.OBSERVATION, when, unit=unit, key=key, body=body)
            live.history.keep_key(fact)
        live.settle(fact.position)
        return fact.position

    def used_keys(self, keys: Collection[str]) -> set[str]:
        """Those of these keys that rewards or observations in the log have; looked up at once, for who has many."""
        live = self._ready()
        with live.lock:
            live.check()
            return live.history.look_up(keys)

    def unit_features(self, unit: str | None, *, at: float | None = None) -> dict[str, float | str]:
        """What a policy is shown of a unit at a time, φ(h, c); of one never seen where it is None.

        Raises:
            NotNow: The store has no features.
        """
        when, live = moment(at, self._clock), self._ready()
        with live.lock:
            return live.fold.behaviour.known.unit(unit, when)

    def item_features(self, items: Collection[str], *, at: float | None = None) -> dict[str, dict[str, float | str]]:
        """What is known of items at a time: candidates with features, for `choose`.

        Raises:
            NotNow: The store has no features.
        """
        when, live = moment(at, self._clock), self._ready()
        with live.lock:
            known = live.fold.behaviour.known
            return {item: known.item(item, when) for item in items}

    def activate(self, decision_id: str, *, at: float | None = None) -> None:
        """Say that the action of a deferred decision was shown. Without it, its rewards are refused.

        Raises:
            NotNow: It was not deferred, is active already, or its window has closed.
        """
        self._say(Kind.ACTIVATION, decision_id, at, lambda s: not s.activated and not s.closed, "waits for activation")

    def action_taken(self, decision_id: str, action: str, *, at: float | None = None) -> None:
        """Say that another action was shown than the one drawn: its rewards are logged, and never learned as a draw.

        Raises:
            NotNow: It was rewarded before, or has been said already.
        """
        taken = text(action, "action")
        if taken is None:
            raise InputError("action is None; give the id of the action that was shown")
        self._say(Kind.TAKEN, decision_id, at, lambda s: s.taken is None and not s.answered, "is open", action=taken)

    def correct(self, decision_id: str, value: float, *, at: float | None = None) -> None:
        """Say what a rewarded decision earned in truth; it is learned at the next `rebase`.

        Raises:
            NotNow: There is no reward or default to correct.
        """
        reward = reward_value(value, *self._live.configuration.reward_range)
        self._say(Kind.CORRECTION, decision_id, at, _answered, "has been rewarded", reward=reward)
        self._corrected()

    def retract(self, decision_id: str, *, at: float | None = None) -> None:
        """Say that a decision should not have been rewarded at all; it is unlearned at the next `rebase`.

        Raises:
            NotNow: There is no reward or default to retract.
        """
        self._say(Kind.RETRACTION, decision_id, at, _answered, "has been rewarded")
        self._corrected()

    def expire(self, at: float | None = None) -> int:
        """Close the reward windows that have ended by then; a running engine does it by itself. Returns how many."""
        when = moment(at, self._clock)
        live = self._ready()
        with live.lock:
            live.check()
            closed = live.expire(when)
        live.settle(live.position)
        return closed

    def rebase(self) -> int:
        """Learn the log again from its effective facts, in order of decisions; returns the position of the fact.

        Corrections are made, retractions gone, late rewards in place. The engine keeps serving meanwhile.
        """
        live = self._ready()
        position = live.rebase(Kind.REBASE)
        live.settle(position)
        return position

    def forget(self, unit: str) -> int:
        """Erase a unit: its facts become tombstones, its snapshots go, and the state is learned again without it.

        Decisions made in between cannot be recomputed any more; `verify` counts them. Returns the number of tombstones.
        """
        name = text(unit, "unit")
        if name is None:
            raise InputError("unit is None; give the unit that is to be forgotten")
        live = self._ready()
        erased = live.forget(name)
        live.settle(live.position)
        return erased

    def flush(self) -> None:
        """Wait until every fact so far is on disk."""
        self._live.check()
        self._live.settled()

    def snapshot(self) -> int:
        """Keep the present state as a snapshot, behind the facts it contains; returns its position."""
        live = self._ready()
        with live.lock:
            live.check()
            return live.snapshot()

    def snapshots(self) -> list[SnapshotInfo]:
        """The snapshots in the store, by position."""
        self.flush()
        with storing():
            return self._live.storage.snapshots()

    def pin(self, position: int, pinned: bool = True) -> None:
        """Keep the snapshot at a position for good, or no longer."""
        with storing():
            self._live.storage.pin(position, pinned)

    def export_snapshot(self, position: int, file: Path) -> None:
        """Write the snapshot at a position to a file of plain data."""
        with storing():
            export_snapshot(self._live.storage, position, file)

    def import_snapshot(self, file: Path) -> int:
        """Take the snapshot of a file into the store; returns its position. `verify` tells whether it is the log's."""
        with storing():
            return import_snapshot(self._live.storage, file)

    def roll_back(self, position: int | None = None) -> int:
        """Go on with policy and learner as they were at an earlier position; by default before the last promotion.

        What came between stays in the log; a rebase learns it again. Returns the position of the fact.

        Raises:
            NotNow: No position was given, and nothing was promoted.
        """
        live = self._ready()
        if position is None:
            position = trials.last_promotion(live)
        if not 0 <= position <= live.position:
            raise InputError(f"position {position} is not between 0 and the log's last, {live.position}")
        return live.roll_back(position)

    def start(self, experiment: Experiment) -> int:
        """Begin an experiment: from here every unit meets its variant; returns the position of the fact.

        Raises:
            NotNow: Another one is running.
            InputError: The log has one of this name already.
        """
        return self._settled(trials.start(self._ready(), experiment))

    def weigh(self, weights: Mapping[str, float]) -> int:
        """Change the weights of the running experiment, moving as few units as can be; returns the fact's position.

        Raises:
            NotNow: No experiment is running.
            InputError: A weight or a name cannot be what was meant.
        """
        return self._settled(trials.weigh(self._ready(), weights))

    def stop(self) -> int:
        """End the running experiment: every unit meets the champion again; returns the position of the fact.

        Raises:
            NotNow: No experiment is running.
        """
        return self._settled(trials.stop(self._ready()))

    def judge(self, variant: str, rule: Rule | None = None, *, spent: bool = False, level: float = 0.95) -> Ruling:
        """What the log's evidence says of a candidate of the running experiment; nothing is done.

        Args:
            variant: The candidate.
            rule: When it grows, wins or goes; the experiment's guardrails are added to its own.
            spent: Whether the time or the units that were planned have run out.
            level: Of the confidence sequences.

        Raises:
            NotNow: No experiment is running.
            InputError: It has no such candidate.
        """
        return deciding.judge(self._ready(), variant, rule or Rule(), spent, level)

    def review(self, variant: str, rule: Rule | None = None, *, spent: bool = False, level: float = 0.95) -> Ruling:
        """Judge a candidate and act on it: its share grows, it is promoted, or it is withdrawn. To be called regularly.

        Args, raises: As `judge` has them.
        """
        live = self._ready()
        ruling = deciding.review(live, variant, rule or Rule(), spent, level)
        live.settle(live.position)
        return ruling

    def promote(self, variant: str, rule: Rule | None = None, *, level: float = 0.95) -> Ruling:
        """Make a candidate the champion, which ends the experiment. `roll_back` returns to the state before it.

        Args: As `judge` has them.

        Raises:
            EvidenceError: The evidence does not carry it; the message says what is missing.
            NotNow: No experiment is running.
            InputError: It has no such candidate.
        """
        live = self._ready()
        ruling = deciding.promote(live, variant, rule or Rule(), level)
        live.settle(live.position)
        return ruling

    @property
    def experiment(self) -> Mapping[str, float]:
        """The share of units of each variant of the running experiment, the hold-out's too; empty where none runs."""
        running = self._live.fold.running
        return {} if running is None else dict(running.split.shares)

    @property
    def position(self) -> int:
        """The position of the last fact."""
        return self._live.position

    @property
    def rewards_learned(self) -> int:
        """How many rewards the present state has learned."""
        return self._live.fold.rewards

    @property
    def policy(self) -> Policy:
        """The policy that decides. Ask it, but do not teach it: what it learns outside the log cannot be verified."""
        return self._live.fold.parts.policy

    @property
    def learner(self) -> Learner | None:
        """The reward model beside it; the same care applies."""
        return self._live.fold.parts.learner

    def state_hash(self) -> str:
        """The hash of policy and learner as they are: equal for equal logs, bit for bit."""
        with self._live.lock:
            return self._live.fold.hash()

    def close(self) -> None:
        """Write what is queued, keep a snapshot, and give the store back. May be called twice."""
        if self._ticker is not None:
            self._ticker.close()
        self._background.close()
        self._live.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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

    def _ready(self) -> Live:
        """The live loop, resumed if an outage has ended, with room in its queue."""
        if self._outage is not None:
            self._live = self._outage.resumed(self._live)
        if not self._live.gate.is_set():
            self._live.gate.wait()
        self._live.writer.make_room()
        return self._live

    def _settled(self, position: int) -> int:
        self._live.settle(position)
        return position

    def _say(
        self,
        kind: Kind,
        decision_id: str,
        at: float | None,
        allowed: Callable[[Standing], bool],
        state: str,
        **said: str | float,
    ) -> None:
        when = moment(at, self._clock)
        live = self._ready()
        with live.lock:
            live.check()
            live.expire(when)
            position, (_, standing) = live.known(decision_id)
            if not allowed(standing):
                raise NotNow(f"{kind} can be said only of a decision that {state}; decision {decision_id} does not fit")
            fact = live.say(kind, when, position, **said)
        live.settle(fact.position)

    def _corrected(self) -> None:
        self._corrections += 1
        if self._rebase_after is not None and self._corrections >= self._rebase_after:
            self._corrections = 0
            self._background.run(self.rebase)

    def _tick(self) -> None:
        if not self._live.closed:
            self.expire()


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


def _answered(standing: Standing) -> bool:
    return bool(standing.answered or standing.closed)


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
