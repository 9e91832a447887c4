# ruff: noqa: S101, D102  (these are tests: they assert, and the name of a test describes it)
"""Facts are read back exactly and in order."""

from __future__ import annotations

from croupier_storage.checks.samples import StorageChecks, decision, reward
from croupier_storage.facts import Fact, Kind


class ReadingChecks(StorageChecks):
    """Facts, by window, kind, id, position, decision and `as_of`."""

    def test_a_new_store_is_empty(self) -> None:
        with self.open() as storage:
            assert storage.head() == 0
            assert [*storage.facts(), *storage.decisions_out_of_order(), *storage.damaged_positions()] == []
            assert (storage.settings(), storage.policies(), storage.snapshots()) == ({}, [], [])
            assert storage.decision("d1") is None
            assert storage.snapshot(1) is None
            assert storage.facts_at([1]) == {}
            assert storage.action_sets([b"x"]) == {}
            assert storage.facts_about(1) == []

    def test_facts_come_back_exactly(self) -> None:
        facts = [decision(1), reward(2, 1), Fact(3, "unheard-of", 0.0), decision(4, context=b""), reward(5, 4, -2.0)]
        with self.open() as storage:
            storage.append(facts, {})
            found = list(storage.facts())
            assert found == facts
            assert all(type(fact) is Fact and type(fact.kind) is str for fact in found)
            assert [list(map(type, fact[2:])) for fact in found] == [list(map(type, fact[2:])) for fact in facts]
            assert storage.head() == 5
            assert list(storage.damaged_positions()) == []

    def test_facts_are_read_in_any_window_and_in_many_batches(self) -> None:
        with self.open() as storage:
            facts = self.append_pairs(storage, 1500)
            assert list(storage.facts()) == facts
            assert list(storage.facts(10, 2040)) == facts[10:2040]
            assert list(storage.facts(2999)) == facts[2999:]
            assert list(storage.facts(5, 5)) == list(storage.facts(3000)) == list(storage.facts(7, 3)) == []
            assert list(storage.facts(0, 10**9)) == facts

    def test_facts_can_be_selected_by_kind(self) -> None:
        with self.open() as storage:
            facts = self.append_pairs(storage, 1500)
            assert list(storage.facts(kinds=[Kind.REWARD])) == facts[1::2]
            assert list(storage.facts(4, 8, kinds=[Kind.DECISION, Kind.DRIFT])) == [facts[4], facts[6]]
            assert list(storage.facts(kinds=[])) == list(storage.facts(kinds=[Kind.DRIFT])) == []

    def test_reading_ends_at_the_head_of_its_start_and_blocks_no_writer(self) -> None:
        with self.open() as storage:
            facts = self.append_pairs(storage, 600)
            reading = storage.facts()
            first = next(reading)
            self.append_pairs(storage, 5)
            assert [first, *reading] == facts

    def test_decisions_out_of_order_come_in_the_order_of_as_of(self) -> None:
        lags = [0, 7, 3, 0, 5]
        facts = [decision(place, as_of=max(0, place - 1 - lags[place % 5])) for place in range(1, 5001)]
        with self.open() as storage:
            storage.append(facts, {})
            storage.append([reward(5001, 1)], {})
            late = [fact for fact in facts if fact.as_of != fact.position - 1]
            expected = sorted(late, key=lambda fact: (fact.as_of or 0, fact.position))
            assert 2000 < len(expected) < len(facts)
            assert list(storage.decisions_out_of_order()) == expected
            some = [fact for fact in expected if 100 < fact.position <= 200]
            assert list(storage.decisions_out_of_order(100, 200)) == some

    def test_decisions_out_of_order_that_share_an_as_of_are_all_found(self) -> None:
        with self.open() as storage:
            facts = [decision(place) for place in range(1, 2101)]
            storage.append(facts, {})
            assert list(storage.decisions_out_of_order()) == facts[1:]

    def test_decisions_out_of_order_are_found_in_long_and_short_windows(self) -> None:
        with self.open() as storage:
            self.append_pairs(storage, 20_000)
            late = [decision(40_001, as_of=30), decision(40_002, as_of=7), decision(40_003, as_of=40_002)]
            storage.append(late, {})
            for after in (0, 39_990):
                assert [fact.position for fact in storage.decisions_out_of_order(after) if fact.position > 40_000] == [
                    40_002,
                    40_001,
                ]

    def test_facts_are_found_by_id_position_and_decision(self) -> None:
        with self.open() as storage:
            facts = self.append_pairs(storage, 600)
            storage.append([reward(1201, 3, 0.5)], {})
            assert storage.decision("d3") == facts[2]
            assert storage.decision("d4") is None
            assert storage.fact_with_key("k") is None
            assert storage.facts_about(3) == [facts[3], reward(1201, 3, 0.5)]
            storage.append([reward(1202, 5, 0.5)._replace(key="k")], {})
            assert storage.fact_with_key("k") == reward(1202, 5, 0.5)._replace(key="k")
            assert storage.facts_with_keys(["k", "l"]) == {"k": storage.fact_with_key("k")}
            assert storage.facts_with_keys([]) == {}
            assert storage.facts_at([7, 3, 7, 9999]) == {7: facts[6], 3: facts[2]}
            assert storage.facts_at(range(1, 1201)) == {fact.position: fact for fact in facts}
            assert storage.facts_at([]) == {}
