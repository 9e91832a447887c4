"""The errors of a store. Every message says what is wrong, what harm it would do, and what to do instead."""

from __future__ import annotations


class StorageError(Exception):
    """The base class of this package's errors."""


class StoreUnavailable(StorageError):
    """The database cannot be reached, or is read-only, locked or full; nothing of the call was stored."""


class StoreInUse(StorageError):
    """Another process holds the store's exclusive lease."""


class PositionTaken(StorageError):
    """Another writer has appended since the caller read the head; read those facts, and renumber."""


class InvalidFact(StorageError, ValueError):
    """A value that not every back end can store and return unchanged; nothing of the call was stored."""


class SchemaMismatch(StorageError):
    """The store has a newer or unknown schema."""


class CorruptStore(StorageError):
    """The content of the store cannot have been written by this library."""


class CorruptSnapshot(CorruptStore):
    """A snapshot is damaged, forged, or larger than the limit."""
