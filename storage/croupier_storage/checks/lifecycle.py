# ruff: noqa: S101, D102  (these are tests: they assert, and the name of a test describes it)
"""Threads and closing."""

from __future__ import annotations

import threading

from croupier_storage.base import Storage
from croupier_storage.checks.samples import StorageChecks, assert_raises, decision
from croupier_storage.errors import StorageError


class LifecycleChecks(StorageChecks):
    """One store shared by threads, and closed."""

    def test_threads_may_share_it(self) -> None:
        failures: list[Exception] = []

        def read(storage: Storage) -> None:
            try:
                for _ in range(20):
                    positions = [fact.position for fact in storage.facts()]
                    assert positions == list(range(1, len(positions) + 1))
                    assert len(positions) % 10 == 0
            except (StorageError, AssertionError) as error:
                failures.append(error)

        with self.open() as storage:
            threads = [threading.Thread(target=read, args=(storage,)) for _ in range(2)]
            for thread in threads:
                thread.start()
            for _ in range(30):
                self.append_pairs(storage, 5)
            for thread in threads:
                thread.join()
            assert failures == []
            assert storage.head() == 300

    def test_closing_twice_is_allowed_and_using_it_afterwards_is_not(self) -> None:
        storage = self.open()
        storage.acquire()
        storage.acquire()
        storage.close()
        storage.close()
        assert_raises(StorageError, storage.head)
        assert_raises(StorageError, lambda: storage.append([decision(1)], {}))
        assert_raises(StorageError, lambda: storage.save_settings({}))
