"""The loop behind an engine: decisions and what is said of them, one fact after another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from croupier.configuration import Configuration, canonical_json
from croupier.encoding import EncodedActions, encode_row
from croupier.errors import CroupierError, EngineClosed, PolicyFailed, as_ours, storing
from croupier.experiments.running import Role
from croupier.history import History
from croupier.log import Decided
from croupier.opening import Opened, recorded
from croupier.recent import Recent
from croupier.stories import Known
from croupier.windows import Windows
from croupier.writer import Portrait, Writer
from croupier_policies import Policy, Row, Vector
from croupier_policies.sampling import checked, draw, uniform
from croupier_storage import Fact, Kind, Storage, StorageError, decision_fact


class Options(NamedTuple):
    """How a live loop runs; see `Engine.open`."""

    durable: bool
    snapshot_every: int
    snapshot_seconds: float | None
    snapshots_kept: int
    queue: int
    clock: Callable[[], float]


class Asked(NamedTuple):
    """A checked question: what `choose` was called with, encoded."""

    name: str
    row: Row
    body: bytes
    candidates: EncodedActions
    unit: str | None
    at: float
    deferred: bool
    featured: bool = False  # whether features stand in the row


class Made(NamedTuple):
    """A decision, the vector it was drawn from, the place there of what was drawn, and the role it was made in."""

    fact: Fact
    vector: Vector
    drawn: int
    role: Role | None


class Loop:
    """One store's fold, writer, history and open windows. Every method that changes them is called under `lock`."""

    def __init__(self, storage: Storage, opened: Opened, options: Options) -> None:
        self.storage, self.options = storage, options
        self.lock = threading.RLock()
        self.rebasing = threading.Lock()
        self.gate = threading.Event()  # closed for a moment by whoever must not wait for ever for the lock
        self.gate.set()
        self.closed = self._forgetting = False
        self.resume(opened)

    def resume(self, opened: Opened) -> None:
        """Begin from what was restored; also again, after the store had failed."""
        self.configuration: Configuration = opened.configuration
        self.fold = opened.fold
        self.position, self._snapshot_at = opened.fold.position, opened.snapshot_at
        self._snapshot_time = self.options.clock()
        self.note_policies()
        self.windows = Windows(self.configuration.rewards)
        self.windows.restore(self.storage, self.configuration.rewards)
        self.failure: CroupierError | None = None
        self._stored_sets: Recent[bytes, bool] = Recent(4096)
        self.writer = Writer(
            self.storage,
            linger=not self.options.durable,
            capacity=self.options.queue,
            snapshots_kept=self.options.snapshots_kept,
        )
        self.history = History(self.storage, self.writer)
        self.fold.log.settle = self.settled
        self._tell()  # what a crash had left untold

    def check(self) -> None:
        """Raises what keeps the loop from going on, if anything does."""
        if self.closed:
            raise EngineClosed("the engine is closed; open the store again")
        if self.failure is not None:
            raise self.failure
        self.writer.check()

    def note_policies(self) -> None:
        """Bring to hand the records of everyone who may decide now, by variant; they are written where they are new."""
        fold, running = self.fold, self.fold.running
        self._records = {"": recorded(self.storage, fold.parts.policy)}
        if running is not None:
            for variant in running.split.held:
                policy = running.decider(variant, fold.parts.policy)
                self._records[variant] = recorded(self.storage, policy)

    def vector(self, policy: Policy, asked: Asked) -> Vector:
        """The policy's probabilities. Raises PolicyFailed where they are none."""
        actions = asked.candidates.actions
        try:
            return checked(policy.probabilities(asked.row, actions), len(actions))
        except (ValueError, ArithmeticError) as error:
            raise PolicyFailed(f"decision {asked.name} was not made: {error}") from error

    def decide(self, asked: Asked) -> Made:
        """Draw an action, and queue and fold the decision."""
        asked = self.featured(asked)
        return self.keep(asked, self.drawn(asked))

    def keep(self, asked: Asked, made: Made) -> Made:
        """Queue and fold a decision that was drawn, as the next fact."""
        fact = made.fact
        drawn = Decided(asked.row, asked.candidates.actions, made.drawn, fact.propensity or 0.0, made.role)
        self._append(fact, asked.candidates)
        self.fold.decide(fact, drawn)
        self.history.put(asked.name, fact.position)
        self.windows.opened(fact)
        return made

    def featured(self, asked: Asked) -> Asked:
        """The question with the features of its unit in its row, where the store has features."""
        if self.fold.behaviour.features is None:
            return asked
        row = self.fold.behaviour.context(asked.row, asked.unit, asked.at)
        return asked._replace(row=row, body=encode_row(row, "context"), featured=True)

    def drawn(self, asked: Asked) -> Made:
        """Draw an action; nothing is changed."""
        self.fold.check_shape(asked.row)
        running, seed, actions = self.fold.running, self.configuration.seed, asked.candidates.actions
        role = None if running is None else running.assign(seed, asked.unit)
        p = self.vector(self.fold.decider(role), asked)
        index = draw(p, u := uniform(seed, "draw", asked.name))
        fact = decision_fact(
            self.position + 1,
            asked.at,
            asked.name,
            asked.unit,
            actions.ids[index],
            float(p[index]),
            self.fold.position,
            self._records["" if role is None else role.variant].id,
            asked.body,
            asked.candidates.digest,
        )
        said = self._said(asked, role, index, u)
        return Made(fact._replace(body=canonical_json(said)) if said else fact, p, index, role)

    def _said(self, asked: Asked, role: Role | None, drawn: int, u: float) -> dict[str, Any]:
        """What a decision says beside its columns; shadows draw with the same uniform number."""
        said: dict[str, Any] = {} if role is None else role._asdict()
        if asked.deferred:
            said["deferred"] = True
        if asked.featured:
            said["features"] = True
        if asked.candidates.without:
            said["without"] = asked.candidates.without
        for name, policy in self.fold.shadows():
            p = self.vector(policy, asked)
            said.setdefault("shadows", {})[name] = [float(p[drawn]), asked.candidates.actions.ids[draw(p, u)]]
        return said

    def known(self, id: str) -> tuple[int, Known]:
        """Position and story of a decision. Raises UnknownDecision."""
        position = self.history.find(id)
        try:  # not `storing`: this is on the way of every reward, and a context manager costs more than the look-up
            return position, self.fold.known(position)
        except StorageError as error:
            raise as_ours(error) from error

    def say(self, kind: Kind, at: float, decision: int | None = None, **said: Any) -> Fact:
        """Fold and queue a fact of any kind but a decision."""
        return self.add(Fact(self.position + 1, kind.value, at, decision=decision, **said))

    def add(self, fact: Fact) -> Fact:
        """Fold and queue a fact that follows the last one."""
        try:
            self.fold.apply(fact)
        except Exception as error:  # a user's model may raise anything, and may have learned half of it before
            self.failure = PolicyFailed(
                f"the {fact.kind} of the decision at position {fact.decision} could not be learned ({error!r}) and was "
                "not logged. What was learned of it in part is in no log: close the engine and open it again to go on "
                "from the log's state"
            )
            raise self.failure from error
        self._append(fact)
        self._tell()
        return fact

    def _tell(self) -> None:
        """What the detectors have found, as facts."""
        drift = self.fold.behaviour.drift
        while drift is not None and drift.pending:
            found = drift.pending[0]
            self.say(Kind.DRIFT, found.at, unit=found.unit, action=found.action, body=drift.said(found))

    def _append(self, fact: Fact, candidates: EncodedActions | None = None) -> None:
        new_set = None
        if candidates is not None and self._stored_sets.get(candidates.digest) is None:
            new_set = candidates.digest, candidates.body
            self._stored_sets.put(candidates.digest, True)
        self.writer.put(fact, new_set)
        self.position = fact.position

    def expire(self, at: float) -> int:
        """Close the windows that are due; returns how many."""
        rule, closed = self.configuration.rewards, 0
        for position in self.windows.due(at):
            with storing():
                standing = self.fold.known(position).standing
            if not standing.closed and not (rule.aggregate == "first" and standing.answered):
                default = rule.default if not standing.rewards and standing.learnable else None
                self.say(Kind.DEFAULT, at, position, reward=default)
                closed += 1
        return closed

    def settle(self, position: int) -> None:
        """What follows a fact: a snapshot when one is due, and in "commit" mode the wait for the disk."""
        options = self.options
        due = position - self._snapshot_at >= options.snapshot_every
        if not due and options.snapshot_seconds is not None:
            due = position > self._snapshot_at and options.clock() - self._snapshot_time >= options.snapshot_seconds
        if due and self.fold.storable and not self._forgetting:
            with self.lock:
                self.snapshot()
        if options.durable:
            self.writer.wait(position)

    def settled(self) -> int:
        """Wait until every fact so far is committed; returns the last position."""
        position = self.position
        self.writer.wait(position)
        return position

    def snapshot(self) -> int:
        """Queue a snapshot of the present state behind the facts that it contains; returns its position."""
        self._snapshot_at, self._snapshot_time = self.position, self.options.clock()
        self.writer.photograph(Portrait(self.position, self._snapshot_time, self.fold.state()))
        return self.position
