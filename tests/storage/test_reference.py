"""A store in SQL behaves like the reference in plain Python under random operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from croupier_storage import Fact, Kind, Snapshot, Storage, StorageError, open_storage
from croupier_storage.checks.samples import decision, reward

UNITS = st.sampled_from(["a", "b", "Ω"])
PLACES = st.integers(1, 12)
SETS = st.dictionaries(st.sampled_from([b"x", b"y", b"z"]), st.binary(max_size=2), max_size=2)


class Machine(RuleBasedStateMachine):
    """Every rule applies one operation to both, and compares results or errors."""

    new_url: Callable[[], AbstractContextManager[str]]

    def __init__(self) -> None:
        super().__init__()
        self.ends = ExitStack()
        urls = ["memory://", self.ends.enter_context(self.new_url())]
        self.stores: list[Storage] = [self.ends.enter_context(open_storage(url)) for url in urls]

    def teardown(self) -> None:
        self.ends.close()

    def both(self, call: Any) -> None:
        """Call with each store, and compare."""
        reference, tested = (answer(call, store) for store in self.stores)
        assert tested == reference

    def append(self, facts: list[Fact], sets: dict[bytes, bytes]) -> None:
        self.both(lambda store: store.append(facts, sets))

    @rule(unit=UNITS, actions=st.sampled_from([b"x", b"y", None]), lag=st.integers(0, 3), sets=SETS)
    def decide(self, unit: str, actions: bytes | None, lag: int, sets: dict[bytes, bytes]) -> None:
        place = self.stores[0].head() + 1
        self.append([decision(place, as_of=max(0, place - 1 - lag))._replace(unit=unit, actions=actions)], sets)

    @rule(of=PLACES, kind=st.sampled_from([Kind.REWARD, Kind.DEFAULT]), key=st.sampled_from([None, "k", "k1", "l"]))
    def answer(self, of: int, kind: Kind, key: str | None) -> None:
        self.append([reward(self.stores[0].head() + 1, of)._replace(kind=kind, key=key)], {})

    @rule(places=st.lists(PLACES, min_size=1, max_size=3), unit=st.none() | UNITS)
    def append_anywhere(self, places: list[int], unit: str | None) -> None:
        self.append([Fact(place, Kind.OBSERVATION, 1.5, unit=unit) for place in places], {})

    @rule(place=PLACES, body=st.binary(max_size=3))
    def keep(self, place: int, body: bytes) -> None:
        self.both(lambda store: store.save_snapshot(Snapshot(place, 1.0, "ab", body)))

    @rule(place=PLACES, pinned=st.booleans())
    def pin(self, place: int, pinned: bool) -> None:
        self.both(lambda store: store.pin(place, pinned))

    @rule(place=PLACES)
    def drop(self, place: int) -> None:
        self.both(lambda store: store.delete_snapshot(place))

    @rule(unit=UNITS)
    def erase(self, unit: str) -> None:
        self.both(lambda store: store.erase(unit, 2.5))

    @rule(after=st.integers(0, 12), upto=st.none() | PLACES, kinds=st.lists(st.sampled_from(Kind), max_size=3))
    def read_a_window(self, after: int, upto: int | None, kinds: list[Kind]) -> None:
        self.both(lambda store: list(store.facts(after, upto, kinds=kinds)))
        self.both(lambda store: list(store.decisions_without(kinds, after, upto)))
        self.both(lambda store: list(store.decisions_out_of_order(after, upto)))

    @invariant()
    def the_two_say_the_same(self) -> None:
        self.both(lambda store: (store.head(), list(store.facts()), list(store.damaged_positions()), store.snapshots()))
        self.both(lambda store: store.action_sets([b"x", b"y", b"z"]))
        self.both(
            lambda store: (
                store.fact_with_key("k"),
                store.facts_with_keys(["l", "k"]),
                store.decision("d1"),
                store.facts_at([1, 2, 40]),
            )
        )
        self.both(lambda store: [store.facts_about(place) for place in range(1, 6)])
        self.both(lambda store: [store.snapshot(place) for place in range(1, 6)])


def answer(call: Any, store: Storage) -> object:
    try:
        return call(store)
    except StorageError as refusal:
        return type(refusal)


@contextmanager
def sqlite_url() -> Iterator[str]:
    yield "sqlite://"


@pytest.mark.parametrize(("dialect", "examples"), [("sqlite", 40), ("postgres", 4)])
def test_a_store_behaves_like_the_reference(dialect: str, examples: int, request: pytest.FixtureRequest) -> None:
    new = request.getfixturevalue("postgres").database if dialect == "postgres" else sqlite_url

    class Tested(Machine):
        new_url = staticmethod(new)

    run_state_machine_as_test(
        Tested,
        settings=settings(
            max_examples=examples, stateful_step_count=25, derandomize=True, deadline=None, database=None
        ),
    )
