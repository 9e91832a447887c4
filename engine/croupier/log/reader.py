"""Facts of a store in decoded form, in the order in which they are folded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple, TypeVar

import orjson

from croupier.errors import CorruptStore
from croupier.log.cache import FIFOCache
from croupier.log.catalogue import remainder
from croupier.log.encoding import decode_actions, decode_features, decode_row
from croupier.log.rewards import Rewards, RewardState
from croupier.log.role import Role, role_from_payload
from croupier_policies import Actions, Row, State
from croupier_storage import Fact, Kind, Storage, open_storage, references

T = TypeVar("T")
NON_DECISION_KINDS = frozenset(kind.value for kind in Kind if kind is not Kind.DECISION)
FEATURE_KINDS = (Kind.OBSERVATION.value, Kind.DRIFT.value)


@contextmanager
def open_if_url(store: str | Storage) -> Iterator[Storage]:
    """A context manager that opens the store of a URL read-only; an open store is returned and stays open."""
    if isinstance(store, Storage):
        yield store
    else:
        with open_storage(store, create=False, read_only=True) as storage:
            yield storage


class DecodedDecision(NamedTuple):
    """A decision in decoded form, with all that learning its reward needs.

    Attributes:
        context: The context as the policy had it.
        actions: The candidates.
        drawn: The index of the drawn action in `actions.ids`.
        propensity: The probability with which it was drawn.
        role: The role in the running experiment, or None.
    """

    context: Row
    actions: Actions
    drawn: int
    propensity: float
    role: Role | None = None


class Log:
    """Reads the facts of a store in decoded form, in batches of at most `batch`.

    Attributes:
        runs: How many folds of this log are running, one within another.
        states: States at positions to which the log goes back: without them, each rollback would fold all before again.
    """

    def __init__(self, storage: Storage, batch: int = 256) -> None:
        self.storage, self.batch = storage, batch
        self._sets: FIFOCache[bytes, Actions] = FIFOCache(4096)
        self._features: FIFOCache[bytes, Row] = FIFOCache(4096)  # to which sets refer, shared by those sets
        self.runs = 0
        self.states: dict[int, State] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """While folds of this log run, one within another, they share states to which the log goes back."""
        self.runs += 1
        try:
            yield
        finally:
            self.runs -= 1
            if not self.runs:
                self.states.clear()

    def forget(self) -> None:
        """Drop the action sets from memory; they are read again when they are needed."""
        self._sets.clear()
        self._features.clear()

    def events(self, after: int, upto: int) -> Iterator[tuple[Fact, DecodedDecision | None]]:
        """The facts with after < position ≤ upto, each with its decoded form if it is a decision.

        Facts are in order of position, except that a decision comes before every fact after its `as_of`: the state of a
        decision is that at its `as_of`, whatever its own position.
        """
        displaced = self.decoded(self.storage.decisions_out_of_order(after, upto))
        upcoming = next(displaced, None)
        for fact, decided in self._in_position_order(after, upto):
            while upcoming is not None and (upcoming[0].as_of or 0) < fact.position - (decided is not None):
                yield upcoming
                upcoming = next(displaced, None)
            yield fact, decided
        while upcoming is not None:
            yield upcoming
            upcoming = next(displaced, None)

    def _in_position_order(self, after: int, upto: int) -> Iterator[tuple[Fact, DecodedDecision | None]]:
        """The facts in order of position, without the decisions that `displaced` returns."""
        for batch in batches(self.storage.facts(after, upto), self.batch):
            sets = self._action_sets({fact.actions for fact in batch if fact.actions is not None})
            for fact in batch:
                if fact.kind != "decision":
                    if fact.kind in NON_DECISION_KINDS:
                        yield fact, None
                elif fact.as_of is None or fact.as_of == fact.position - 1:
                    yield fact, _decode(fact, sets)

    def reward_states(self, upto: int, rule: Rewards) -> Iterator[tuple[Fact, RewardState]]:
        """Every decision up to a position, in order of position, with the state of its rewards at `upto`."""
        decisions = self.storage.facts(0, upto, kinds=(Kind.DECISION.value,))
        for batch in batches(decisions, self.batch):
            states = {fact.position: RewardState.from_decision(fact) for fact in batch}
            for fact in self.storage.facts_about(*states):
                if fact.decision is not None and fact.position <= upto:
                    states[fact.decision].apply(fact, rule)
            yield from ((fact, states[fact.position]) for fact in batch)

    def decisions_at(self, positions: Collection[int]) -> Iterator[tuple[Fact, DecodedDecision]]:
        """The decisions at these positions; positions without a decision are ignored."""
        found = self.storage.facts_at(sorted(positions)) if positions else {}
        return self.decoded(fact for fact in found.values() if fact.kind == Kind.DECISION)

    def decoded(self, facts: Iterable[Fact]) -> Iterator[tuple[Fact, DecodedDecision]]:
        """Decisions, each with its decoded form. Raises CorruptStore."""
        for batch in batches(facts, self.batch):
            sets = self._action_sets({fact.actions for fact in batch if fact.actions is not None})
            for fact in batch:
                yield fact, _decode(fact, sets)

    def _action_sets(self, digests: set[bytes]) -> dict[bytes, Actions]:
        known, bodies = self._known(self._sets, digests)
        features, items = self._known(
            self._features, {each for body in bodies.values() for each in references(body)[0]}
        )
        for digest, body in items.items():
            features[digest] = decode_features(body, digest)
            self._features.put(digest, features[digest])
        for digest, body in bodies.items():
            known[digest] = decode_actions(body, digest, features)
            self._sets.put(digest, known[digest])
        return known

    def _known(self, cache: FIFOCache[bytes, T], digests: set[bytes]) -> tuple[dict[bytes, T], dict[bytes, bytes]]:
        """What the cache has of these digests, and the stored bodies of the others."""
        known = {digest: found for digest in digests if (found := cache.get(digest)) is not None}
        missing = [digest for digest in digests if digest not in known]
        return known, self.storage.action_sets(missing) if missing else {}


def _decode(fact: Fact, sets: dict[bytes, Actions]) -> DecodedDecision:
    actions = sets.get(fact.actions or b"")
    if fact.context is None or fact.action is None or fact.propensity is None or actions is None:
        raise CorruptStore(f"the decision at position {fact.position} has no context, action, propensity or candidates")
    if not 0.0 <= fact.propensity <= 1.0 + 1e-9 or not -1 < (fact.as_of or 0) < fact.position:
        raise CorruptStore(f"the decision at position {fact.position} has an impossible propensity or state")
    try:
        payload = {} if fact.body is None else orjson.loads(fact.body)
        if "without" in payload:
            actions = remainder(actions, payload["without"])
        role = role_from_payload(payload)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CorruptStore(f"the body of the decision at position {fact.position} cannot be read: {error!r}") from error
    ids = actions.ids
    if fact.action not in ids:
        raise CorruptStore(
            f"the action {fact.action!r} of the decision at position {fact.position} is not one of its candidates"
        )
    return DecodedDecision(decode_row(fact.context), actions, ids.index(fact.action), fact.propensity, role)


def incremental_reader(facts: Iterator[Fact]) -> Callable[[int], Iterator[Fact]]:
    """A function of a position that returns the facts before it that no earlier call has returned."""
    upcoming = next(facts, None)

    def read_before(position: int) -> Iterator[Fact]:
        nonlocal upcoming
        while upcoming is not None and upcoming.position < position:
            yield upcoming
            upcoming = next(facts, None)

    return read_before


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`.

    >>> list(batches("abc", 2))
    [['a', 'b'], ['c']]
    """
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
