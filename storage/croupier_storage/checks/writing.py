# ruff: noqa: S101, D102  (these are tests: they assert, and the name of a test describes it)
"""Appending, refusals, and the other tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from croupier_storage.checks.samples import StorageChecks, assert_raises, decision
from croupier_storage.errors import InvalidFact, PositionTaken, StorageError
from croupier_storage.facts import Fact, PolicyRecord, Snapshot


class WritingChecks(StorageChecks):
    """Appending, refusals, and the other tables."""

    def test_appending_after_another_writer_is_refused_whole(self) -> None:
        with self.open() as storage:
            storage.append([decision(1)], {})
            assert_raises(PositionTaken, lambda: storage.append([decision(1)], {b"a": b"A"}))
            assert_raises(PositionTaken, lambda: storage.append([decision(3)], {b"a": b"A"}))
            assert storage.head() == 1
            assert storage.action_sets([b"a"]) == {}

    def test_facts_with_a_gap_between_them_are_refused(self) -> None:
        with self.open() as storage:
            assert_raises(InvalidFact, lambda: storage.append([decision(1), decision(3)], {}))
            assert storage.head() == 0

    def test_an_id_or_key_is_never_stored_twice(self) -> None:
        with self.open() as storage:
            storage.append([decision(1)], {})
            assert_raises(InvalidFact, lambda: storage.append([decision(2)._replace(id="d1")], {}))
            assert_raises(InvalidFact, lambda: storage.append([decision(2), decision(3)._replace(key="k1")], {}))
            assert list(storage.facts()) == [decision(1)]

    def test_values_that_would_not_be_read_back_unchanged_are_refused(self) -> None:
        fact = decision(1)
        invalid: Sequence[Fact] = [
            fact._replace(id="nul\0"),
            fact._replace(kind="\0"),
            fact._replace(unit="half \ud800"),
            fact._replace(reward=math.nan),
            fact._replace(reward=-0.0),
            fact._replace(at=math.inf),
            fact._replace(propensity=-math.inf),
            fact._replace(as_of=1 << 63),
        ]
        with self.open() as storage:
            for one in invalid:
                assert_raises(InvalidFact, lambda one=one: storage.append([one], {}))  # type: ignore[misc]  # mypy cannot infer a default in a lambda
            assert storage.head() == 0
            assert list(storage.facts()) == []

    def test_texts_too_long_for_an_index_are_refused(self) -> None:
        long = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(683))  # 2,049 bytes that no index can compress
        with self.open() as storage:
            assert_raises(InvalidFact, lambda: storage.append([decision(1)._replace(id=long)], {}))
            assert_raises(InvalidFact, lambda: storage.append([decision(1)._replace(key=long)], {}))
            assert_raises(InvalidFact, lambda: storage.save_settings({long: b""}))
            longest = decision(1)._replace(id=long[:-1], key=long[:-1], unit=long * 3)
            storage.append([longest], {})
            assert list(storage.facts()) == [longest]

    def test_action_sets_are_kept_once(self) -> None:
        with self.open() as storage:
            storage.append([decision(1)], {b"a": b"A", b"b": b""})
            storage.append([], {b"a": b"never replaces", b"c": b"C"})
            storage.append([], {})
            assert storage.action_sets([b"a", b"b", b"c", b"d"]) == {b"a": b"A", b"b": b"", b"c": b"C"}
            assert storage.head() == 1

    def test_settings_are_overwritten_one_by_one(self) -> None:
        with self.open() as storage:
            storage.save_settings({"seed": b"\x00", "config": b"{}"})
            storage.save_settings({"seed": b"\x01"})
            assert storage.settings() == {"seed": b"\x01", "config": b"{}"}

    def test_policies_come_back_by_id(self) -> None:
        records = [PolicyRecord(id, f"p{id}", b"{}", "00", "numpy") for id in (2, 1)]
        with self.open() as storage:
            for record in records:
                storage.save_policy(record)
            assert storage.policies() == records[::-1]
            assert_raises(StorageError, lambda: storage.save_policy(records[0]))

    def test_snapshots_are_kept_replaced_and_deleted(self) -> None:
        with self.open() as storage:
            storage.save_snapshot(Snapshot(5, 1.5, "aa", b"five"))
            storage.save_snapshot(Snapshot(3, 0.5, "bb", b""))
            storage.save_snapshot(Snapshot(5, 2.5, "cc", b"again!"))
            assert storage.snapshots() == [(3, 0.5, "bb", 0, False), (5, 2.5, "cc", 6, False)]
            assert storage.snapshot(5) == Snapshot(5, 2.5, "cc", b"again!")
            storage.delete_snapshot(3)
            storage.delete_snapshot(3)
            assert storage.snapshot(3) is None
