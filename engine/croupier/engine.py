"""The live loop: choose, reward, and everything in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from enum import Enum
from typing import Literal, Self

from croupier import encoding
from croupier.decision import Decision, Outcome, Status
from croupier.encoding import EncodedActions
from croupier.errors import Conflict, CroupierError, EngineClosed, InputError, PolicyFailed, storing
from croupier.fold import Decided
from croupier.history import History, Made
from croupier.ids import IdSource, time_ordered
from croupier.inputs import Candidates, CandidateSets, Context, moment, reward_value, text
from croupier.opening import Opened, restore
from croupier.recent import Recent
from croupier.writer import Portrait, Writer
from croupier_policies import Learner, Policy, RiverLearner, Row, SoftmaxPolicy, Vector
from croupier_policies.sampling import checked, draw, uniform
from croupier_storage import Fact, Storage, decision_fact, hash_state, open_storage, reward_fact


class _Default(Enum):
    LEARNER = "the default learner"


class Engine:
    """Chooses actions, learns from their rewards, and logs every fact of it. Open one with `Engine.open`.

    Safe under threads. One engine at a time holds a store.
    """

    def __init__(
        self,
        storage: Storage,
        opened: Opened,
        writer: Writer,
        *,
        durable: bool,
        snapshot_every: int,
        ids: IdSource,
        clock: Callable[[], float],
    ) -> None:
        self._storage, self._writer = storage, writer
        self._configuration, self._fold, self._log, self._record = opened
        self._durable, self._snapshot_every = durable, snapshot_every
        self._ids, self._clock = ids, clock
        self._lock = threading.RLock()
        self._position = self._snapshot_at = opened.fold.position
        self._history = History(storage, writer)
        self._candidates = CandidateSets()
        self._stored_sets: Recent[bytes, bool] = Recent(4096)
        self._failure: CroupierError | None = None
        self._closed = False

    @classmethod
    def open(
        cls,
        url: str,
        *,
        policy: Policy | None = None,
        learner: Learner | Literal[_Default.LEARNER] | None = _Default.LEARNER,
        seed: int | None = None,
        reward_range: tuple[float, float] = (0.0, 1.0),
        durability: Literal["group", "commit"] = "group",
        snapshot_every: int = 50_000,
        snapshots_kept: int = 3,
        queue: int = 32_768,
        ids: IdSource | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Engine:
        """Open a store, or begin a new one, and restore the state that its log describes.

        Args:
            url: `sqlite:///file`, or `sqlite://` for one in memory.
            policy: Who decides; `SoftmaxPolicy()` by default. Its configuration must be the store's.
            learner: The reward model beside it; a `RiverLearner` by default, None for none.
            seed: From which every draw is derived, 0 ≤ seed < 2⁶⁴; by default the store's, random for a new one.
            reward_range: The least and the greatest possible reward.
            durability: "commit" returns from a call when its fact is on disk; "group" at once, and a crash may lose the
                last few milliseconds. `flush` waits for everything so far.
            snapshot_every: Facts between two snapshots.
            snapshots_kept: How many snapshots stay.
            queue: Facts that may wait for the writer before calls wait for it too.
            ids: Where decision ids come from; time-ordered UUIDs by default.
            clock: Seconds since 1970; what `at` is when it is not given.

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
        policy = policy if policy is not None else SoftmaxPolicy()
        if learner is _Default.LEARNER:
            learner = RiverLearner.for_range(reward_range)
        with storing():
            storage = open_storage(url, durability=durability)
        try:
            with storing():
                storage.acquire()
                opened = restore(storage, policy, learner, seed, reward_range)
                durable = durability == "commit"
                writer = Writer(storage, linger=not durable, capacity=queue, snapshots_kept=snapshots_kept)
        except BaseException:
            storage.close()
            raise
        return cls(
            storage,
            opened,
            writer,
            durable=durable,
            snapshot_every=snapshot_every,
            ids=ids or time_ordered(clock),
            clock=clock,
        )

    def choose(
        self,
        context: Context,
        actions: Candidates,
        *,
        unit: str | None = None,
        id: str | None = None,
        exclude: Collection[str] = (),
        at: float | None = None,
    ) -> Decision:
        """Choose one of the actions for this context, and log the decision.

        Args:
            context: What is known: named numbers, strings and booleans (None is left out), or a 1-D array.
            actions: The candidates: ids, or ids with features of their own.
            unit: Whose decision it is: a user, a session, a device.
            id: The decision's name; a new one by default. An id in the log with the same input gives the same decision.
            exclude: Candidates that may not be chosen now.
            at: When, in seconds since 1970; the clock's time by default.

        Raises:
            InputError: The input cannot be what was meant.
            Conflict: The id is in the log, with other input.
            PolicyFailed: The policy gave no distribution; nothing was logged.
            StoreError: The store has failed.
        """
        row = encoding.canonical(context, "context")
        body = encoding.encode_row(row, "context")
        candidates = self._candidates.encoded(actions, exclude)
        unit, id, when = text(unit, "unit"), text(id, "id"), moment(at, self._clock)
        self._writer.make_room()
        with self._lock:
            self._check()
            if id is not None and (earlier := self._history.decision(id)):
                return _repeated(earlier, (body, candidates.digest, unit), candidates)
            decision, fact = self._decide(id or self._ids(), row, candidates, body, unit, when)
        self._settle(fact.position)
        return decision

    def reward(self, decision_id: str, value: float, *, key: str | None = None, at: float | None = None) -> Outcome:
        """Say what a decision earned; policy and learner learn it at once. A second reward changes nothing.

        Args:
            decision_id: The `id` of the decision.
            value: A finite number within the reward range.
            key: Makes the call idempotent across decisions too: one key, one reward.
            at: When, in seconds since 1970; the clock's time by default.

        Raises:
            InputError: A boolean, NaN, infinity or a value outside the range.
            UnknownDecision: No decision of this id is in the log.
            Conflict: The key was used for another decision or value.
            PolicyFailed: The policy or learner could not learn it; the engine must be opened again.
            StoreError: The store has failed.
        """
        reward = reward_value(value, *self._configuration.reward_range)
        key, when = text(key, "key"), moment(at, self._clock)
        self._writer.make_room()
        with self._lock:
            self._check()
            made = self._history.find(decision_id)
            if key is not None and (earlier := self._history.keyed(key, made.position, reward)):
                return Outcome(Status.DUPLICATE, decision_id, earlier.position)
            if made.reward is not None:
                return Outcome(Status.DUPLICATE, decision_id, made.reward)
            fact = reward_fact(self._position + 1, when, made.position, reward, key)
            self._learn(decision_id, fact, made.position, reward)
            self._append(fact)
            self._history.rewarded(decision_id, fact, made)
        self._settle(fact.position)
        return Outcome(Status.APPLIED, decision_id, fact.position)

    def flush(self) -> None:
        """Wait until every fact so far is on disk."""
        self._check()
        self._writer.wait(self._position)

    def snapshot(self) -> int:
        """Keep the present state as a snapshot, behind the facts it contains; returns its position."""
        with self._lock:
            self._check()
            self._writer.photograph(Portrait(self._position, self._clock(), self._fold.state()))
            self._snapshot_at = self._position
            return self._position

    @property
    def position(self) -> int:
        """The position of the last fact."""
        return self._position

    @property
    def policy(self) -> Policy:
        """The policy that decides. Ask it, but do not teach it: what it learns outside the log cannot be verified."""
        return self._fold.policy

    @property
    def learner(self) -> Learner | None:
        """The reward model beside it; the same care applies."""
        return self._fold.learner

    def state_hash(self) -> str:
        """The hash of policy and learner as they are: equal for equal logs, bit for bit."""
        with self._lock:
            return hash_state(self._fold.state())

    def close(self) -> None:
        """Write what is queued, keep a snapshot, and give the store back. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._failure is None and self._position > self._snapshot_at and self._storable():
                self._writer.photograph(Portrait(self._position, self._clock(), self._fold.state()))
        try:
            self._writer.close()
        finally:
            self._storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _decide(
        self, name: str, row: Row, candidates: EncodedActions, body: bytes, unit: str | None, when: float
    ) -> tuple[Decision, Fact]:
        self._fold.check_shape(row)
        actions = candidates.actions
        p = self._probabilities(name, row, candidates)
        index = draw(p, uniform(self._configuration.seed, "draw", name))
        decided = Decided(row, actions, index, float(p[index]))
        fact = decision_fact(
            self._position + 1,
            when,
            name,
            unit,
            actions.ids[index],
            decided.propensity,
            self._fold.position,
            self._record.id,
            body,
            candidates.digest,
        )
        self._append(fact, candidates)
        self._fold.decide(fact.position, decided)
        self._history.put(name, Made(fact.position))
        return Decision(fact, actions.ids, p), fact

    def _probabilities(self, name: str, row: Row, candidates: EncodedActions) -> Vector:
        try:
            p = self._fold.policy.probabilities(row, candidates.actions)
            return checked(p, len(candidates.actions))
        except (ValueError, ArithmeticError) as error:
            raise PolicyFailed(f"decision {name} was not made: {error}") from error

    def _learn(self, name: str, fact: Fact, position: int, reward: float) -> None:
        decided = self._fold.remembered(position)
        if decided is None:
            self._writer.wait(position)
            with storing():
                decided = self._log.decided_at(position)
        try:
            self._fold.reward(fact.position, decided, reward)
        except Exception as error:
            self._failure = PolicyFailed(
                f"the reward of decision {name} could not be learned ({error!r}) and was not logged. What was learned "
                "of it in part is in no log: close the engine and open it again to go on from the log's state"
            )
            raise self._failure from error

    def _append(self, fact: Fact, candidates: EncodedActions | None = None) -> None:
        new_set = None
        if candidates is not None and self._stored_sets.get(candidates.digest) is None:
            new_set = candidates.digest, candidates.body
            self._stored_sets.put(candidates.digest, True)
        self._writer.put(fact, new_set)
        self._position = fact.position

    def _settle(self, position: int) -> None:
        """What follows a fact: a snapshot when one is due, and in "commit" mode the wait for the disk."""
        if position - self._snapshot_at >= self._snapshot_every and self._storable():
            self.snapshot()
        if self._durable:
            self._writer.wait(position)

    def _storable(self) -> bool:
        return self._fold.policy.storable and (self._fold.learner is None or self._fold.learner.storable)

    def _check(self) -> None:
        if self._closed:
            raise EngineClosed("the engine is closed; open the store again")
        if self._failure is not None:
            raise self._failure
        self._writer.check()


def _repeated(fact: Fact, asked: tuple[bytes, bytes, str | None], candidates: EncodedActions) -> Decision:
    """The decision already in the log under an id, if it was asked with the same input."""
    if (fact.context, fact.actions, fact.unit) != asked:
        raise Conflict(
            f"decision {fact.id} is in the log with another context, candidates or unit; an id names one decision: "
            "give a new id, or none"
        )
    return Decision(fact, candidates.actions.ids, None)
