"""The live loop of one store: fold, writer, index and open windows kept in step under one lock."""

from __future__ import annotations

import atexit
import logging
import math
import os
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from croupier.errors import CroupierError, EngineClosed, PolicyFailed, WrongProcess, as_ours, storing
from croupier.log.cache import FIFOCache
from croupier.log.configuration import Configuration, canonical_json
from croupier.log.encoding import EncodedActions, encode_row
from croupier.log.reader import DecodedDecision, Log
from croupier.log.role import Role
from croupier.runtime.index import LogIndex
from croupier.runtime.opening import Opened, policy_record
from croupier.runtime.request import DecisionRequest, Draw, LoopOptions
from croupier.runtime.status import EngineStatus, LearningWatch, learning_counters, learning_findings, warn
from croupier.runtime.windows import OpenWindows
from croupier.runtime.writer import PendingSnapshot, Writer
from croupier.state import erasure
from croupier.state.components import Components
from croupier.state.decisions import DecisionRecord
from croupier.state.features.state import FeatureState
from croupier.state.fold import Fold, Progress, fold_from_snapshot
from croupier_policies import Policy, Vector
from croupier_policies.exploration.sampling import check_distribution, draw, uniform
from croupier_storage import Fact, Kind, Storage, StorageError, decision_fact

_log = logging.getLogger("croupier")
CLOSE = 256  # facts that `fold_alongside` may leave to be folded while the engine waits


