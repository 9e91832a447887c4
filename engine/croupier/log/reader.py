"""Facts of a store in decoded form, in the order in which a fold wants them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple, TypeVar

import orjson

from croupier.errors import CorruptStore
from croupier.log.cache import FIFOCache
from croupier.log.catalogue import part
from croupier.log.encoding import decode_actions, decode_row
from croupier.log.rewards import Rewards, RewardState
from croupier.log.role import Role, role_of
from croupier_policies import Actions, Row
from croupier_storage import Fact, Kind, Storage, open_storage

T = TypeVar("T")
APPLIED = frozenset(kind.value for kind in Kind if kind is not Kind.DECISION)
BEHAVIOUR = (Kind.OBSERVATION.value, Kind.DRIFT.value)


@contextmanager
def opened(store: str | Storage) -> Iterator[Storage]:
    """A store given by its URL, opened read-only for the block; an open one as it is."""
    if isinstance(store, Storage):
        yield store
    else:
        with open_storage(store, create=False, read_only=True) as storage:
            yield storage


class DecodedDecision(NamedTuple):
    """A decision in decoded form, what learning from its reward needs: `actions.ids[drawn]` was drawn.

    `role` says for which variant, where an experiment was running.
    """

    context: Row
    actions: Actions
    drawn: int
    propensity: float
    role: Role | None = None


class Log:
    """The decoded view of a store."""

    def __init__(self, storage: Storage, batch: int = 256) -> None:
        self.storage, self.batch = storage, batch
        self._sets: FIFOCache[bytes, Actions] = FIFOCache(4096)

    def forget(self) -> None:
        """Drop the action sets at hand; they will be read again."""
        self._sets.clear()

    def events(self, after: int, upto: int) -> Iterator[tuple[Fact, DecodedDecision | None]]:
        """Facts with after < position ≤ upto, decisions decoded, a decision before any fact later than its `as_of`.

        What a decision saw is what had been folded by its `as_of`, whatever its own position.
        """
        displaced = self.decoded(self.storage.decisions_out_of_order(after, upto))
        ahead = next(displaced, None)
        for fact, decided in self._in_place(after, upto):
            while ahead is not None and (ahead[0].as_of or 0) < fact.position - (decided is not None):
                yield ahead
                ahead = next(displaced, None)
            yield fact, decided
        while ahead is not None:
            yield ahead
            ahead = next(displaced, None)

    def _in_place(self, after: int, upto: int) -> Iterator[tuple[Fact, DecodedDecision | None]]:
        """Facts in order of position, without the decisions that belong in another place."""
        for batch in batches(self.storage.facts(after, upto), self.batch):
            sets = self._action_sets({fact.actions for fact in batch if fact.actions is not None})
            for fact in batch:
                if fact.kind != "decision":
                    if fact.kind in APPLIED:
                        yield fact, None
                elif fact.as_of is None or fact.as_of == fact.position - 1:
                    yield fact, _decode(fact, sets)

    def reward_states(self, upto: int, rule: Rewards) -> Iterator[tuple[Fact, RewardState]]:
        """Every decision up to a position, in order of position, with the state of its rewards there."""
        decisions = self.storage.facts(0, upto, kinds=(Kind.DECISION.value,))
        for batch in batches(decisions, self.batch):
            states = {fact.position: RewardState.of(fact) for fact in batch}
            for fact in self.storage.facts_about(*states):
                if fact.decision is not None and fact.position <= upto:
                    states[fact.decision].apply(fact, rule)
            yield from ((fact, states[fact.position]) for fact in batch)

    def decisions_at(self, positions: Collection[int]) -> Iterator[tuple[Fact, DecodedDecision]]:
        """The decisions at these positions; where there is none, there comes none."""
        found = self.storage.facts_at(sorted(positions)) if positions else {}
        return self.decoded(fact for fact in found.values() if fact.kind == Kind.DECISION)

    def decoded(self, facts: Iterable[Fact]) -> Iterator[tuple[Fact, DecodedDecision]]:
        """Decisions with their decoded form. Raises CorruptStore."""
        for batch in batches(facts, self.batch):
            sets = self._action_sets({fact.actions for fact in batch if fact.actions is not None})
            for fact in batch:
                yield fact, _decode(fact, sets)

    def _action_sets(self, digests: set[bytes]) -> dict[bytes, Actions]:
        known = {digest: actions for digest in digests if (actions := self._sets.get(digest)) is not None}
        missing = [digest for digest in digests if digest not in known]
        for digest, body in self.storage.action_sets(missing).items() if missing else ():
            known[digest] = decode_actions(body, digest)
            self._sets.put(digest, known[digest])
        return known


def _decode(fact: Fact, sets: dict[bytes, Actions]) -> DecodedDecision:
    actions = sets.get(fact.actions or b"")
    if fact.context is None or fact.action is None or fact.propensity is None or actions is None:
        raise CorruptStore(f"the decision at position {fact.position} lacks what every decision has")
    said = {} if fact.body is None else orjson.loads(fact.body)
    if "without" in said:
        actions = part(actions, said["without"])
    ids = actions.ids
    if fact.action not in ids:
        raise CorruptStore(f"the decision at position {fact.position} shows {fact.action!r}, no candidate of its own")
    return DecodedDecision(decode_row(fact.context), actions, ids.index(fact.action), fact.propensity, role_of(said))


def until(facts: Iterator[Fact]) -> Callable[[int], Iterator[Fact]]:
    """What gives, at each call, those facts before a position that it has not given yet."""
    ahead = next(facts, None)

    def before(position: int) -> Iterator[Fact]:
        nonlocal ahead
        while ahead is not None and ahead.position < position:
            yield ahead
            ahead = next(facts, None)

    return before


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`.

    >>> list(batches("abc", 2))
    [['a', 'b'], ['c']]
    """
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
