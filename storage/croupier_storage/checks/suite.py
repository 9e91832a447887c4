"""The complete conformance suite of a back end."""

from __future__ import annotations

from croupier_storage.checks.lifecycle import LifecycleChecks
from croupier_storage.checks.reading import ReadingChecks
from croupier_storage.checks.retention import RetentionChecks
from croupier_storage.checks.writing import WritingChecks


class StorageSuite(ReadingChecks, WritingChecks, RetentionChecks, LifecycleChecks):
    """The requirements of every back end: derive from it, define `open`, and let pytest run it.

    >>> from croupier_storage import Storage, open_storage
    >>> class TestMemory(StorageSuite):
    ...     def open(self) -> Storage:
    ...         return open_storage("memory://")
    """
