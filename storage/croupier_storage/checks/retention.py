# ruff: noqa: S101, D102  (these are tests: they assert, and the name of a test describes it)
"""Decisions without outcomes, pinned snapshots, and erasure."""

from __future__ import annotations

import orjson

from croupier_storage.checks.samples import StorageChecks, assert_raises, decision, reward
from croupier_storage.encoding.references import encode_references
from croupier_storage.errors import InvalidFact, StorageError
from croupier_storage.facts import Fact, Kind, Snapshot, SnapshotInfo


class RetentionChecks(StorageChecks):
    """Decisions without outcomes, pinned snapshots, and erasure."""

    def test_decisions_without_an_outcome_are_found_in_any_window(self) -> None:
        with self.open() as storage:
            facts = self.append_pairs(storage, 1200)
            more = [decision(2401), decision(2402), Fact(2403, Kind.DEFAULT, 1.0, decision=2401), decision(2404)]
            storage.append(more, {})
            both = [Kind.REWARD, Kind.DEFAULT]
            assert list(storage.decisions_without(both)) == [more[1], more[3]]
            assert list(storage.decisions_without([Kind.REWARD])) == [more[0], more[1], more[3]]
            assert list(storage.decisions_without(both, 2402)) == [more[3]]
            assert list(storage.decisions_without([Kind.REWARD], 5, 2401)) == [more[0]]
            assert list(storage.decisions_without([Kind.DEFAULT], 0, 2100)) == facts[:2100:2]
            assert list(storage.decisions_without([], 3, 6)) == [facts[4]]
            assert list(storage.decisions_without(both, 7, 3)) == list(storage.decisions_without(both, 9999)) == []

    def test_an_outcome_beyond_the_window_counts(self) -> None:
        with self.open() as storage:
            storage.append([decision(1), decision(2), reward(3, 1)], {})
            assert list(storage.decisions_without([Kind.REWARD], upto=2)) == [decision(2)]

    def test_snapshots_stay_pinned(self) -> None:
        with self.open() as storage:
            storage.save_snapshot(Snapshot(4, 1.0, "aa", b"four"))
            storage.pin(4, True)
            assert storage.snapshots() == [SnapshotInfo(4, 1.0, "aa", 4, True)]
            storage.save_snapshot(Snapshot(4, 2.0, "bb", b"newer"))
            assert storage.snapshots() == [SnapshotInfo(4, 2.0, "bb", 5, True)]
            storage.pin(4, False)
            assert [type(info.pinned) for info in storage.snapshots() if not info.pinned] == [bool]
            storage.pin(4, True)
            storage.delete_snapshot(4)
            assert_raises(StorageError, lambda: storage.pin(4, True))
            storage.save_snapshot(Snapshot(4, 3.0, "cc", b""))
            assert not storage.snapshots()[0].pinned

    def test_erasing_leaves_tombstones_in_place(self) -> None:
        mine, other = (
            decision(2)._replace(unit="gone", actions=b"mine"),
            decision(3)._replace(actions=b"ours"),
        )
        facts = [
            Fact(1, Kind.OBSERVATION, 1.5, unit="somebody"),
            mine,
            other,
            reward(4, 2)._replace(key="of-mine"),
            reward(5, 3),
            decision(6)._replace(unit="gone", actions=b"ours"),
            Fact(7, Kind.CORRECTION, 2.5, decision=6, reward=0.5),
            Fact(8, Kind.OBSERVATION, 3.5, unit="gone", body=b"personal"),
        ]
        with self.open() as storage:
            storage.append(facts, {b"mine": b"M", b"ours": b"O"})
            for position in (1, 2, 5):
                storage.save_snapshot(Snapshot(position, 1.0, "aa", b"state"))
            storage.pin(2, True)
            gone = [2, 4, 6, 7, 8]
            assert storage.erase("gone", 9.5) == gone
            found = list(storage.facts())
            assert [found[place - 1] for place in (1, 3, 5)] == [facts[place - 1] for place in (1, 3, 5)]
            for position in gone:
                erased = found[position - 1]
                assert erased == Fact(position, "erasure", facts[position - 1].at, body=erased.body)
                assert erased.body is not None
                assert orjson.loads(erased.body) == {"erased": 9.5}
            assert storage.action_sets([b"mine", b"ours"]) == {b"ours": b"O"}
            assert [info.position for info in storage.snapshots()] == [1]
            assert list(storage.damaged_positions()) == []
            assert storage.head() == 8

    def test_an_erased_unit_is_not_found_and_the_log_accepts_facts(self) -> None:
        with self.open() as storage:
            storage.append([decision(1)._replace(unit="gone"), reward(2, 1), decision(3)], {b"set": b"S"})
            assert storage.erase("gone", 1.0) == [1, 2]
            assert storage.erase("gone", 2.0) == storage.erase("never seen", 2.0) == []
            assert storage.decision("d1") is storage.fact_with_key("k1") is None
            assert storage.facts_about(1) == []
            assert list(storage.decisions_out_of_order()) == list(storage.decisions_without([])) == [decision(3)]
            assert [fact.kind for fact in storage.facts_at([1, 2]).values()] == ["erasure"] * 2
            assert storage.action_sets([b"set"]) == {b"set": b"S"}
            storage.append([decision(4)._replace(id="d1", key="k1"), reward(5, 4)], {})
            assert storage.decision("d1") == decision(4)._replace(id="d1", key="k1")

    def test_what_a_remaining_set_refers_to_is_kept(self) -> None:
        kept, gone = b"k" * 16, b"g" * 16
        sets = {b"ours": encode_references([kept], b"O"), b"mine": encode_references([kept, gone], b"M")}
        facts = [decision(1)._replace(actions=b"ours"), decision(2)._replace(unit="gone", actions=b"mine")]
        with self.open() as storage:
            storage.append(facts, sets | {kept: b"K", gone: b"G"})
            assert storage.erase("gone", 1.0) == [2]
            assert storage.action_sets([*sets, kept, gone]) == {b"ours": sets[b"ours"], kept: b"K"}

    def test_a_unit_of_many_facts_is_erased_whole(self) -> None:
        with self.open() as storage:
            self.append_pairs(storage, 1300)
            assert storage.erase("user-Ω", 1.0) == list(range(1, 2601))
            assert list(storage.facts(kinds=[Kind.DECISION, Kind.REWARD])) == []
            assert list(storage.damaged_positions()) == []

    def test_a_unit_that_no_store_could_hold_is_refused(self) -> None:
        with self.open() as storage:
            assert_raises(InvalidFact, lambda: storage.erase("nul\0", 1.0))
            assert_raises(InvalidFact, lambda: storage.erase("gone", float("nan")))
