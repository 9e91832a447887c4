"""The whole conformance suite of a back end."""

from __future__ import annotations

from croupier_storage.checks.lifecycle import LifecycleChecks
from croupier_storage.checks.reading import ReadingChecks
from croupier_storage.checks.retention import RetentionChecks
from croupier_storage.checks.writing import WritingChecks


class StorageSuite(ReadingChecks, WritingChecks, RetentionChecks, LifecycleChecks):
    """What every back end must do: derive from it, say how to open a store, and let pytest run it.

    >>> from croupier_storage import Storage, open_storage
    >>> class TestMemory(StorageSuite):
    ...     def open(self) -> Storage:
    ...         return open_storage("memory://")
    """