class Loop:
    """One store's fold, writer, index and open windows. Methods that change them are called under `lock`.

    `exchange_lock` is held by whoever computes another state beside the running loop and exchanges it: rebase, roll
    back, promotion, the start of an experiment. It is taken before `lock`.

    A call may be interrupted anywhere (Ctrl-C, a timeout that raises, a lack of memory). So the state is in doubt from
    before its first change until the last fact of the change is enqueued. In doubt, nothing is answered, appended or
    kept as a snapshot: the next call first rebuilds the state from the log, in which a fact is wholly or not at all.
    """

    def __init__(self, storage: Storage, opened: Opened, options: LoopOptions) -> None:
        self.storage, self.options, self.private = storage, options, opened.private
        self.lock = threading.RLock()
        self.exchange_lock = threading.RLock()
        self.yielding = self.closed = self.forgetting = self._in_doubt = False
        self.unfinished = False  # whether an erasure was interrupted
        self.counters: Counter[str] = Counter()
        self._process = os.getpid()
        self.resume(opened)
        self.watch = LearningWatch(storage, self.position)
        _LOOPS.add(self)

    def resume(self, opened: Opened) -> None:
        """Start from the restored state; also again, after the store had failed."""
        self.configuration: Configuration = opened.configuration
        self.fold = opened.fold
        self.position, self._snapshot_at = opened.fold.position, opened.snapshot_at
        self._snapshot_time = self.options.clock()
        self.refresh_policy_records()
        self.windows = OpenWindows(self.configuration.rewards)
        self.windows.restore(self.storage, self.configuration.rewards)
        self._stored_sets: FIFOCache[bytes, bool] = FIFOCache(32_768)  # and features to which they refer
        self.writer = Writer(
            self.storage,
            linger=not self.options.durable,
            capacity=self.options.queue,
            snapshots_kept=self.options.snapshots_kept,
            patience=self.options.patience,
        )
        self.index = LogIndex(self.storage, self.writer)
        self._emit_drifts()  # those that a crash kept from the log
        self._in_doubt = False

    def restart(self) -> None:
        """Rebuild the state from the log: after a call was interrupted in the middle, or the store has failed."""
        if self.writer.failure is None:
            self.writer.check()
            self.writer.close()
        self._in_doubt = True
        fold = fold_from_snapshot(Log(self.storage), self.fold.pool, self.configuration)
        snapshot_at = fold.position
        fold.run()
        self.resume(Opened(self.configuration, fold, snapshot_at, False))
        self.unfinished = erasure.unfinished(self.storage) is not None
        self.counters["state rebuilt from the log"] += 1

    def check(self) -> None:
        """Raise what keeps the loop from continuing, if anything does."""
        self.check_process()
        if self.closed:
            raise EngineClosed("the engine is closed; open the store again")
        self.check_state()
        self.writer.check()

    def check_state(self) -> None:
        """Rebuild a state in doubt."""
        self.check_process()
        if self._in_doubt:
            _log.warning("a call was interrupted while the state changed; the state is rebuilt from the log")
            with storing():
                self.restart()

    @property
    def forked(self) -> bool:
        """Whether this is a forked child of the process that opened the store."""
        return os.getpid() != self._process

    def check_process(self) -> None:
        """Raise WrongProcess in a forked child, which shares the parent's store but not its threads."""
        if self.forked:
            raise WrongProcess(
                f"this engine was opened by process {self._process}, and this is process {os.getpid()}, a fork of it: "
                "what it logged here would be lost or overwrite the parent's facts. Open an engine after forking, one "
                "in each process"
            )

    def refresh_policy_records(self) -> None:
        """Look up the record of every policy that may decide now, by variant; missing ones are written."""
        fold, running = self.fold, self.fold.running
        self._records = {"": policy_record(self.storage, fold.components.policy)}
        if running is not None:
            for variant in running.split.buckets:
                policy = running.policy_for(variant, fold.components.policy)
                self._records[variant] = policy_record(self.storage, policy)

    # -- decisions

    def vector(self, policy: Policy, request: DecisionRequest) -> Vector:
        """The policy's probabilities. Raises PolicyFailed where they are none."""
        actions = request.candidates.actions
        try:
            return check_distribution(policy.probabilities(request.row, actions), len(actions))
        except (ValueError, ArithmeticError) as error:
            raise PolicyFailed(
                f"decision {request.id} was not made, because the policy could not take its context or actions: {error}"
                ". Change what the message names, or open the store with another policy and replay=True, which lets it "
                "learn the whole log first; `engine.status()` has what else the policy could not learn"
            ) from error

    def decide(self, request: DecisionRequest) -> Draw:
        """Draw an action; enqueue and fold the decision."""
        request = self.with_features(request)
        return self.record(request, self.draw(request))

    def with_features(self, request: DecisionRequest) -> DecisionRequest:
        """The request with the features of its unit in its row, where the store has features."""
        if self.fold.feature_state.features is None:
            return request
        row = self.fold.feature_state.context(request.row, request.unit, request.at)
        return request._replace(row=row, body=encode_row(row, "context"), featured=True)

    def draw(self, request: DecisionRequest) -> Draw:
        """Draw an action; nothing is changed."""
        self.fold.check_shape(request.row)
        running, seed, actions = self.fold.running, self.configuration.seed, request.candidates.actions
        role = None if running is None else running.assign(seed, request.unit)
        p = self.vector(self.fold.policy_for(role), request)
        index = draw(p, u := uniform(seed, "draw", request.id))
        fact = decision_fact(
            self.position + 1,
            request.at,
            request.id,
            request.unit,
            actions.ids[index],
            float(p[index]),
            self.fold.position,
            self._records["" if role is None else role.variant].id,
            request.body,
            request.candidates.digest,
        )
        payload = self._payload(request, role, index, u)
        return Draw(fact._replace(body=canonical_json(payload)) if payload else fact, p, index, role)

    def _payload(self, request: DecisionRequest, role: Role | None, index: int, u: float) -> dict[str, Any]:
        """What a decision's fact holds beside its columns; shadows draw with the same uniform number."""
        payload: dict[str, Any] = {} if role is None else role._asdict()
        if request.deferred:
            payload["deferred"] = True
        if request.featured:
            payload["features"] = True
        if request.candidates.without:
            payload["without"] = request.candidates.without
        for name, policy in self.fold.shadow_policies():
            p = self.vector(policy, request)
            payload.setdefault("shadows", {})[name] = [float(p[index]), request.candidates.actions.ids[draw(p, u)]]
        return payload

    def record(self, request: DecisionRequest, draw: Draw) -> Draw:
        """Enqueue and fold a decision that was drawn, as the next fact."""
        fact = draw.fact
        decision = DecodedDecision(
            request.row, request.candidates.actions, draw.drawn, fact.propensity or 0.0, draw.role
        )
        self._in_doubt = True
        self._enqueue(fact, request.candidates)
        self.fold.decide(fact, decision)
        self.index.put(request.id, fact.position)
        self.windows.add(fact)
        self._in_doubt = False
        if not request.deferred:
            self.watch.tally.decisions += 1
        return draw

    # -- what follows a decision

    def find(self, id: str) -> tuple[int, DecisionRecord]:
        """Position and record of a decision. Raises UnknownDecision."""
        position = self.index.find(id)
        try:  # not `storing`: this is on the way of every reward, and a context manager costs more than the look-up
            return position, self._record(position)
        except StorageError as error:
            raise as_ours(error) from error

    def _record(self, position: int) -> DecisionRecord:
        """The record of a decision; what is no longer in memory is read from the log, once all of it is there."""
        return self.fold.in_memory(position) or self._stored_record(position)

    def _stored_record(self, position: int) -> DecisionRecord:
        self.flush()
        return self.fold.record(position)

    def append(self, kind: Kind, at: float, decision: int | None = None, **fields: Any) -> Fact:
        """Fold and enqueue a fact of any kind but a decision."""
        return self.append_fact(Fact(self.position + 1, kind.value, at, decision=decision, **fields))

    def append_fact(self, fact: Fact) -> Fact:
        """Fold and enqueue the fact at the next position, and the drifts that it reveals."""
        self._in_doubt = True
        self._append(fact)
        self._in_doubt = False
        return fact

    def _append(self, fact: Fact) -> None:
        try:
            self.fold.apply(fact)
        except Exception as error:  # a user's model may raise anything, and may have learned half of it before
            self.counters["facts refused by the policy or learner"] += 1
            raise PolicyFailed(
                f"the {fact.kind} of the decision at position {fact.decision} could not be learned ({error!r}) and was "
                "not logged. The state, which may have learned half of it, is rebuilt from the log at the next call. "
                "If it happens again, open the store with another policy or learner (replay=True), or leave out the "
                "input that it cannot learn"
            ) from error
        self._enqueue(fact)
        if fact.decision is not None:
            self.watch.tally.add(fact)
        if fact.key is not None:
            self.index.keep_key(fact)
        if fact.kind in _CHANGES_POLICIES:
            self.refresh_policy_records()
        self._emit_drifts()

    def _emit_drifts(self) -> None:
        """Append what the detectors have found."""
        drift = self.fold.feature_state.drift
        if drift is not None and drift.pending:
            found = drift.pending[0]
            body = drift.payload(found)
            self._append(
                Fact(self.position + 1, Kind.DRIFT.value, found.at, unit=found.unit, action=found.action, body=body)
            )

    def _enqueue(self, fact: Fact, candidates: EncodedActions | None = None) -> None:
        if candidates is None or self._stored_sets.get(candidates.digest):
            self.writer.put(fact)
        else:
            new = {digest: body for digest, body in candidates.bodies().items() if not self._stored_sets.get(digest)}
            self.writer.put(fact, new)
            for digest in new:
                self._stored_sets.put(digest, True)
        self.position = fact.position

    def expire(self, at: float) -> int:
        """Close the windows that are due; returns how many."""
        if not self.windows.any_due(at):
            return 0
        rule, closed = self.configuration.rewards, 0
        self._in_doubt = True
        for position in self.windows.due(at):
            with storing():
                state = self._record(position).reward_state
            if not state.closed and not (rule.aggregate == "first" and state.first_reward):
                default = rule.default if not state.rewards and state.learnable else None
                self._append(Fact(self.position + 1, Kind.DEFAULT.value, at, decision=position, reward=default))
                closed += 1
        self._in_doubt = False
        return closed

    # -- the disk

    def after_append(self, position: int) -> None:
        """What follows a fact: a snapshot when one is due, and in "commit" mode the wait for the disk."""
        options = self.options
        due = position - self._snapshot_at >= options.snapshot_every
        if not due and options.snapshot_seconds is not None:
            due = position > self._snapshot_at and options.clock() - self._snapshot_time >= options.snapshot_seconds
        if due and self.fold.storable and not self.forgetting:
            with self.lock:
                if not self._in_doubt:
                    self.snapshot()
        if options.durable:
            self.writer.wait(position)
        if position >= self.watch.next_look:
            with self.lock:
                new = self.watch.look(self.fold, position)
            warn(new)

    def status(self) -> EngineStatus:
        """How the loop is; also when it is closed or its store has failed."""
        with self.lock:
            fold, tally = self.fold, self.watch.tally
            counters = {**self.counters, **learning_counters(learning_findings(fold))}
            found = self.watch.findings(fold)
            return EngineStatus(
                self.position, fold.rewards, self._store(), tally.decisions, tally.rewarded, counters, found
            )

    def _store(self) -> str:
        """The state of the store in words."""
        if self.closed:
            return "closed"
        if self.writer.failure is not None:
            return f"failed ({self.writer.failure})"
        if self.writer.suspended is not None:
            return f"unavailable, facts wait in memory ({self.writer.suspended})"
        if self._in_doubt:
            return "open; a call was interrupted, and the next one rebuilds the state from the log"
        return "open"

    def flush(self) -> int:
        """Wait until every fact so far is committed; returns the last position."""
        position = self.position
        self.writer.wait(position)
        return position

    def snapshot(self) -> int:
        """Enqueue a snapshot of the present state behind the facts that it contains; returns its position."""
        self._snapshot_at, self._snapshot_time = self.position, self.options.clock()
        self.writer.enqueue_snapshot(PendingSnapshot(self.position, self._snapshot_time, self.fold.state()))
        return self.position

    # -- exchanging the state

    def rebase(
        self,
        kind: Kind,
        components: Components | None = None,
        payload: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
        features: FeatureState | None = None,
    ) -> int:
        """Continue from the effective facts of now, under these components; `lock` is held only at the end.

        The new state is computed beside the running loop, and the fact that brings it in names the position up to which
        it learned what is effective. Whatever followed is folded after it, in order.
        """
        with self.exchange_lock, storing():
            effective = self.flush()
            new = self.fold_alongside(effective, components or self.fold.components.fresh(), progress, features)
            with self.exclusive():
                new.run(self.flush())
                body: dict[str, Any] = {"upto": effective, **(payload or {})}
                if components is not None:
                    body |= new.description()
                return self.exchange(kind, body, lambda: self.fold.adopt(new))

    def fold_alongside(
        self,
        effective: int,
        components: Components,
        progress: Progress | None = None,
        features: FeatureState | None = None,
    ) -> Fold:
        """A fold of what is effective there and of nearly all that followed, computed while the loop continues."""
        new = self.fold.build_rebased(effective, components, effective, Log(self.storage), progress, features)
        last = math.inf
        while CLOSE < (left := self.flush() - new.position) < last / 2:  # a busy engine may outrun any fold
            new.run(new.position + left)
            last = left
        return new

    def give_way(self) -> None:
        """Let `exclusive` have the lock first."""
        deadline = time.monotonic() + 1.0  # it is a courtesy: whoever holds it may have been interrupted
        while self.yielding and time.monotonic() < deadline:
            time.sleep(0.0005)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold `lock` before anyone who comes later: locks are not fair, and a busy engine would hardly give way."""
        self.yielding = True
        try:
            with self.lock:
                self.check()
                yield
        finally:
            self.yielding = False

    def roll_back(self, position: int) -> int:
        """Continue from the state at an earlier position."""
        with self.exchange_lock, storing():
            self.flush()
            earlier = self.fold.at(position)
            with self.exclusive():
                return self.exchange(Kind.REBASE, {"to": position}, lambda: self.fold.take_over(earlier))

    def exchange(self, kind: Kind, payload: Mapping[str, Any], take_over: Callable[[], None]) -> int:
        """Bring in a state computed beforehand, with the fact by which a fold brings in the same."""
        fact = Fact(self.position + 1, kind.value, self.options.clock(), body=canonical_json(payload))
        self._in_doubt = True
        take_over()
        self.fold.position = fact.position
        self._enqueue(fact)
        self.refresh_policy_records()
        self._in_doubt = False
        return fact.position

    def forget(self, unit: str | None = None) -> int:
        """Erase a unit from the log and from the state; returns how many facts became tombstones.

        Without a unit, an erasure that was interrupted is completed. `state.erasure` says what makes that possible.
        """
        try:
            with self.exchange_lock:
                with storing(), self.lock:
                    self.check()
                    self.forgetting = True  # until the rebase, the state still contains the unit: no snapshot of it
                    self.writer.drain()  # a snapshot that contains the unit must not be written after its erasure
                    now = self.options.clock()
                    erased = (
                        erasure.resume(self.storage, now) if unit is None else erasure.erase(self.storage, unit, now)
                    )
                    self.index.forget()
                    self.fold.forget()
                    self._stored_sets.clear()
                    self.windows.restore(self.storage, self.configuration.rewards)
                if erased.number:
                    self.rebase(Kind.REBASE, payload={"erased": list(erased)})
                with storing(), self.lock:
                    self.writer.drain()
                    erasure.finish(self.storage)
                    self.forgetting = self.unfinished = False
        except BaseException:
            self._in_doubt = True  # the next call rebuilds the state, and the erasure is completed
            raise
        return erased.number

    def close(self) -> None:
        """Write what is enqueued, keep a snapshot, and release the store. Again after an interruption."""
        self.check_process()
        with self.lock:
            self.closed = True
            healthy = self.writer.failure is None and self.writer.suspended is None
            whole = not self._in_doubt and not self.forgetting and self.fold.storable
            if healthy and whole and self.position > self._snapshot_at:
                self.snapshot()
        try:
            self.writer.close()
        except CroupierError:
            self._release()
            raise
        self._release()  # not after an interruption: the writer still needs the store, and `close` may be called again

    def _release(self) -> None:
        _LOOPS.discard(self)
        self.storage.close()


#: Kinds of facts after which other policies may decide.
_CHANGES_POLICIES = frozenset({Kind.EXPERIMENT.value, Kind.PROMOTION.value})
_LOOPS: weakref.WeakSet[Loop] = weakref.WeakSet()


@atexit.register
def _close_at_exit() -> None:
    """Write the tail of every log whose engine was not closed before the interpreter ends."""
    for loop in list(_LOOPS):
        if not loop.forked:
            try:
                loop.close()
            except CroupierError:
                _log.exception("an engine that was left open could not be closed at exit")
